"""Places of a command where what bash has expanded is read once more, as script or as an expression. Pure.

The rules look at the words of a command, not at what it does, and rather refuse too much: a script can nearly always
hand a value on as an argument instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALWAYS: Final = frozenset(
    "eval let unset trap alias getopts compgen complete ssh parallel watch source".split()  # noqa: SIM905
)
"""Words after which nothing of the command may be a text, wherever in it they stand."""
_READS_NAMES: Final = frozenset(("read", "mapfile", "readarray"))
_DECLARES: Final = frozenset(("declare", "typeset", "local", "export", "readonly"))
_INTERPRETER: Final = (
    r"(?:\S*/)?(?:(?:ba|da|k|z|a)?sh|python[\d.]*|pypy[\d.]*|perl[\d.]*|ruby[\d.]*|node|nodejs|php|lua|R|Rscript"
    r"|julia|su|flock|script|runuser)"
)
_IS_INTERPRETER: Final = re.compile(rf"{_INTERPRETER}|\$\S*", re.ASCII)
_PROGRAM_FIRST: Final = re.compile(r"(?:\S*/)?(?:[gmn]?awk|g?sed)", re.ASCII)
_TAKES_CODE_ANYWHERE: Final = re.compile(r"(?:\S*/)?(?:R|su|flock|script|runuser)", re.ASCII)
_CODE_OPTION: Final = re.compile(
    r"-[A-Za-z]*[ceEprS]|--(?:eval|command|exec|print|expression|split-string)=?"
)
_CODE_JOINED: Final = re.compile(r"-[A-Za-z]*[ceEp]|--(?:eval|command|exec|print|expression|split-string)=")
_TAKES_A_WORD: Final = frozenset("-o +o -O +O --rcfile --init-file -W -X -I -v -F --require".split())  # noqa: SIM905
_FED: Final = re.compile(
    rf"(?:^|[\s;&|({{`'\"])(?:(?:{_INTERPRETER})(?:\s+(?:[-+][oOWX]|--rcfile|--init-file)\s+\S+|\s+[-+]\S*)*(?:\s+-\w*s\s|\s*(?:$|[;|&<>)`}}]|\d>|-\s|/dev/(?:stdin|fd/0)))"
    r"|(?:source|\.)\s+(?:/dev/(?:stdin|fd/0)|/proc/self/fd/0|-)"
    r"|(?:xargs|find|parallel)\s.*\s-\w*c\s|(?:parallel|ssh|R|sqlite3|psql|gnuplot|octave\S*|m4|tclsh|expect|gdb)\s)",
    re.ASCII,
)
_PREFIX: Final = re.compile(
    r"if|while|until|then|do|else|elif|!|time|\{|\w*\(.*\)|builtin|command|\w+=.*", re.ASCII | re.S
)
_ASSIGNS: Final = re.compile(r"(\w+)\+?=", re.ASCII)
_WORD: Final = re.compile(r"\w+", re.ASCII)
_ARRAY: Final = re.compile(r"\b(\w+)(?:\+?=\(|\[)", re.ASCII)
_ARRAYS: Final = re.compile(
    r"\b(?:(?:declare|typeset|local|readonly|read)\b[^;&|\n]*\s-\w*[aA]|mapfile|readarray)\b([^;&|\n]*)",
    re.ASCII,
)
_SPECIAL: Final = frozenset(
    "RANDOM SRANDOM SECONDS LINENO HISTCMD OPTIND EPOCHSECONDS BASHPID PS4 ENV BASH_ENV PROMPT_COMMAND".split()  # noqa: SIM905
)
_INTEGERS: Final = re.compile(
    r"\b(?:declare|typeset|local|export|readonly)\b([^;&|\n]*\s-\w*[in][^;&|\n]*)", re.ASCII
)

SCRIPT: Final = "a value is read as script here; hand it over as an argument or through a variable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """The names of a script's variables that bash reads again when they get a value."""

    always: frozenset[str]
    """Integers, names of others, and those that bash itself expands."""
    declared: frozenset[str]
    """Arrays: ``declare y="(...)"`` expands what the text holds."""


def names_in(script: str) -> Names:
    """The names that a script declares as integers, as names of others, or as arrays."""
    always = {name for line in _INTEGERS.findall(script) for name in _WORD.findall(line)}
    arrays = {name for line in _ARRAYS.findall(script) for name in _WORD.findall(line)}
    return Names(always=_SPECIAL | always, declared=frozenset(arrays | set(_ARRAY.findall(script))))


