"""Files below a data root, opened there: whoever renames a folder or puts a link in its place changes nothing any more.

A path that was checked may lead elsewhere when it is opened. So each folder on the way is opened from the one above it,
no link followed, and the file is handed on as a link to what was opened, with its own name. Its companions, which share
its name but for the ending (``roads.dbf`` beside ``roads.shp``), are there too.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COMPANIONS: Final = 32
"""Of one file, at most."""
LOOKED_AT: Final = 20_000
"""Entries of a folder that are searched for companions."""

GONE: Final = "there is no such file, or it cannot be read"
_DESCRIPTORS: Final = Path("/proc/self/fd")


class Pinned:
    """Files that are open; closed when this is forgotten."""

    def __init__(self) -> None:
        self.descriptors: list[int] = []

    def __del__(self) -> None:
        for descriptor in self.descriptors:
            with suppress(OSError):
                os.close(descriptor)


def pin(real: Path, roots: Iterable[Path], folder: Path) -> tuple[Path, Pinned]:
    """A path to that very file, in a new folder within ``folder``, and what holds it; ``real`` has no links.

    Where the system does not show what a process has open, it is ``real`` itself. Raises InvalidRequest for a file
    that is not below a root any more, or no regular one.
    """
    pinned = Pinned()
    parent, name = _parent(real, roots, pinned), real.name
    descriptor = _opened(name, parent, pinned)
    if not _DESCRIPTORS.is_dir():
        return real, pinned
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=folder))
    _link(descriptor, place / name)
    for companion in _companions(parent, name):
        with suppress(InvalidRequest):
            _link(_opened(companion, parent, pinned), place / companion)
    return place / name, pinned


def _parent(real: Path, roots: Iterable[Path], pinned: Pinned) -> int:
    """The open folder of a file, reached from the root step by step."""
    for root in map(os.path.realpath, roots):
        if real.is_relative_to(root):
            current = _open(root, None, os.O_DIRECTORY, pinned)
            for step in real.relative_to(root).parts[:-1]:
                current = _open(step, current, os.O_DIRECTORY, pinned)
            return current
    raise InvalidRequest(GONE)


def _opened(name: str, parent: int, pinned: Pinned) -> int:
    """A regular file of an open folder."""
    descriptor = _open(name, parent, os.O_NONBLOCK, pinned)  # nobody waits for the other end of a pipe
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise InvalidRequest(GONE)
    return descriptor


def _open(name: str, parent: int | None, flags: int, pinned: Pinned) -> int:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=parent)
    except OSError as error:
        raise InvalidRequest(GONE) from error
    pinned.descriptors.append(descriptor)
    return descriptor


def _companions(parent: int, name: str) -> Iterator[str]:
    """The files of a folder that share a file's name but for the ending."""
    stem = name.partition(".")[0] + "."
    found = 0
    with os.scandir(parent) as entries:
        for number, entry in enumerate(entries):
            if number == LOOKED_AT or found == COMPANIONS:
                return
            if entry.name.startswith(stem) and entry.name != name and entry.is_file(follow_symlinks=False):
                found += 1
                yield entry.name


def _link(descriptor: int, path: Path) -> None:
    """By this process's number, so that a process that it starts can follow it too."""
    path.symlink_to(f"/proc/{os.getpid()}/fd/{descriptor}")
