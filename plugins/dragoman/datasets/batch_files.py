"""Where finished batches wait for whoever fetches them: files in memory, handed over by their names.

A batch is written in place through a mapping, and sent by the kernel from the same pages: no process copies it. Who
opens a file deletes it; its memory is free when it has been sent.
"""

from __future__ import annotations

import mmap
import os
import shutil
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

SHARED: Final = Path("/dev/shm")
FOLDER: Final = "batches"
FETCHED_WITHIN: Final = 60.0
"""Seconds after which a batch that was handed out is fetched no more."""


def batch_folder(home: Path, memory: int) -> Path:
    """The folder of a server's batches, empty: in shared memory where there is enough of it, else in HOME."""
    shared, kept = _shared_folder(home), home / FOLDER
    for old in (shared, kept):
        shutil.rmtree(old, ignore_errors=True)
    with suppress(OSError):  # one that cannot be removed is somebody else's
        if shutil.disk_usage(SHARED).free > memory:
            shared.mkdir(mode=0o700)
            return shared
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    return kept


def _shared_folder(home: Path) -> Path:
    name = sha256(str(home.absolute()).encode()).hexdigest()[:16]
    return SHARED / f"dragoman-{os.getuid()}-{name}"


def batch_name(session: str, generation: int, number: int) -> str:
    """How the name of a batch's file begins."""
    return f"{session}-{generation}-{number}-"


def sweep(folder: Path, known: Container[str], making: Iterable[str]) -> None:
    """Delete what was handed out and never fetched, or was being made when a loader died.

    ``known`` are paths of batches that are ready, ``making`` the beginnings of the names of those being made.
    """
    beginnings = tuple(making)
    oldest = time.time() - FETCHED_WITHIN
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            with suppress(FileNotFoundError):
                old = entry.stat().st_mtime < oldest
                if old and entry.path not in known and not entry.name.startswith(beginnings):
                    os.unlink(entry.path)


class BatchFile:
    """A batch that is being written."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, size)  # a disk that is full says so here, and not by a signal later
            self._map = mmap.mmap(file, size)
        except BaseException:  # whatever it was goes on; half a file does not stay
            path.unlink()
            raise
        finally:
            os.close(file)

    @property
    def body(self) -> memoryview:
        """The bytes of the body, to be filled in place."""
        return memoryview(self._map)


def take(path: str) -> int:
    """Open a finished batch for reading, as the only one; a descriptor. Raises FileNotFoundError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with suppress(FileNotFoundError):
        Path(path).unlink()
    return file


def discard(path: str) -> None:
    """Delete the file of a batch, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def touch(path: str) -> bool:
    """Note that a batch is handed out now; False if its file is gone."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True
