"""What algorithms return as JSON: numpy's scalars and arrays become numbers and lists, NaN becomes null."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dragoman.model.process import JSON

DEPTH: Final = 200
"""Arrays and objects within each other that a value may have."""

_PLAIN: Final = frozenset({int, str, bool, type(None)})
"""What is JSON already, whatever it holds."""


class NotJSON(ValueError):
    """The value has no JSON form; the text says where and what it is."""


def to_json(value: object, place: str = "", depth: int = DEPTH) -> JSON:
    """The JSON value; what is masked, NaN or infinite is null; dates and times are RFC 3339 text.

    Raises NotJSON.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):  # of a subclass, an Enum's say, what it holds and not how it shows itself
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value) if math.isfinite(value) else None
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if depth == 0:
        raise NotJSON(f"{place or 'the value'} is nested too deeply")
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))
        if kinds <= _PLAIN or (kinds == {float} and all(map(math.isfinite, value))):
            return list(value)  # one by one, a million take a second
        return [to_json(item, f"{place}[{index}]", depth - 1) for index, item in enumerate(value)]
    if isinstance(value, Mapping) and not _is_dataset(value):
        return {_key(key, place): to_json(item, f"{place}.{key}", depth - 1) for key, item in value.items()}
    return _from_numpy(value, place, depth)


def not_finite(value: object, place: str = "") -> Iterator[str]:
    """The places, as findings name them, of numbers that JSON cannot tell: they became null."""
    if isinstance(value, float):
        if not math.isfinite(value):
            yield place.removeprefix(".")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from not_finite(item, f"{place}[{index}]")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from not_finite(item, f"{place}.{key}")
    elif type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        yield from not_finite(value.tolist(), place)


def _is_dataset(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "xarray"


def _key(key: object, place: str) -> str:
    """As ``json.dumps`` writes it; numpy's scalars as well."""
    if isinstance(key, str):
        return str.__str__(key)
    if type(key).__module__ == "numpy" and type(key).__name__ == "bool":
        key = bool(key)
    if key is None or isinstance(key, bool | int | float):
        return json.dumps(key)
    if type(key).__module__ == "numpy":
        return str(key)
    raise NotJSON(f"{place or 'the value'} has the key {key!r}, which is not a string")


def _from_numpy(value: Any, place: str, depth: int) -> JSON:
    if type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
        if getattr(value.dtype, "kind", "") in "mM":
            value = value.astype(str)
        return to_json(value.tolist(), place, depth - 1)
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    raise NotJSON(f"{place.removeprefix('.') or 'the value'} is a {kind}, which has no JSON form")
