"""Making a file that is whole before it has its name, by one process at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from dragoman.errors import ResultNotAvailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PART: Final = ".part"
"""What a file's name ends with until it is whole."""


def kind_of(name: str) -> str:
    """What comes before the first ``-`` of a name."""
    return name.partition("-")[0]


def make_whole(folder: Path, name: str, write: Callable[[BinaryIO], None]) -> None:
    """Make a file of the folder, unless it is there once this process may; raises ResultNotAvailable, OSError.

    A name is ``KIND-REST``; other files of the kind go once this one is there. The folder is made where it is missing.
    Who holds the lock is the only one that writes there, so what a killed process left half done is deleted; the lock
    ends with its process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        for left in folder.glob(f"*{PART}"):
            left.unlink(missing_ok=True)
        if (folder / name).exists():
            return
        part = folder / f"{name}{PART}"
        try:
            with part.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.rename(part, folder / name)
            for other in folder.glob(f"{kind_of(name)}-*"):
                if other.name != name:
                    other.unlink(missing_ok=True)
        except FileNotFoundError:  # the job was removed meanwhile, folder and all
            raise ResultNotAvailable from None
        except BaseException:  # whatever it was goes on; half a file does not stay
            part.unlink(missing_ok=True)
            raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder to oneself, among all processes of this host that ask so."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        raise ResultNotAvailable from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
