"""The SHA-256 of what is fetched while a block runs, however deep within it.

As with ``metering``, the signatures of every form of package lie between whoever wants to know and whoever fetches;
hence a context variable. Without a fingerprint nothing is hashed.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK: Final = 1024**2


class Hash(Protocol):
    """Takes bytes."""

    def update(self, data: bytes, /) -> None:
        """The next ones."""


@dataclass(slots=True)
class Fingerprint:
    """What is known of one value that was fetched."""

    sha256: str | None = None
    """In hex, where it was worked out on the way."""
    file: Path | None = None
    """Else the file whose content it is, still to be hashed."""


_CURRENT: Final[ContextVar[Fingerprint | None]] = ContextVar("dragoman_fingerprint", default=None)


@contextmanager
def fingerprinted() -> Iterator[Fingerprint]:
    """The fingerprint of what this thread fetches until the end of the block."""
    fingerprint = Fingerprint()
    token = _CURRENT.set(fingerprint)
    try:
        yield fingerprint
    finally:
        _CURRENT.reset(token)


class _Nobody:
    """Takes bytes that nobody wants hashed."""

    def update(self, data: bytes, /) -> None:
        pass


@contextmanager
def hashing() -> Iterator[Hash]:
    """To be fed with what is fetched; at the end of the block it is the fingerprint, if one is wanted."""
    fingerprint = _CURRENT.get()
    if fingerprint is None:
        yield _Nobody()
        return
    digest = hashlib.sha256()
    yield digest
    fingerprint.sha256 = digest.hexdigest()


def note_file(path: Path) -> None:
    """Tell that a file, which stays as long as the run, is what was fetched."""
    fingerprint = _CURRENT.get()
    if fingerprint is not None:
        fingerprint.file = path


def hash_now(path: Path) -> None:
    """Hash a small file, which may be gone soon, if a fingerprint is wanted."""
    if _CURRENT.get() is None:
        return
    with path.open("rb") as file, hashing() as digest:
        while block := file.read(BLOCK):
            digest.update(block)
