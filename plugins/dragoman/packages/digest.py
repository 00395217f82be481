"""The hash of a package: the same files, the same workers."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError
from dragoman.packages.package_files import source_files

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_HASHED: Final = 64 * 2**20
"""Bytes; of a larger file (a model) only size and time of change count, since it is hashed at each start."""


def package_digest(folder: Path, *more: Path) -> str:
    """SHA-256, in hex, over names and contents of the folder's files in sorted order; ``more`` are hashed as well.

    What counts is told by ``package_files``.
    """
    digest = hashlib.sha256()
    try:
        for root in (folder, *more):
            for file in sorted(_files(root)):
                name = file.relative_to(root).as_posix().encode()
                content = _content(file)
                digest.update(b"%d:%b%d:%b" % (len(name), name, len(content), content))
    except OSError as error:
        raise PackageError(f"{folder.name}: a file cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def short(digest: str) -> str:
    """As much of a digest as people need to tell two versions apart."""
    return digest[:12]


def fingerprint(*roots: Path) -> str:
    """Another one for almost every change of the files below some roots, told by their names, sizes and times alone.

    Cheap: nothing is read. Empty where a root is not there, or goes while it is looked at.
    """
    digest = hashlib.sha256()
    try:
        for root in roots:
            if root.is_file():
                digest.update(_stamp(str(root), root.stat()))
            else:
                files = sorted(source_files(root), key=lambda entry: entry.path)
                digest.update(b"".join(_stamp(file.path, file.stat()) for file in files))
    except OSError:
        return ""
    return digest.hexdigest()


def _stamp(path: str, status: os.stat_result) -> bytes:
    numbers = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
    return os.fsencode(f"{path}\0{numbers}\0")


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    elif root.is_dir():
        yield from (Path(entry.path) for entry in source_files(root))


def _content(file: Path) -> bytes:
    status = file.stat()
    if status.st_size > MAX_HASHED:
        return b"%d %d" % (status.st_size, status.st_mtime_ns)
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
