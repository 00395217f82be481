"""Plain numbers and texts, and arrays of them, checked as a whole: a million one by one take a validator 10 s."""

from __future__ import annotations

import math
from itertools import batched
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from dragoman.model.process import JSON

BLOCK: Final = 4096
"""Items that are looked at together; those of a block where something is wrong are looked at one by one."""

_SILENT: Final = frozenset(
    {
        "title",
        "description",
        "default",
        "example",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "contentEncoding",
        "contentMediaType",
        "$comment",
    }
)
"""Keywords that no value can offend against."""
_CHECKED: Final = frozenset(
    {
        "type",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "enum",
        "format",
    }
)
_CLASSES: Final[Mapping[str, frozenset[type]]] = {
    "number": frozenset({int, float}),
    "integer": frozenset({int, float}),
    "string": frozenset({str}),
    "boolean": frozenset({bool}),
    "null": frozenset({type(None)}),
}
_NUMBERS: Final = _CLASSES["number"]


def doubtful(items: Sequence[JSON], schema: Mapping[str, JSON], formats: Container[str]) -> Iterator[int]:
    """The positions of the items that may not fit the schema (JSON Schema 2020-12); every other one does.

    ``formats`` are those that are checked. All are doubtful where the schema says more than can be told here.
    """
    if not _is_simple(schema, formats):
        yield from range(len(items))
        return
    start = 0
    for block in batched(items, BLOCK):
        if not _fit(block, schema):
            yield from range(start, start + len(block))
        start += len(block)


def quick_check(schema: Mapping[str, JSON], formats: Container[str]) -> Callable[[JSON], bool] | None:
    """Tells of most values that fit the schema that they do; a False may be wrong. None: the schema says too much.

    For a plain number or text, or an array of such, which most inputs and outputs are: a validator takes ten times
    as long to find nothing.
    """
    if _is_simple(schema, formats):
        return lambda value: _fit((value,), schema)
    items = schema.get("items")
    flat = schema.get("type") == "array" and schema.keys() <= _SILENT | {"type", "items"}
    if flat and isinstance(items, dict) and _is_simple(items, formats):
        return lambda value: type(value) is list and _fit(value, items)
    for key in ("oneOf", "anyOf"):
        branches = schema.get(key)
        if branches and schema.keys() <= _SILENT | {key} and _are_told_apart(branches, formats):
            return lambda value: any(_fit((value,), branch) for branch in branches)
    return None


def _are_told_apart(branches: Sequence[JSON], formats: Container[str]) -> bool:
    """Whether they are plain, and each for JSON types of its own, so that a value that fits one fits no other."""
    if not all(isinstance(branch, dict) and _is_simple(branch, formats) for branch in branches):
        return False
    classes = [cls for branch in branches for name in _types(branch) or _CLASSES for cls in _CLASSES[name]]
    return len(set(classes)) == len(classes)


def _is_simple(schema: Mapping[str, JSON], formats: Container[str]) -> bool:
    if not schema.keys() <= _CHECKED | _SILENT or schema.get("format") in formats:
        return False
    return set(_types(schema)) <= _CLASSES.keys() and all(isinstance(c, str) for c in schema.get("enum", ()))


def _types(schema: Mapping[str, JSON]) -> Sequence[str]:
    types: Any = schema.get("type", ())
    return (types,) if isinstance(types, str) else types


def _fit(items: Sequence[Any], schema: Mapping[str, JSON]) -> bool:
    """Whether it is certain that all of them fit; a False may be wrong."""
    classes = set(map(type, items))
    types = _types(schema)
    known = frozenset[type]().union(*(_CLASSES[name] for name in types or _CLASSES))
    if not classes <= known or ("enum" in schema and not classes <= {str}):
        return False
    if classes & _NUMBERS:
        numbers = items if classes <= _NUMBERS else [item for item in items if type(item) in _NUMBERS]
        whole = "integer" in types and "number" not in types
        if not _numbers_fit(numbers, schema, whole=whole and float in classes):
            return False
    if str in classes:
        texts = items if classes == {str} else [item for item in items if type(item) is str]
        return _texts_fit(texts, schema)
    return True


def _numbers_fit(numbers: Sequence[float], schema: Mapping[str, JSON], *, whole: bool) -> bool:
    """``whole``: 1.5 is wrong, 1.0 is not."""
    try:
        if not all(map(math.isfinite, numbers)):
            return False
    except OverflowError:  # an integer that no double can hold
        return False
    if whole and not all(map(methodcaller("is_integer"), numbers)):
        return False
    least, most = min(numbers), max(numbers)
    return (
        ("minimum" not in schema or least >= schema["minimum"])
        and ("maximum" not in schema or most <= schema["maximum"])
        and ("exclusiveMinimum" not in schema or least > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or most < schema["exclusiveMaximum"])
    )


def _texts_fit(texts: Sequence[str], schema: Mapping[str, JSON]) -> bool:
    if "enum" in schema and not set(texts) <= set(schema["enum"]):
        return False
    return ("minLength" not in schema or min(map(len, texts)) >= schema["minLength"]) and (
        "maxLength" not in schema or max(map(len, texts)) <= schema["maxLength"]
    )
