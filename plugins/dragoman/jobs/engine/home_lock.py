"""HOME's lock, which one supervisor holds, and what of HOME is known by it."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Final

from dragoman.errors import Unavailable
from dragoman.jobs.rendezvous import LOCK, file_identity

if TYPE_CHECKING:
    from pathlib import Path

HOMELESS: Final = "HOME is gone, or is another folder; put it back, or restart the server"
CGROUP: Final = "cgroup"
"""In HOME: where the cgroup is that all of an engine's processes are in."""


class HomeLock:
    """The lock of a HOME that this process holds; ``file`` is the one that is locked."""

    def __init__(self, home: Path, file: IO[str]) -> None:
        self._path = home / LOCK
        self._file = file
        self.cgroup_note = home / CGROUP
        """Where the cgroup is written down."""

    def at_home(self) -> bool:
        """Whether HOME's lock is the file that this supervisor holds: not if HOME is gone, or another folder."""
        mine = os.fstat(self._file.fileno())
        return file_identity(self._path) == (mine.st_dev, mine.st_ino)

    def check(self) -> None:
        """Raise Unavailable where it is not."""
        if not self.at_home():
            raise Unavailable(HOMELESS)

    def cage_name(self, host: str | None) -> str:
        """The name of one HOME's cgroup: not of a copy of it, nor of another folder in its place."""
        return f"{host}-{os.fstat(self._file.fileno()).st_ino}"

    def flush(self) -> None:
        """Keep the lock's file open until here."""
        self._file.flush()
