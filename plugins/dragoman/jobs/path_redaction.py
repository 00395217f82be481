"""No path of this machine in what a client is told."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Final

_USUAL: Final = (
    "Applications", "Library", "Users", "Volumes", "app", "bin", "boot", "data", "dev", "etc", "home", "lib", "lib64",
    "media", "mnt", "nix", "opt", "private", "proc", "root", "run", "sbin", "scratch", "snap", "srv", "sys", "tmp",
    "usr", "var", "work", "workspace",
)  # fmt: skip


def _roots() -> str:
    """What a path begins with: as is usual, and as it is on this machine."""
    names = set(_USUAL)
    with suppress(OSError):
        names.update(os.listdir("/"))
    return "|".join(map(re.escape, sorted(names)))


# Every quantifier is possessive, and every alternative takes what it has looked at or stops at the next quote, colon
# or slash; a path begins at the first slash of a run: the time is linear in the text.
_SEGMENT: Final = r"(?:[^\s/'\"<>:,;]|[:,;](?!/))"
_DOUBTFUL: Final = rf"(?=/++(?:{_roots()})/)"
_BEGIN: Final = (
    r"(?:(?i:file):(?://[\w.-]*+(?=/))?+"
    r"|(?<![\w/.)\]}#])|(?<=\\[nrt])"  # the latter is a line's end in a repr
    rf"|(?<![\w/]){_DOUBTFUL}|(?<!/)(?=//){_DOUBTFUL})"
)
_TEXT: Final = re.compile(
    r"(?<=')/(?P<single>[^'\n]*+)(?=')"  # in quotes it may hold blanks
    r'|(?<=")/(?P<double>[^"\n]*+)(?=")'
    rf"|{_BEGIN}(?P<path>/++(?:{_SEGMENT}++/++)++{_SEGMENT}*+)"
    # a word, and the URL that it begins; one without a host is none
    r"|[A-Za-z0-9+.-]++(?:(?<![fF][iI][lL][eE])://[^\s/'\"<>][^\s'\"<>]*+)?+"
)


def hide_paths(text: str) -> str:
    """``text`` with every absolute local path of two or more parts cut to its last part; URLs stay.

    After ``.``, ``)``, ``]``, ``}`` and ``#``, where ``/a/b`` may be a division, a relative path or a JSON pointer, it
    is taken for a path if it begins with a folder that machines, or this one, have at the top.
    """
    return _TEXT.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    if match.lastgroup is None:
        return match[0]
    _, slash, name = match[match.lastgroup].lstrip("/").rpartition("/")
    return (name or "a folder") if slash else match[0]
