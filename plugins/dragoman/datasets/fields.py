"""Members of a session's configuration, checked one by one; what is wrong is said as aeon's own service says it.

Source: contracts/aeon.md, and the recorded dialogues of aeon 1.3.3.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import DatasetError, DatasetFieldError

if TYPE_CHECKING:
    from dragoman.model.process import JSON

INT_MAX: Final = 2**31 - 1
REQUIRED: Final = object()
"""The default of a member that has none."""
_SHOWN: Final = 100
"""Characters of a value that are shown back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One member: its JSON type, its default and what is allowed."""

    name: str
    kind: str
    """As in aeon's messages: string, number, boolean, array or object; ``integer`` is a number cut to whole."""
    default: Any = REQUIRED
    fits: Callable[[Any], bool] | None = None
    """Whether a value of the right type is allowed; None: any is."""
    allowed: str = ""
    """What is allowed, in words."""


def read_fields(
    members: JSON, fields: Sequence[Field], *, ignored: Collection[str] = (), open_ended: bool = False
) -> dict[str, Any]:
    """The value of each field by its name, defaults filled in.

    ``ignored`` members may be there and mean nothing; ``open_ended``: so may any other. Raises DatasetFieldError
    for what is missing or of another type, DatasetError for what is out of range or unknown.
    """
    if not isinstance(members, Mapping):
        members = {}  # the real service reads anything but an object as an empty one
    values = {field.name: _value(members, field) for field in fields}
    if not open_ended:
        known = {*values, *ignored}
        for name, value in members.items():
            if name not in known:
                raise DatasetError(_not_understood(name, value, known))
    return values


def out_of_range(name: str, value: object, allowed: str) -> DatasetError:
    """The error for a value that is not allowed."""
    return DatasetError(f"value for '{name}' out of range: got {_text(value)}; allowed: {allowed}")


def _value(members: Mapping[str, JSON], field: Field) -> Any:
    if field.name not in members:
        if field.default is REQUIRED:
            raise DatasetFieldError(
                f"error when parsing field \"{field.name}\": Required Argument: '{field.name}' not set"
            )
        return field.default
    value = members[field.name]
    wanted = "number" if field.kind == "integer" else field.kind
    if kind_of(value) != wanted:
        raise wrong_type(field.name, wanted, value)
    if field.kind == "integer":
        value = _whole(field, value)
    if field.fits is not None and not field.fits(value):
        raise out_of_range(field.name, value, field.allowed)
    return value


def wrong_type(name: str, kind: str, value: JSON) -> DatasetFieldError:
    """The error for a member that has another type than ``kind``."""
    return DatasetFieldError(
        f'error when parsing field "{name}": [json.exception.type_error.302] '
        f"type must be {kind}, but is {kind_of(value)}"
    )


def _whole(field: Field, value: Any) -> int:
    """A number without its fraction; what no 32-bit integer holds is out of range."""
    if not math.isfinite(value) or abs(value) > INT_MAX:
        raise out_of_range(field.name, value, field.allowed or f"at most {INT_MAX}")
    return int(value)


def kind_of(value: JSON) -> str:
    """The JSON type of a value, as aeon names it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, Sequence) else "object"


def _not_understood(name: str, value: JSON, known: Collection[str]) -> str:
    message = f"config element {{{name[:_SHOWN]}: {_text(value)}}} is not understood"
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.75)
    return f"{message}, did you mean '{close[0]}'" if close else message


def _text(value: object) -> str:
    """A value as compact JSON, cut where it is long."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


# -- fields that many have ----------------------------------------------------------------------------


def text(name: str, default: Any = REQUIRED) -> Field:
    """A text."""
    return Field(name=name, kind="string", default=default)


def flag(name: str, default: bool) -> Field:
    """True or false."""
    return Field(name=name, kind="boolean", default=default)


def count(name: str, default: Any = REQUIRED, *, least: int = 1, most: int = INT_MAX) -> Field:
    """A whole number from ``least`` to ``most``."""
    return Field(
        name=name,
        kind="integer",
        default=default,
        fits=lambda value: least <= value <= most,
        allowed=f"{least} to {most}",
    )


def number(name: str, default: Any, *, least: float = -math.inf, most: float = math.inf) -> Field:
    """A number from ``least`` to ``most``."""
    return Field(
        name=name,
        kind="number",
        default=default,
        fits=lambda value: math.isfinite(value) and least <= value <= most,
        allowed=f"{least:g} to {most:g}",
    )


def span(
    name: str, default: tuple[float, float], *, least: float = -math.inf, most: float = math.inf
) -> Field:
    """``[from, to]``: two numbers between ``least`` and ``most``, the second no smaller."""
    return Field(
        name=name,
        kind="array",
        default=default,
        fits=lambda value: _is_span(value, least, most),
        allowed=f"[from, to], each {least:g} to {most:g}",
    )


def numbers(name: str, default: Sequence[float], *, length: int | None = None) -> Field:
    """A list of numbers, of ``length`` where that is given, or empty."""
    return Field(
        name=name,
        kind="array",
        default=default,
        fits=lambda value: all(map(_is_number, value)) and (length is None or len(value) in (0, length)),
        allowed="numbers" if length is None else f"{length} numbers",
    )


def texts(name: str, default: Any = REQUIRED) -> Field:
    """A list of texts."""
    return Field(
        name=name,
        kind="array",
        default=default,
        fits=lambda value: all(isinstance(item, str) for item in value),
        allowed="a list of texts",
    )


def choice(name: str, default: Any, allowed: Sequence[str]) -> Field:
    """One of some words."""
    return Field(
        name=name,
        kind="string",
        default=default,
        fits=lambda value: value in allowed,
        allowed=", ".join(word or "''" for word in allowed),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_span(value: Sequence[Any], least: float, most: float) -> bool:
    return len(value) == 2 and all(map(_is_number, value)) and least <= value[0] <= value[1] <= most
