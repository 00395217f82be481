"""Where the web server's processes keep what they count, so that each of them can tell of all: HOME/metrics.

prometheus_client gives each process a file, mapped into memory, in the folder that a variable names when it is first
imported. Here the folder is named, emptied when no server runs on it, and the files of processes that have died are
added up in one: a server whose processes are replaced every hour has no more files for it, and its counters never
fall.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOGGER = logging.getLogger(__name__)

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
FOLDER: Final = "metrics"
SERVERS: Final = ".servers"
"""The file that every process of a server holds a lock on as long as it lives."""
READERS: Final = ".readers"
"""The file that is locked while files are read or added up."""
DEAD: Final = "histogram_dead.db"
"""What processes that have died counted."""
ROOM: Final = 1024 * 1024
"""Bytes of a process's file. They are had at once: a page that the disk has no room for would kill the process."""

_OF_A_PROCESS = re.compile(r"histogram_(\d+)\.db")


def name_folder(home: Path) -> None:
    """Have prometheus_client keep its files in HOME/metrics; where an operator named another folder, that stays.

    To be called before it is first imported. Where the folder cannot be used every process tells of itself alone.
    """
    if os.environ.get(VARIABLE):
        return
    folder = home / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _join(folder)
    except OSError as error:
        LOGGER.warning("HOME/%s cannot be used: %s", FOLDER, error.strerror, extra={"action": "metrics"})
        return
    os.environ[VARIABLE] = str(folder)


def _join(folder: Path) -> None:
    """Hold the servers' lock until this process ends; whoever finds nobody else there empties the folder first."""
    lock = os.open(folder / SERVERS, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    else:
        for path in folder.glob("*.db"):
            path.unlink()
    fcntl.flock(lock, fcntl.LOCK_SH)


def make_room(folder: Path) -> None:
    """Have the disk's room for this process's file; raises OSError where there is none."""
    descriptor = os.open(folder / f"histogram_{os.getpid()}.db", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, ROOM)
    finally:
        os.close(descriptor)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """While the block runs no file goes."""
    with _locked(folder, fcntl.LOCK_SH):
        yield


def add_up_the_dead(folder: Path) -> None:
    """Add what processes counted that have died to one file, and delete theirs."""
    from prometheus_client import mmap_dict

    files: Any = mmap_dict.MmapedDict  # it has no types
    with _locked(folder, fcntl.LOCK_EX):
        dead = [path for path in folder.iterdir() if _is_of_a_dead_process(path.name)]
        if not dead:
            return
        total = files(str(folder / DEAD))
        try:
            for path in dead:
                for key, value, _time, _place in files.read_all_values_from_file(str(path)):
                    total.write_value(key, total.read_value(key)[0] + value, 0.0)
                path.unlink()
        finally:
            total.close()


def _is_of_a_dead_process(name: str) -> bool:
    match = _OF_A_PROCESS.fullmatch(name)
    return match is not None and not psutil.pid_exists(int(match[1]))


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    try:
        lock = os.open(folder / READERS, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:  # HOME is gone
        yield
        return
    try:
        fcntl.flock(lock, kind)
        yield
    finally:
        with suppress(OSError):
            os.close(lock)
