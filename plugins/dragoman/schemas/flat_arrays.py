"""Long arrays of plain numbers or texts, checked as a whole: a million one by one take a validator ten seconds."""

from __future__ import annotations

import math
from itertools import batched
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

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
