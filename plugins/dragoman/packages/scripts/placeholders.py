"""Placeholders in scripts: each ``{{ name }}`` becomes a reference to a variable that holds the value. Pure.

A value is never script text: bash expands a variable after it has read the script, so nothing in a value is read as
script. What is left to see to is the quotes around the reference, so that the value stays one word, and the places
where bash reads what it has expanded once more: there a placeholder is refused, unless its values are numbers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dragoman.packages.scripts.command_places import CommandPlaces

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_PLACEHOLDER: Final = re.compile(r"\{\{[ \t]*([^{}\n]+?)[ \t]*\}\}")
_NAME: Final = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_HEREDOC: Final = re.compile(r"<<(-?)[ \t]*((?:\\.|'[^'\n]*'|\"[^\"\n]*\"|[^\s;&|<>()'\"\\])+)")


def with_references(script: str, variables: Mapping[str, str], numbers: Collection[str] = ()) -> str:
    """The script with references in place of its placeholders.

    ``variables`` are the variables' names by the names of placeholders, ``numbers`` those of which every value is a
    number. Raises PlaceholderError.
    """
    reader = _Reader(script, variables, numbers)
    reader.bare()
    return "".join(reader.out)


class _Reader(CommandPlaces):
    """Goes through a script once, and knows of each place how it is quoted."""

    # -- the kinds of place --------------------------------------------------------------------------------

    def bare(self, end: str = "") -> None:
        """Commands, up to the character that ends them; empty: all of the text."""
        cases = depth = 0
        words, tested, inside = self._words, self._tested, self._inside
        self._around.append(words)
        self._words, self._tested, self._inside = [self._at], None, ""
        while self._at < len(self._text):
            here = self._text[self._at]
            if here == end and not (here == ")" and (depth or cases)):
                break
            if self._at == self._words[-1] or self._begins_word():
                if self._at != self._words[-1]:
                    self._words.append(self._at)
                cases += self._keyword("case") - (self._keyword("esac") if cases else 0)
                if here == "#":
                    self._comment()
                    continue
            if here == ")":
                depth = max(0, depth - 1)
                self._copy()
                self._words = [self._at]
                continue
            depth += self._bare_step(here)
        if not end:
            self._check_pipes()
        self._words, self._tested = words, tested
        self._around.pop()
        self._note_tested(self._inside)
        self._inside = inside or self._inside

    def _bare_step(self, here: str) -> int:
        """One step of commands; 1 where a parenthesis opened."""
        if here == "'":
            self._single()
        elif here == "\n":
            self._line_end()
        elif self._sees("[[") and self._at == self._words[-1]:
            self._tested = (self._at, "")
            self._copy(2)
        elif self._sees("]]") and self._tested is not None:
            self._end_test()
        elif self._sees("<<"):
            self._heredoc_begins()
        elif self._sees("(("):
            self._arithmetic(2, "(", "))")
        elif here == "(" and self._is_within_word():
            self._nested(1)
        elif not self._common("quoted"):
            if self._separates(here):
                self._words = [self._at + 1]
            self._copy()
            return int(here == "(")
        return 0

    def _common(self, place: str) -> bool:
        """What is the same in commands, in double quotes and in here-documents; whether it was any of it."""
        if self._sees("\\"):
            self._copy(2)
            self._escaped = self._at
        elif self._sees("$["):
            self._arithmetic(2, "[", "]")
        elif self._sees("$(("):
            self._arithmetic(3, "(", "))")
        elif self._sees("$("):
            self._nested(2)
        elif self._sees("${"):
            self._arithmetic(2, "{", "}")
        elif self._sees("`"):
            self._copy()
            self.bare("`")
            self._copy()
        elif place == "quoted" and self._sees("$'"):
            self._ansi()
        elif place == "quoted" and self._sees('"'):
            self._double()
        elif name := self._placeholder():
            self._check_not_read_again(name)
            reference = "${" + self._variables[name] + "}"
            self.out.append(f'"{reference}"' if place == "quoted" else reference)
        else:
            return False
        return True

    def _nested(self, opening: int) -> None:
        """Commands in parentheses, after so many characters that open them."""
        lists, self._lists = self._lists, opening == 1
        self._copy(opening)
        self.bare(")")
        self._copy()
        self._lists = lists

    def _double(self) -> None:
        self._copy()
        while self._at < len(self._text) and not self._sees('"'):
            if not self._common("plain"):
                self._copy()
        self._copy()

    def _single(self) -> None:
        self._copy()
        while self._at < len(self._text) and not self._sees("'"):
            if name := self._placeholder():
                self._check_not_read_again(name)
                self.out.append(f"'\"${{{self._variables[name]}}}\"'")
            else:
                self._copy()
        self._copy()

    def _ansi(self) -> None:
        self._copy(2)
        while self._at < len(self._text) and not self._sees("'"):
            if name := self._placeholder():
                self._check_not_read_again(name)
                self.out.append(f"'\"${{{self._variables[name]}}}\"$'")
            else:
                self._copy(2 if self._sees("\\") else 1)
        self._copy()

    def _arithmetic(self, opening: int, opens: str, end: str) -> None:
        """An expression, or the braces of an expansion: bash calculates with what it finds there."""
        self._copy(opening)
        depth = 0
        while self._at < len(self._text):
            if depth == 0 and self._sees(end):
                self._copy(len(end))
                return
            if name := self._placeholder():
                self._need_number(name, "bash calculates with what stands here")
                self.out.append("${" + self._variables[name] + "}")
                continue
            depth += self._sees(opens) - self._sees(end[0])
            self._copy(2 if self._sees("\\") else 1)

    def _comment(self) -> None:
        end = self._text.find("\n", self._at)
        self._copy((end if end >= 0 else len(self._text)) - self._at)

    # -- here-documents ------------------------------------------------------------------------------------

    def _heredoc_begins(self) -> None:
        match = _HEREDOC.match(self._text, self._at)
        if match is None:
            self._copy(3 if self._sees("<<<") else 2)
            return
        word = match[2]
        delimiter = re.sub(r"\\(.)|['\"]", r"\1", word)
        self._heredocs.append((delimiter, match[1] == "-", any(sign in word for sign in "\\'\"")))
        self._copy(len(match[0]))

    def _line_end(self) -> None:
        self._check_pipes()
        goes_on = self._text[self._line : self._at].rstrip().endswith("|")
        fed = bool(self._heredocs) and self._feeds()
        self._copy()
        self._words = [self._at]
        waiting, self._heredocs = self._heredocs, []
        for delimiter, tabs, quoted in waiting:
            self._heredoc(delimiter, tabs=tabs, quoted=quoted, fed=fed)
            self._words = [self._at]
        if not goes_on:
            self._line, self._on_line = self._at, (-1, "")

    def _heredoc(self, delimiter: str, *, tabs: bool, quoted: bool, fed: bool) -> None:
        """The text of one, and the line that ends it."""
        begin = at = self._at
        while at < len(self._text):
            end = self._text.find("\n", at)
            end = len(self._text) if end < 0 else end
            line = self._text[at:end]
            if (line.lstrip("\t") if tabs else line) == delimiter:
                break
            at = min(end + 1, len(self._text))
        if quoted:
            while self._at < at:
                if name := self._placeholder():
                    self._fail(
                        f"{{{{ {name} }}}} is in a here-document whose delimiter is quoted, where bash expands "
                        f"nothing; allowed: << {delimiter} without quotes"
                    )
                self._copy()
        else:
            line_number = self._first_line + self._text.count("\n", 0, begin)
            inner = _Reader(self._text[begin:at], self._variables, self._numbers, line_number)
            inner._fed = fed
            inner._document()
            self.out += inner.out
            self._at = at

    def _document(self) -> None:
        while self._at < len(self._text):
            if not self._common("plain"):
                self._copy()

    # -- placeholders --------------------------------------------------------------------------------------

    def _placeholder(self) -> str:
        """The name of the placeholder that begins here, which is passed over; empty: there is none."""
        match = _PLACEHOLDER.match(self._text, self._at)
        if match is None:
            return ""
        name = match[1]
        if name not in self._variables:
            if not _NAME.fullmatch(name):  # of another template language
                return ""
            allowed = ", ".join(self._variables) or "none, since there are no inputs"
            self._fail(f"{{{{ {name} }}}} is no input; allowed: {allowed}")
        self._before = self._at
        self._at += len(match[0])
        return name

    def _keyword(self, word: str) -> bool:
        end = self._at + len(word)
        return self._sees(word) and (
            end >= len(self._text) or self._text[end].isspace() or self._text[end] in ";)"
        )
