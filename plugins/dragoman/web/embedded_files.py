"""Files inside a JSON document, written as they are read: the document is never in memory as a whole."""

from __future__ import annotations

import base64
import secrets
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dragoman.jobs.stored_file import StoredFile
    from dragoman.model.process import JSON


@dataclass(frozen=True, slots=True)
class Base64File:
    """Stands in a document for the base64 text of a file."""

    file: StoredFile

    @property
    def length(self) -> int:
        """Bytes of the JSON string, its quotes included."""
        return 4 * ((self.file.size + 2) // 3) + 2

    def blocks(self) -> Iterator[bytes]:
        """The JSON string; raises ResultNotAvailable."""
        yield b'"'
        rest = b""
        with closing(self.file.blocks()) as blocks:
            for block in blocks:
                data = rest + block
                whole = len(data) - len(data) % 3  # of three bytes come four characters
                yield base64.b64encode(data[:whole])
                rest = data[whole:]
        yield base64.b64encode(rest) + b'"'


type Piece = bytes | Base64File
"""A part of a JSON text: as it is, or a file to be read."""


def split_document(document: JSON, dump: Callable[[JSON, Callable[[object], str]], bytes]) -> list[Piece]:
    """The JSON text of a document that may hold files, in pieces.

    ``dump`` makes the text, and asks the function that it is given what to write for a value that is no JSON.
    """
    mark = secrets.token_hex(16)
    files: list[Base64File] = []

    def placeholder(value: object) -> str:
        if not isinstance(value, Base64File):
            raise TypeError(f"{type(value).__name__} is not JSON")
        files.append(value)
        return f"{mark}{len(files) - 1}."

    text = dump(document, placeholder)
    if not files:
        return [text]
    first, *others = text.split(f'"{mark}'.encode())
    pieces: list[Piece] = [first]
    for other in others:
        number, _, rest = other.partition(b'."')
        pieces += (files[int(number)], rest)
    return pieces


def length_of(pieces: Sequence[Piece]) -> int:
    """Bytes of them all."""
    return sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)


def stream(pieces: Sequence[Piece]) -> Iterator[bytes]:
    """One after the other; a file is opened when it is due. Raises ResultNotAvailable on the way."""
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            yield from piece.blocks()
