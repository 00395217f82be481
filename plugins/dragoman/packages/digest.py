"""The hash of a package: the same files, the same workers."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_HASHED: Final = 64 * 2**20
"""Bytes; of a larger file (a model) only size and time of change count, since it is hashed at each start."""


def package_digest(folder: Path, *more: Path) -> str:
    """SHA-256, in hex, over names and contents of the folder's files in sorted order; ``more`` are hashed as well.

    Hidden files and folders, and what Python caches, do not count.
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


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        for name in names:
            path = Path(parent, name)
            if not name.startswith(".") and path.suffix != ".pyc" and path.is_file():
                yield path


def _content(file: Path) -> bytes:
    status = file.stat()
    if status.st_size > MAX_HASHED:
        return b"%d %d" % (status.st_size, status.st_mtime_ns)
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