def is_fed_to_interpreter(line: str) -> bool:
    """Whether some command of a line reads a script from its standard input."""
    return _FED.search(re.sub(r"\\\n", " ", line)) is not None


def why_read_again(words: Sequence[str], word: str, names: Names) -> str:
    """Why a text may not stand in a word, given as far as it goes before the text; empty: it may.

    ``words`` are those of the command before it, as they are written.
    """
    plain = [_unquoted(each) for each in words]
    here = _unquoted(word)
    while plain and _PREFIX.fullmatch(plain[0]):
        plain = plain[1:]
    if _ALWAYS.intersection(plain) or plain[:1] == ["."] or _is_code(plain, here):
        return SCRIPT
    return _why_named(plain, here, names) or _why_calculated(plain, word.strip(), names)


def _unquoted(word: str) -> str:
    return re.sub(r"\\\n|\$(?=['\"])|['\"\\]", "", word.strip())


def _is_code(words: Sequence[str], here: str) -> bool:
    """Whether the word is program text of an interpreter among the words before it, or names its script."""
    for place, each in enumerate(words):
        if _PROGRAM_FIRST.fullmatch(each) and _is_program(words[place + 1 :], here, anywhere=True):
            return True
        if _IS_INTERPRETER.fullmatch(each) and _is_program(
            words[place + 1 :], here, anywhere=_TAKES_CODE_ANYWHERE.fullmatch(each) is not None
        ):
            return not each.startswith("$") or any(
                _CODE_OPTION.fullmatch(word) for word in words[place + 1 :]
            )
        if each == "env" and _CODE_OPTION.fullmatch((*words, here)[place + 1]):
            return True
    return False


def _is_program(options: Sequence[str], here: str, *, anywhere: bool) -> bool:
    """Whether the word is the first that is no option, or the value of one that takes program text."""
    if here.startswith("<<<"):
        return False
    if _CODE_JOINED.match(here):
        return anywhere or not _operands(options)
    code = [_CODE_OPTION.fullmatch(each) is not None for each in options]
    if code and code[-1]:
        return anywhere or not _operands(options[:-1]) or any(code[:-1])
    last = options[-1] if options else ""
    if last in _TAKES_A_WORD or last in ("<", ">", ">>", "<<<", "2>") or _operands(options):
        return False
    return anywhere or any(code) or not here or here.startswith(("<(", "$(", "`"))


def _operands(options: Sequence[str]) -> bool:
    """Whether one of the words is no option, nor the value of one."""
    before = ""
    for each in options:
        is_option = each.startswith(("-", "+")) or before in _TAKES_A_WORD
        redirects = re.match(r"\d*[<>](?!\()", each) or re.fullmatch(r"\d*[<>&|]+", before)
        if not is_option and not redirects:
            return True
        before = each
    return "-" in options


def _why_named(words: Sequence[str], here: str, names: Names) -> str:
    """Why the word may not be a text where a builtin takes names of variables."""
    why = "bash takes what stands here for the name of a variable, and calculates with its subscript"
    fed = here.startswith("<<<") or words[-1:] == ["<<<"]
    if _READS_NAMES.intersection(words) and not fed:
        return why
    if _DECLARES.intersection(words):
        options = "".join(each[1:] for each in words if each[:1] in ("-", "+"))
        is_literal_array = re.match(r"\w+\+?=\(", here) is not None
        harmless = set("xgraA" if is_literal_array else "xgr")
        assigned = _ASSIGNS.match(here)
        is_array = assigned is not None and assigned[1] in names.declared and not is_literal_array
        if assigned is None or is_array or not set(options) <= harmless:
            return why
    if "printf" in words:
        after = words[words.index("printf") + 1 :]
        if any(each.startswith("-v") for each in after[:1]) or here.startswith("-v"):
            return why
        if after and "{{" in after[0]:
            return why
    if ("[" in words or "test" in words) and (words[-1] in ("-v", "-R") or "{{" in words[-1]):
        return why
    return ""


def _why_calculated(words: Sequence[str], here: str, names: Names) -> str:
    if re.match(r"\[[^\]\s]*\Z", here) and words[:1] != ["["]:
        return "bash calculates with what stands in a subscript"
    used = {re.split(r"[+=\[]", each, maxsplit=1)[0] for each in (*words, here)} & names.always
    if used:
        return f"bash calculates with the values of {min(used)}, or expands them once more"
    return ""
