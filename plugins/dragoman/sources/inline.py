"""Inline content, base64 and ``data:`` URLs (RFC 2397), decoded slice by slice into a file."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, unquote_to_bytes

from dragoman.errors import InvalidRequest
from dragoman.sources.partial_files import removed_on_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLICE: Final = 1024**2
"""Characters decoded at once."""

_BASE64: Final = "allowed: A-Z a-z 0-9 + / (or - _), padded with = or not"
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_ODD: Final = re.compile(r"[^A-Za-z0-9+/=_ \t\r\n-]")


class NotBase64(InvalidRequest):
    """The text is not base64.

    ``why`` says in a few words what is wrong with it.
    """

    def __init__(self, text: str) -> None:
        self.why = _why_not(text)
        super().__init__(f"the content is not base64 ({self.why}); {_BASE64}")


def decode_base64(text: str, target: Path, limit: int) -> int:
    """Bytes written; either alphabet, line breaks and missing padding are accepted.

    InvalidRequest for anything else, or for more than ``limit`` bytes; then no file is left.
    """
    return _write(target, base64_pieces(text), limit)


def decode_data_url(href: str, target: Path, limit: int) -> str | None:
    """Write the content; the media type that the URL declares, lower-case, without parameters."""
    start = len("data:")
    comma = href.find(",", start, 4096)
    if href[:start].lower() != "data:" or comma < 0:
        raise InvalidRequest("this is no data: URL; allowed: data:[media type][;base64],content")
    header = [part.strip().lower() for part in href[start:comma].split(";")]
    payload = href[comma + 1 :]
    if header[-1] == "base64":
        if "%" in payload:
            payload = unquote_to_bytes(payload).decode("ascii", errors="replace")
        pieces = base64_pieces(payload)
    else:
        pieces = _percent_pieces(payload)
    _write(target, pieces, limit)
    return header[0] if "/" in header[0] else None


def data_header(href: str) -> str:
    """The media type of a ``data:`` URL as it is written, parameters included; empty where there is none."""
    return unquote(href[len("data:") : max(href.find(",", 0, 4096), len("data:"))]).removesuffix(";base64")


def _write(target: Path, pieces: Iterator[bytes], limit: int) -> int:
    with removed_on_error(target), target.open("wb") as file:
        return sum(file.write(piece) for piece in _within(limit, pieces))


def _within(limit: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > limit:
            raise InvalidRequest(f"the content is larger than {limit} bytes, which is the limit")
        yield piece


def base64_pieces(text: str) -> Iterator[bytes]:
    """Decoded slices, cut between groups of four characters that stand for three bytes.

    Either alphabet, line breaks and missing padding are accepted; raises NotBase64 for anything else.
    """
    end = len(text)
    while end and text[end - 1] in "= \t\r\n":
        end -= 1
    rest = b""
    try:
        for start in range(0, end, SLICE):
            characters = text[start : min(start + SLICE, end)].encode("ascii")
            characters = rest + characters.translate(_URL_SAFE, b" \t\r\n")
            if b"=" in characters:
                raise NotBase64(text)
            whole = len(characters) // 4 * 4
            rest = characters[whole:]
            yield binascii.a2b_base64(characters[:whole], strict_mode=True)
        if rest:
            yield binascii.a2b_base64(rest.ljust(4, b"="), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise NotBase64(text) from error


def _why_not(text: str) -> str:
    odd = _ODD.search(text)
    if odd is not None:
        return f"character {odd.start() + 1} is {odd[0]!r}"
    if "=" in text.rstrip("= \t\r\n"):
        return "'=' stands before the end"
    return "the last character stands alone: it is cut off"


def _percent_pieces(text: str) -> Iterator[bytes]:
    """Decoded slices, never cut within a ``%xx``."""
    if not text.isascii():
        raise InvalidRequest("the data: URL holds characters that no URL has; allowed: ASCII, %xx")
    start = 0
    while start < len(text):
        end = start + SLICE
        escape = text.rfind("%", end - 2, end)
        if escape >= 0:
            end = escape
        yield unquote_to_bytes(text[start:end])
        start = end
