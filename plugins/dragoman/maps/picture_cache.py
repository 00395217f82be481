"""Pictures that have been drawn, as files under HOME: bounded, the least recently used go first.

A key says all that a picture depends on, its file's version included, so that a picture is never out of date. It is
written under another name and renamed: who opens one has it whole, even if it is deleted at that moment.
"""

from __future__ import annotations

import hashlib
import json
import os
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
_KEY: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DRAFT: Final = ".draft-"


def key_of(description: JSON) -> str:
    """The key of what is described, as JSON; 64 hexadecimal digits."""
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def file_version(path: str) -> list[int]:
    """What tells a file from the one that takes its place; raises OSError."""
    status = Path(path).stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns]


class PictureCache:
    """The pictures in a folder; any number of processes may read and write it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, key: str) -> BinaryIO | None:
        """A picture, to be read and closed; None: it is not here."""
        path = self._path(key)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        with suppress(OSError):
            if time.time() - os.fstat(file.fileno()).st_mtime > FRESH:
                os.utime(path)
        return file

    def put(self, key: str, content: bytes) -> None:
        """Keep a picture; raises OSError if it cannot be written."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=_DRAFT)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(draft, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(draft)
            raise

    def shrink(self, most: int) -> int:
        """Delete the least recently used beyond ``most`` bytes, and abandoned drafts; how many bytes are left."""
        files = sorted(self._files())
        size = sum(each[1] for each in files)
        if size > most:
            for _, length, path in files:
                if size <= most * ROOM_LEFT:
                    break
                with suppress(OSError):
                    os.unlink(path)
                    size -= length
        return size

    def _files(self) -> Iterator[tuple[float, int, str]]:
        """Time of the last use, size and path of each picture."""
        abandoned = time.time() - ABANDONED
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = os.path.join(folder, name)
                with suppress(OSError):
                    status = os.stat(path)
                    if not name.startswith(_DRAFT):
                        yield status.st_mtime, status.st_size, path
                    elif status.st_mtime < abandoned:
                        os.unlink(path)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError("not the key of a picture")
        return self._folder / key[:2] / key[2:]
