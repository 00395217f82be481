"""Undoing HTTP's content encodings piece by piece: a small body may unpack to an endless one."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, Protocol

from dragoman.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK: Final = 1024**2
"""Bytes read, and unpacked, at once."""

STEP: Final = 8 * 1024
"""Bytes handed to zlib at once: it copies the rest for each member that ends, and for each piece unpacked."""

_EITHER: Final = 32 + zlib.MAX_WBITS  # zlib's word for: gzip or deflate, look at the header


class Decoder(Protocol):
    """Bytes in, pieces of at most CHUNK bytes out."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes unpack to."""

    def finish(self) -> Iterator[bytes]:
        """What was kept back; InvalidRequest where the end is missing."""


class Identity:
    """No encoding."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bytes themselves."""
        yield data

    def finish(self) -> Iterator[bytes]:
        """Nothing."""
        yield from ()


class Inflater:
    """gzip, of one or more members, and deflate (RFC 9110, 8.4.1)."""

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(_EITHER)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Unpacked pieces; InvalidRequest for bytes that are no such thing."""
        for start in range(0, len(data), STEP):
            yield from self._feed(data[start : start + STEP])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._engine.eof:
                self._engine = zlib.decompressobj(_EITHER)
            try:
                piece = self._engine.decompress(data, CHUNK)
            except zlib.error as error:
                raise InvalidRequest("the content is not compressed as its Content-Encoding says") from error
            if piece:
                yield piece
            data = self._engine.unused_data if self._engine.eof else self._engine.unconsumed_tail

    def finish(self) -> Iterator[bytes]:
        """The last piece."""
        yield self._engine.flush()
        if not self._engine.eof:
            raise InvalidRequest("the compressed content ends too early")


def decoder_for(encoding: str) -> Decoder:
    """The decoder for a Content-Encoding header; InvalidRequest for one that is not known."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return Identity()
    if name in ("gzip", "x-gzip", "deflate"):
        return Inflater()
    raise InvalidRequest("the Content-Encoding is not supported; allowed: identity, gzip, deflate")
