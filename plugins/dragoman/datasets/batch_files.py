"""Where finished batches wait for whoever fetches them: files in memory, handed over by their names.

A batch is written in place through a mapping, and sent by the kernel from the same pages: no process copies it. Who
opens a file deletes it; its memory is free when it has been sent.
"""

from __future__ import annotations

import mmap
import os
import shutil
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

SHARED: Final = Path("/dev/shm")
FOLDER: Final = "batches"


def batch_folder(home: Path, memory: int) -> Path:
    """The folder of a server's batches, empty: in shared memory where there is enough of it, else in HOME."""
    place = home / FOLDER
    with suppress(OSError):
        if SHARED.is_dir() and shutil.disk_usage(SHARED).free > memory:
            name = sha256(str(home.absolute()).encode()).hexdigest()[:16]
            place = SHARED / f"dragoman-{os.getuid()}-{name}"
    for old in {place, home / FOLDER}:
        shutil.rmtree(old, ignore_errors=True)
    place.mkdir(mode=0o700, parents=True)
    return place


class BatchFile:
    """A batch that is being written."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, size)  # a disk that is full says so here, and not by a signal later
            self._map = mmap.mmap(file, size)
        except BaseException:
            path.unlink()
            raise
        finally:
            os.close(file)

    @property
    def body(self) -> memoryview:
        """The bytes of the body, to be filled in place."""
        return memoryview(self._map)

    def discard(self) -> None:
        """Delete it."""
        with suppress(FileNotFoundError):
            self.path.unlink()


def take(path: str) -> int:
    """Open a finished batch for reading, as the only one; a descriptor. Raises FileNotFoundError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with suppress(FileNotFoundError):
        Path(path).unlink()
    return file
