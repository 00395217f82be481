"""Pictures that have been drawn, as files under HOME: bounded, the least recently used go first.

A key says all that a picture depends on, its file's version included, so that a picture is never out of date. It is
written under another name and renamed: who opens one has it whole, even if it is deleted at that moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.model.process import JSON

FOLDER: Final = "map-pictures"
"""Below HOME."""
ROOM_LEFT: Final = 0.8
"""Of the bound, how much is left after pictures were deleted."""
FRESH: Final = 60.0
"""Seconds in which a use is not noted again."""
ABANDONED: Final = 3600.0
"""Seconds after which a file that was not finished is deleted."""
BLOCK: Final = 4096
"""Bytes of a disk's block: a file takes whole ones, and most pictures are smaller."""
SUBFOLDERS: Final = 256
MANY: Final = 64
"""Pictures of a subfolder whose share of the bound can be told: keys are spread evenly over the subfolders."""
_KEY: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DRAFT: Final = ".draft-"

type _File = tuple[float, int, str]
"""Time of the last use, bytes of the disk, and path of a picture."""


def key_of(description: JSON) -> str:
    """The key of what is described, as JSON; 64 hexadecimal digits."""
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def file_version(path: str) -> list[int]:
    """What tells a file from the one that takes its place; raises OSError."""
    status = os.stat(path)  # asked for each picture: a Path costs three times as much
    return [status.st_ino, status.st_size, status.st_mtime_ns]


class PictureCache:
    """The pictures in a folder; any number of processes may read and write it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, key: str) -> BinaryIO | None:
        """A picture, to be read and closed; None: it is not here."""
        path = self._path(key)
        try:
            file = open(path, "rb", buffering=0)  # noqa: SIM115  # as in file_version; the caller closes it
        except FileNotFoundError:
            return None
        with suppress(OSError):
            if time.time() - os.fstat(file.fileno()).st_mtime > FRESH:
                os.utime(path)
        return file

    def put(self, key: str, content: bytes) -> None:
        """Keep a picture; raises OSError if it cannot be written."""
        path = Path(self._path(key))
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=_DRAFT)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(draft, path)
        except BaseException:  # whatever it was goes on; no draft stays
            with suppress(OSError):
                os.unlink(draft)
            raise

    def shrink(self, most: int) -> int:
        """Delete the least recently used beyond ``most`` bytes, and abandoned drafts; how many bytes are left.

        A subfolder of many pictures is held to its share when it has been looked through, and they are taken in any
        order: who is ended in the middle has deleted something, and something else the next time.
        """
        folders = self._subfolders()
        random.shuffle(folders)
        kept: list[_File] = []
        for folder in folders:
            files = sorted(_files(folder))
            kept += _oldest_deleted(files, most // SUBFOLDERS) if len(files) >= MANY else files
        return sum(each[1] for each in _oldest_deleted(sorted(kept), most))

    def _subfolders(self) -> list[str]:
        try:
            with os.scandir(self._folder) as entries:
                return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []

    def _path(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise ValueError("not the key of a picture")
        return f"{self._folder}{os.sep}{key[:2]}{os.sep}{key[2:]}"


def room_of(length: int) -> int:
    """Bytes of the disk that a picture of so many takes."""
    return BLOCK * max(1, -(-length // BLOCK))


def _files(folder: str) -> Iterator[_File]:
    """The pictures of a subfolder; drafts that were abandoned are deleted."""
    abandoned = time.time() - ABANDONED
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                status = entry.stat()
                if not entry.name.startswith(_DRAFT):
                    yield status.st_mtime, room_of(status.st_size), entry.path
                elif status.st_mtime < abandoned:
                    os.unlink(entry.path)


def _oldest_deleted(files: list[_File], most: int) -> list[_File]:
    """Delete the first of them if they are more than ``most`` bytes; those that are left."""
    size = sum(each[1] for each in files)
    if size <= most:
        return files
    left: list[_File] = []
    for each in files:
        if size > most * ROOM_LEFT:
            with suppress(OSError):
                os.unlink(each[2])
                size -= each[1]
                continue
        left.append(each)
    return left
