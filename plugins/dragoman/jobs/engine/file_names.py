"""The names of a task's files, none like another whatever the case: some file systems know no others."""

from __future__ import annotations

from typing import Final

MOST_BYTES: Final = 255
"""Of a file's name, in UTF-8, which is what file systems take."""
LONGEST_ENDING: Final = 20
"""Characters; what is longer behind a dot is no ending."""
FIRST: Final = 2
"""The number of the second file of a name."""
DIGITS: Final = 8
"""Room for a dash and a number in a name that is cut; the names that are cut so share their numbers."""


class FileNames:
    """Names that are taken; with ``older``, those of a batch beside its task's, which may yet be refused.

    A name is found in the same time, on the whole, however many are alike.
    """

    def __init__(self, older: FileNames | None = None) -> None:
        self._older = older
        self._taken: set[str] = set()
        """In small letters."""
        self._numbers: dict[tuple[str, str], int] = {}
        """By beginning and ending: no lower number is free."""

    def __contains__(self, name: str) -> bool:
        """Whether it is like one of them."""
        return self._has(name.casefold())

    def add(self, name: str) -> None:
        """Take a name."""
        self._taken.add(name.casefold())

    def unlike(self, name: str) -> str:
        """The name, with a number before its ending where it is taken; nobody has what it returns."""
        if name not in self:
            return name
        stem, dot, ending = name.rpartition(".")
        if not stem or len(ending) > LONGEST_ENDING:
            stem, dot, ending = name, "", ""
        return _numbered(stem, self._free(stem, dot + ending), dot + ending)

    def _has(self, folded: str) -> bool:
        return folded in self._taken or (self._older is not None and self._older._has(folded))

    def _free(self, stem: str, ending: str) -> int:
        """The first number that makes a name that is not taken; what is known of older ones stays true."""
        room = MOST_BYTES - DIGITS - len(ending.encode())
        key = _cut(stem, room).casefold(), ending.casefold()
        number = max(
            self._numbers.get(key, FIRST), FIRST if self._older is None else self._older._free(stem, ending)
        )
        while _numbered(stem, number, ending) in self:
            number += 1
        self._numbers[key] = number
        return number


def _numbered(stem: str, number: int, ending: str) -> str:
    end = f"-{number}{ending}"
    return f"{_cut(stem, MOST_BYTES - len(end.encode()))}{end}"


def _cut(text: str, most: int) -> str:
    """As much of a text as fits into so many bytes."""
    return text.encode()[:most].decode(errors="ignore")
