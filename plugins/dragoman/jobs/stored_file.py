"""A file of a job as whoever reads or sends it sees it: how large, how old, and its bytes. Never where it lies."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

BLOCK: Final = 256 * 1024
"""Bytes of a file that are in memory at once."""


class Blocks(Protocol):
    """The bytes of a file in pieces of at most BLOCK; to be closed, also where it was not read to its end.

    ResultNotAvailable is raised on the way if the file turns out to be shorter than it was said to be.
    """

    def __iter__(self) -> Blocks: ...

    def __next__(self) -> bytes: ...

    def close(self) -> None:
        """Let go of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file, as it was when it was looked up."""

    name: str
    """Its last name, without any folder."""
    size: int
    """Bytes."""
    etag: str
    """Opaque, without quotes; another one whenever the content is another."""
    modified: datetime
    """UTC."""
    read: Callable[[int, int], Blocks]
    """Opens the file for the bytes from the first number up to, not with, the second; raises ResultNotAvailable.

    What is open can be read to its end, even if the job is removed meanwhile.
    """
    path: Path | None = None
    """The file itself, where it lies on this host: for the kernel to send, never to show."""

    def blocks(self, start: int = 0, stop: int | None = None) -> Blocks:
        """The bytes from ``start`` up to, not with, ``stop`` (None: the end); raises ResultNotAvailable."""
        return self.read(start, self.size if stop is None else stop)

    def content(self) -> bytes:
        """All of it, in memory; raises ResultNotAvailable."""
        with closing(self.blocks()) as blocks:
            return b"".join(blocks)
