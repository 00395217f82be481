"""JSON values as source text of each language: whatever a value holds, it stays a value. Pure.

Every function gives text that its language reads as exactly that value; property tests ask the interpreters.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragoman.model.process import JSON

MOST_EXACT: Final = 2**53
"""Up to which JavaScript's numbers are exact."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def comment(text: str) -> str:
    """Text as it may follow the sign of a comment: one line of printable characters."""
    words = " ".join(text.split())
    return "".join(character for character in words if character.isprintable())[:500]


def json_text(value: JSON) -> str:
    """JSON in several lines of ASCII alone; no line of an object or a list begins with a letter."""
    return json.dumps(value, indent=2)


def python(value: JSON) -> str:
    """A Python literal."""
    return _tree(value, repr, pair="{}: {}", objects="{}", lists="[]")


def javascript(value: JSON) -> str:
    """A JavaScript literal; see ``exact_in_javascript``."""
    return _tree(value, _javascript_scalar, key=_javascript_key, pair="{}: {}", objects="{}", lists="[]")


def exact_in_javascript(value: JSON) -> bool:
    """Whether no number in it would be another one in JavaScript."""
    if isinstance(value, dict):
        return all(exact_in_javascript(member) for member in value.values())
    if isinstance(value, list):
        return all(exact_in_javascript(member) for member in value)
    return not isinstance(value, int) or abs(value) <= MOST_EXACT


def julia(value: JSON) -> str:
    """A Julia literal, ``Dict`` and ``Any[]``."""
    return _tree(
        value, _julia_scalar, pair="{} => {}", objects=("Dict{String,Any}(", ")"), lists=("Any[", "]")
    )


def r(text: str) -> str:
    """An R string of ASCII alone; R knows no NUL, which is left out."""
    return f'"{"".join(map(_r_character, text))}"'


def r_raw(text: str) -> str:
    """An R raw string, which starts in a line of its own; for ASCII text without NUL."""
    dashes = "-"
    while f'){dashes}"' in text:
        dashes += "-"
    return f'r"{dashes}({text}){dashes}"'


def bash(text: str) -> str:
    """One word of bash, which knows no NUL: it is left out."""
    return shlex.quote(text.replace("\0", ""))


def path(steps: Sequence[str | int], *, literal: Callable[[JSON], str], first: int = 0) -> str:
    """Steps into a value, ``["inputs"]["red"][0]``; ``first`` is the language's first place of a list."""
    return "".join(f"[{literal(step if isinstance(step, str) else step + first)}]" for step in steps)


def _tree(
    value: JSON,
    scalar: Callable[[JSON], str],
    *,
    pair: str,
    objects: str | tuple[str, str],
    lists: str | tuple[str, str],
    key: Callable[[str], str] | None = None,
    indent: str = "",
) -> str:
    """Objects and lists in several lines, but short lists of scalars in one."""
    inner = indent + "    "

    def below(member: JSON) -> str:
        return _tree(member, scalar, pair=pair, objects=objects, lists=lists, key=key, indent=inner)

    if isinstance(value, dict):
        parts = [pair.format((key or scalar)(name), below(member)) for name, member in value.items()]
        brackets = objects
    elif isinstance(value, list):
        parts, brackets = [below(member) for member in value], lists
        line = f"{brackets[0]}{', '.join(parts)}{brackets[1]}"
        if len(line) <= 80 and not any(isinstance(member, dict | list) and member for member in value):
            return line
    else:
        return scalar(value)
    if not parts:
        return f"{brackets[0]}{brackets[1]}"
    lines = "".join(f"{inner}{part},\n" for part in parts)
    return f"{brackets[0]}\n{lines}{indent}{brackets[1]}"


def _javascript_scalar(value: JSON) -> str:
    text = json.dumps(value, ensure_ascii=False)
    for separator in "\u2028\u2029\x7f":
        text = text.replace(separator, f"\\u{ord(separator):04x}")
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _javascript_key(name: str) -> str:
    """In brackets where a plain key would set the object's prototype."""
    text = _javascript_scalar(name)
    return f"[{text}]" if name == "__proto__" else text


def _julia_scalar(value: JSON) -> str:
    if isinstance(value, str):
        return f'"{"".join(map(_julia_character, value))}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    return "nothing" if value is None else repr(value)


def _julia_character(character: str) -> str:
    if character in '\\"$':
        return f"\\{character}"
    if _SURROGATE.match(character):
        return "\ufffd"
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"


def _r_character(character: str) -> str:
    """R takes no hex escape beside a Unicode one, so all are of that kind."""
    if character in '\\"':
        return f"\\{character}"
    if character == "\0":
        return ""
    if " " <= character <= "~":
        return character
    return "\\ufffd" if _SURROGATE.match(character) else f"\\U{ord(character):08x}"
