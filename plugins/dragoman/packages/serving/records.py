"""Which copy of each package is current, for all server processes of a HOME.

    HOME/packages/served/<hash of the declaration>.json    a Record; .lock beside it while somebody looks at the files
    HOME/packages/generation                               a number that is another after every change of a record

The number lies in memory that the processes share, so that each request can look whether it is still the same.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import mmap
import os
import struct
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from dragoman.packages.package_files import HOME_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.packages.catalogue import Declaration

_NUMBER: Final = struct.Struct("<Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is served of one declared package."""

    id: str
    fingerprint: str
    """Of the files when they were last looked at."""
    looked: float
    """When that was: seconds since 1970."""
    snapshot: str = ""
    """The copy that is served; empty: none."""
    digest: str = ""
    """Of the copy."""
    version: str = ""
    """What its process.yml calls it."""
    since: float = 0.0
    """When it became current: seconds since 1970."""
    problem: str = ""
    """Why what the files are now is not served: one line; empty: it is."""


class Records:
    """The records of one HOME."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "packages" / "served"
        self._counter = home / "packages" / "generation"
        self._mark = home / HOME_MARK

    def read(self, declaration: Declaration) -> Record | None:
        """The record of a declared package; None if there is none that can be read."""
        return _load(self._path(declaration))

    def all(self) -> Iterator[Record]:
        """Every record, of packages that are not declared any more as well."""
        for path in self.folder.glob("*.json"):
            if (record := _load(path)) is not None:
                yield record

    def write(self, declaration: Declaration, record: Record) -> None:
        """Put a record in the place of the one before; raises OSError. For whoever holds the lock."""
        path = self._path(declaration)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(asdict(record)), encoding="utf-8")
        draft.replace(path)

    @contextmanager
    def locked(self, declaration: Declaration) -> Iterator[bool]:
        """Hold the lock of a declared package; gives False if another has it. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path(declaration).with_suffix(".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def generation(self) -> Generation:
        """The number, shared; raises OSError."""
        self._counter.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._mark.touch()  # before the first copy: HOME may lie in the folder of a package
        with self._counter.open("a+b") as file:
            if os.fstat(file.fileno()).st_size < _NUMBER.size:
                os.ftruncate(file.fileno(), _NUMBER.size)
            return Generation(mmap.mmap(file.fileno(), _NUMBER.size), self._counter)

    def _path(self, declaration: Declaration) -> Path:
        told = [declaration.id, declaration.form, str(declaration.folder), dict(declaration.options)]
        name = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:32]
        return self.folder / f"{name}.json"


class Generation:
    """A number in memory that is shared by all processes that have opened it."""

    def __init__(self, memory: mmap.mmap, file: Path) -> None:
        self._memory = memory
        self._file = file

    @property
    def now(self) -> bytes:
        """The number, as it lies there."""
        return self._memory[:]

    def advance(self) -> None:
        """Make it another one, for all."""
        with self._file.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (number,) = _NUMBER.unpack(self._memory[:])
            self._memory[:] = _NUMBER.pack(number + 1)


def _load(path: Path) -> Record | None:
    with suppress(OSError, ValueError, TypeError):
        return Record(**json.loads(path.read_text("utf-8")))
    return None
