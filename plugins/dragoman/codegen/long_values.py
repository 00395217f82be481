"""Texts of a request that are too long for a line of a program: it reads them from files beside it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dragoman.model.process import JSON

LONGEST: Final = 64 * 1024
"""Characters of a text that a program holds itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LongValue:
    """A text of a request that stands in a file."""

    path: tuple[str | int, ...]
    """Where in the request: names of members, and places in lists from 0."""
    file: str
    """The file's name: letters, digits, ``-``, ``_`` and ``.`` alone."""
    length: int
    """Characters."""

    @property
    def stand_in(self) -> str:
        """What stands in its place; no other text of the request is the same."""
        return f"the text of the file {self.file}"


def without_long_values(request: JSON) -> tuple[JSON, list[LongValue]]:
    """The request with stand-ins for its long texts, and those."""
    if len(json.dumps(request)) <= LONGEST:
        return request, []
    values: list[LongValue] = []
    texts: set[str] = set()
    _collect(request, texts)
    return _replaced(request, (), values, texts), values


def _collect(value: JSON, texts: set[str]) -> None:
    if isinstance(value, str):
        texts.add(value[:200])
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _collect(member, texts)


def _replaced(value: JSON, path: tuple[str | int, ...], values: list[LongValue], texts: set[str]) -> JSON:
    if isinstance(value, dict):
        return {name: _replaced(member, (*path, name), values, texts) for name, member in value.items()}
    if isinstance(value, list):
        return [_replaced(member, (*path, place), values, texts) for place, member in enumerate(value)]
    if not isinstance(value, str) or len(value) <= LONGEST:
        return value
    long = LongValue(path=path, file=f"input-{_name(path)}.txt", length=len(value))
    while long.stand_in in texts:
        long = LongValue(path=path, file=f"_{long.file}", length=len(value))
    texts.add(long.stand_in)
    values.append(long)
    return long.stand_in


def _name(path: tuple[str | int, ...]) -> str:
    """From the input's id on, without the member of a qualified value; outputs, too, are saved under their ids."""
    steps = path[1:-1] if len(path) > 2 and path[-1] == "value" else path[1:]
    return re.sub(r"[^A-Za-z0-9_-]", "_", "-".join(map(str, steps)))[:60] or "value"
