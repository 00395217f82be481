"""Where finished batches wait for whoever fetches them: files in memory, handed over by their names.

    <session>-<generation>-<number>-<serial> ──► taken-<serial> ──► free-<size>-<time>-<serial>
        made by the loader ▲                      while it is sent        │ when it has been (``taken_batch.py``)
                           └──────────────────────────────────────────────┘

The first use of a page of memory costs more than to decode a picture into it, so files are used again. A rename is
atomic: a file has one holder at a time, and only who has taken it, and has read all that is to be sent, sets it free.
What is deleted meanwhile is whole for whoever reads it.
"""

from __future__ import annotations

import errno
import itertools
import mmap
import os
import secrets
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

SHARED: Final = Path("/dev/shm")
FOLDER: Final = "batches"
FETCHED_WITHIN: Final = 60.0
"""Seconds after which a batch that was handed out is fetched no more."""
FREE_FOR: Final = 10.0
"""Seconds that the memory of a batch that has been sent is kept for the next."""
ROOM_WITHIN: Final = 5.0
"""Seconds that memory of deleted files is waited for where there is no other."""
REST: Final = 0.1
"""Seconds from one try to the next."""
TAKEN: Final = "taken"
FREE: Final = "free"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFile:
    """A batch that is being written."""

    path: Path
    memory: mmap.mmap

    @property
    def body(self) -> memoryview:
        """The bytes of the body, to be filled in place; they hold what an earlier batch has left."""
        return memoryview(self.memory)


class BatchFiles:
    """The loader's files: new ones, and those that have been sent; safe for threads.

    A file that is used again is still mapped, with all its pages.
    """

    def __init__(self, folder: Path, memory: int) -> None:
        self._folder = folder
        self._memory = memory
        self._maps: dict[str, mmap.mmap] = {}
        """By serial."""
        self._lock = threading.Lock()
        self._mark = secrets.token_hex(4)
        self._serials = itertools.count()

    def begin(self, beginning: str, size: int, held: int) -> BatchFile:
        """A file of ``size`` bytes whose name has this beginning; raises OSError where there is no room.

        Free files of other sizes go where they, and the ``held`` bytes of all batches, would be more than the memory.
        What has been deleted is there until all processes have let go of it: that is waited for.
        """
        deadline = time.monotonic() + ROOM_WITHIN
        while True:
            try:
                with self._lock:
                    names = self._names()
                    return self._again(names, beginning, size) or self._new(names, beginning, size, held)
            except OSError as error:
                if error.errno != errno.ENOSPC or time.monotonic() > deadline:
                    raise
            self._delete_free()
            time.sleep(REST)

    def trim(self) -> None:
        """Delete what has been free for long."""
        with self._lock:
            oldest = time.time_ns() - int(FREE_FOR * 1e9)
            for name in _free(self._names()):
                if _freed(name) < oldest:
                    self._delete(name)

    def mapped(self, path: str, size: int) -> mmap.mmap:
        """The memory of a batch that another process has begun; raises OSError where it is gone."""
        with self._lock:
            if serial_of(Path(path).name) not in self._maps:
                self._names()
            return self._mapped(Path(path), size)

    def drop_deleted(self) -> None:
        """Let go of the memory of files that others have deleted."""
        with self._lock, suppress(OSError):  # the folder is gone, or no descriptor is left: at the next look
            self._names()

    def _again(self, names: Iterable[str], beginning: str, size: int) -> BatchFile | None:
        """The file of that size that was sent last: its pages are the likeliest to be in the processor's cache."""
        free = [name for name in _free(names) if _size(name) == size]
        for name in sorted(free, key=_freed, reverse=True):
            path = self._folder / f"{beginning}{serial_of(name)}"
            try:
                os.utime(self._folder / name)  # it may be old, and nobody knows yet that it is being filled
                os.rename(self._folder / name, path)
            except FileNotFoundError:  # it has been swept
                continue
            return BatchFile(path=path, memory=self._mapped(path, size))
        return None

    def _mapped(self, path: Path, size: int) -> mmap.mmap:
        """The file's memory; another loader may have made it."""
        serial = serial_of(path.name)
        if serial not in self._maps:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                self._maps[serial] = mmap.mmap(file, size)
            finally:
                os.close(file)
        return self._maps[serial]

    def _new(self, names: Iterable[str], beginning: str, size: int, held: int) -> BatchFile:
        free = sorted(_free(names), key=_freed)
        spare = self._memory - held - sum(_size(name) for name in free)
        for name in free:
            if spare >= 0:
                break
            self._delete(name)
            spare += _size(name)
        serial = f"{self._mark}{next(self._serials)}"
        path = self._folder / f"{beginning}{serial}"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, size)  # a disk that is full says so here, and not by a signal later
            memory = self._maps[serial] = mmap.mmap(file, size)
        except BaseException:  # whatever it was goes on; half a file does not stay
            path.unlink()
            raise
        finally:
            os.close(file)
        return BatchFile(path=path, memory=memory)

    def _names(self) -> list[str]:
        """The names of all files; the memory of those that others have deleted is let go of."""
        names = os.listdir(self._folder)
        serials = {serial_of(name) for name in names}
        for serial in [serial for serial in self._maps if serial not in serials]:
            del self._maps[serial]
        return names

    def _delete_free(self) -> None:
        with self._lock:
            for name in _free(self._names()):
                self._delete(name)

    def _delete(self, name: str) -> None:
        self._maps.pop(serial_of(name), None)
        discard(str(self._folder / name))


def _free(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(f"{FREE}-")]


def _size(name: str) -> int:
    """Bytes of a free file."""
    return int(name.split("-")[1])


def _freed(name: str) -> int:
    """When a free file was set free, in nanoseconds since 1970."""
    return int(name.split("-")[2])


def serial_of(name: str) -> str:
    """What stays of a file's name, whoever has it."""
    return name.rpartition("-")[2]


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
