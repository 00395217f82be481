"""The Prefer header (RFC 7240): what a client would like, as far as it can be understood.

Prefer: respond-async, wait=10; foo="a, b"
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_WAIT: Final = 86_400
"""Seconds; a longer ``wait`` is taken as this."""

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_PIECE: Final = re.compile(rf'(?:{_QUOTED}|[^",])+')
"""One preference with its parameters: commas count only outside quotes."""
_PREFERENCE: Final = re.compile(
    rf"\s*(?P<name>{_TOKEN})\s*(?:=\s*(?P<value>{_TOKEN}|{_QUOTED})?\s*)?(?:;.*)?", re.DOTALL
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What was preferred; unknown and malformed preferences are not here."""

    respond_async: bool = False
    wait: int | None = None
    """Seconds, 0..MAX_WAIT."""


def parse_prefer(headers: Iterable[str]) -> Preferences:
    """The preferences of all Prefer headers of a request; never raises.

    The first of several preferences of one name counts, what is malformed does not.
    """
    first: dict[str, str] = {}
    for name, value in _preferences(headers):
        first.setdefault(name, value)
    wait = first.get("wait", "")
    return Preferences(
        respond_async=first.get("respond-async") == "",
        wait=min(int(wait), MAX_WAIT) if re.fullmatch(r"[0-9]{1,18}", wait) else None,
    )


def _preferences(headers: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name (in lower case) and value of each well-formed preference; no value is the empty string."""
    for header in headers:
        for piece in _PIECE.findall(header):
            match = _PREFERENCE.fullmatch(piece)
            if match is not None:
                yield match["name"].lower(), _unquoted(match["value"] or "")


def _unquoted(word: str) -> str:
    return _ESCAPE.sub(r"\1", word[1:-1]) if word.startswith('"') else word
