"""A place in a script, the command around it, and whether a placeholder may stand there. Pure."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NoReturn

from dragoman.packages.scripts.second_reading import (
    SCRIPT,
    is_fed_to_interpreter,
    names_in,
    why_read_again,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_SUBSCRIPT: Final = re.compile(r"[A-Za-z_]\w*\[[^\]\s]*\Z", re.ASCII)
_COMPARES_NUMBERS: Final = re.compile(r"\s-(?:eq|ne|lt|le|gt|ge|v)\s")
_BEGINS_SUBSCRIPT: Final = re.compile(r"\s*[A-Za-z_]\w*\[[^\]\n]*\Z", re.ASCII)
_PIPE: Final = re.compile(r"(?<![|>])\|(?!\|)&?")
_GROUP_ENDS: Final = re.compile(r"(?:\}|\)|\b(?:done|fi|esac))\s*\Z")
_SEPARATORS: Final = ";&|\n("


class PlaceholderError(Exception):
    """A placeholder that cannot stand where it does; ``line`` is counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class CommandPlaces:
    """Where a reader of a script is, and in which commands."""

    def __init__(
        self, text: str, variables: Mapping[str, str], numbers: Collection[str], first_line: int = 1
    ) -> None:
        self.out: list[str] = []
        self._text = text
        self._at = 0
        self._variables = variables
        self._numbers = numbers
        self._first_line = first_line
        self._heredocs: list[tuple[str, bool, bool]] = []
        """Delimiter, whether tabs before it do not count, whether it is quoted; of those whose text follows."""
        self._words = [0]
        """Where the words of the present command begin."""
        self._around: list[list[int]] = []
        """The same of the commands in whose substitutions it stands."""
        self._line = 0
        """Where the present line begins, with those before it that it goes on from."""
        self._escaped = -1
        """Where the last escape ends."""
        self._inside = ""
        """The first name of a text in the present substitution, or at the top in the script."""
        self._on_line = (-1, "")
        """Where the first text of the present line stands, and its name."""
        self._names = names_in(text)
        self._lists = False
        """Whether words are those of an array."""
        self._fed = False
        """Whether all of this is fed to an interpreter."""
        self._before = 0
        """Where the placeholder begins that was read last."""
        self._tested: tuple[int, str] | None = None
        """Where the present ``[[`` begins, and the first name in it of which values may be no numbers."""

    def _copy(self, count: int = 1) -> None:
        self.out.append(self._text[self._at : self._at + count])
        self._at += count

    def _sees(self, token: str) -> bool:
        return self._text.startswith(token, self._at)

    def _fail(self, message: str) -> NoReturn:
        raise PlaceholderError(self._first_line + self._text.count("\n", 0, self._at), message)

    def _begins_word(self) -> bool:
        return self._text[self._at - 1] in " \t" and self._at != self._escaped

    def _separates(self, here: str) -> bool:
        """Whether the character ends a command, and is no part of a redirection such as ``2>&1``."""
        if here not in _SEPARATORS:
            return False
        before = self._text[self._at - 1 : self._at]
        return not (here in "&|" and (before in ("<", ">") or self._sees("&>")))

    def _is_within_word(self) -> bool:
        """Whether a parenthesis here is of an array, a pattern, a process substitution or a function."""
        return self._at > 0 and self._text[self._at - 1] not in " \t\n;&|()"

    def _is_argument_of_text(self) -> bool:
        """Whether the first word of the command is a placeholder, and this is in another."""
        if self._lists or self._tested is not None or len(self._words) == 1:
            return False
        first = self._text[self._words[0] : self._words[-1]].lstrip(" \t\"'")
        return first.startswith("{{")

    def _feeds(self) -> bool:
        """Whether the here-documents of the line that ends here get to an interpreter."""
        line = self._text[self._line : self._at]
        return (
            self._fed
            or line.rstrip().endswith("|")
            or is_fed_to_interpreter(line)
            or bool(self._why_around())
        )

    def _check_not_read_again(self, name: str) -> None:
        """Refuse what is no number where bash, or another shell, reads it as script."""
        if name in self._numbers:
            return
        line = self._text[self._line :].partition("\n")[0]
        word = self._text[self._words[-1] : self._before]
        before = self._text[self._words[0] : self._before]
        is_here_string = re.search(r"<<<\s*\Z", before[: len(before) - len(word)]) or word.startswith("<<<")
        if self._fed or (is_here_string and is_fed_to_interpreter(line)):
            self._need_number(name, SCRIPT)
        if self._is_argument_of_text():
            self._need_number(name, "another value names the command here, which may be eval")
        if why := self._why_read_again(self._words) or self._why_around():
            self._need_number(name, why)
        if _SUBSCRIPT.search(before) or _BEGINS_SUBSCRIPT.match(before):
            self._need_number(name, "bash calculates with what stands in a subscript")
        self._note_tested(name)
        self._inside = self._inside or name
        if not self._on_line[1]:
            self._on_line = (self._before, name)

    def _check_pipes(self) -> None:
        """Refuse a text that a line pipes to an interpreter, or a loop or group that ends in it."""
        line = self._text[self._line : self._at]
        begin, name = self._on_line
        for pipe in _PIPE.finditer(line):
            group = _GROUP_ENDS.search(line[: pipe.start()]) is not None
            text = name if self._line + pipe.start() > begin >= 0 else self._inside if group else ""
            if text and is_fed_to_interpreter(line[pipe.end() :]):
                self._need_number(text, SCRIPT)

    def _note_tested(self, name: str) -> None:
        if name and self._tested is not None and not self._tested[1]:
            self._tested = (self._tested[0], name)

    def _why_read_again(self, starts: list[int]) -> str:
        words = [word for a, b in pairwise(starts) if (word := self._text[a:b].replace("\\\n", "").strip())]
        return why_read_again(words, self._text[starts[-1] : max(self._before, starts[-1])], self._names)

    def _why_around(self) -> str:
        """Why a text may not stand in the commands around the present one, which get what it puts out."""
        return next(filter(None, map(self._why_read_again, self._around[1:])), "")

    def _end_test(self) -> None:
        assert self._tested is not None
        begin, name = self._tested
        self._tested = None
        if name and _COMPARES_NUMBERS.search(self._text[begin : self._at]):
            self._need_number(name, "bash calculates with what [[ ]] compares as numbers; write [ ]")
        self._copy(2)

    def _need_number(self, name: str, why: str) -> None:
        if name not in self._numbers:
            self._fail(f"{{{{ {name} }}}}: {why}; allowed: inputs whose type is integer or number")
