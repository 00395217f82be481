"""Short, human words for what was given and what a schema allows; no validator's dump reaches a client."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dragoman.model.process import JSON

SHOWN: Final = 80
"""Characters of a given value that are shown."""

FEW: Final = 8
"""Members of an object that are listed where none of them is required."""

_ARTICLES: Final = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
FORMATS: Final = {
    "date-time": "a date and time (RFC 3339)",
    "date": "a date (RFC 3339)",
    "uri": "a URI",
    "ogc-bbox": "a bounding box: {bbox: 4 or 6 numbers, crs}",
    "geojson-feature-collection": "a GeoJSON FeatureCollection",
    "geojson-feature": "a GeoJSON Feature",
    "geojson-geometry": "a GeoJSON geometry",
}
"""What a value of a format is, in words."""


def cut(text: str, limit: int = SHOWN) -> str:
    """A name that a client chose, cut after ``limit`` characters."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def shown(value: JSON, limit: int = SHOWN) -> str:
    """The value as JSON, cut after ``limit`` characters; cheap for a large value."""
    return cut(_prefix(value, limit, 4), limit)


def _prefix(value: JSON, budget: int, depth: int) -> str:
    if isinstance(value, str):
        return json.dumps(value[: budget + 1], ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{_members((('', item) for item in value), budget, depth)}]"
    if isinstance(value, Mapping):
        pairs = ((f"{json.dumps(str(key)[:budget])}: ", item) for key, item in value.items())
        return f"{{{_members(pairs, budget, depth)}}}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return "a very large integer"
    return (
        json.dumps(value) if value is None or isinstance(value, bool | int | float) else type(value).__name__
    )


def _members(pairs: Iterable[tuple[str, JSON]], budget: int, depth: int) -> str:
    if depth == 0:
        return "..."
    parts: list[str] = []
    for label, item in pairs:
        if budget <= 0:
            parts.append("...")
            break
        parts.append(label + _prefix(item, budget, depth - 1))
        budget -= len(parts[-1]) + 2
    return ", ".join(parts)


def allowed(schema: JSON) -> str:
    """What the schema allows, in a few words: ``an integer, at least 1``."""
    if not isinstance(schema, Mapping):
        return "anything" if schema is not False else "nothing"
    if "const" in schema:
        return shown(schema["const"])
    if isinstance(schema.get("enum"), list):
        return _choices(schema["enum"])
    for key in ("oneOf", "anyOf"):
        if isinstance(schema.get(key), list) and "type" not in schema:
            return ", or ".join(dict.fromkeys(allowed(item) for item in schema[key]))
    if isinstance(schema.get("allOf"), list) and "type" not in schema:
        words = (allowed(item) for item in schema["allOf"])
        return next((word for word in words if word != "anything"), "anything")
    return _kind(schema) + "".join(f", {limit}" for limit in [*_limits(schema), *_alternatives(schema)])


def _choices(values: list[JSON]) -> str:
    words = [value if isinstance(value, str) and value else shown(value) for value in values[:20]]
    return ", ".join([*words, "..."] if len(values) > len(words) else words)


def _kind(schema: Mapping[str, JSON]) -> str:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    kind = schema.get("type")
    if kind == "object":
        return _object(schema)
    each = allowed(schema.get("items", {})) if kind == "array" else "anything"
    if each != "anything":
        return f"an array (each: {each})"
    names = kind if isinstance(kind, list) else [kind]
    return " or ".join(_ARTICLES.get(str(name), "anything") for name in names)


def _alternatives(schema: Mapping[str, JSON]) -> Iterable[str]:
    """Limits of which one has to hold; the branches of a schema that tells its type beside them."""
    for key in ("oneOf", "anyOf"):
        branches = schema.get(key) or ()
        limits = [", ".join(_limits(each)) for each in branches if isinstance(each, Mapping)]
        if limits and all(limits):
            yield " or ".join(limits)


def _object(schema: Mapping[str, JSON]) -> str:
    """An object by its title, where that is a noun and no heading, and by what it has to hold."""
    title, required, known = (schema.get(key) for key in ("title", "required", "properties"))
    held = ""
    if isinstance(required, list) and required:
        held = f"an object with {', '.join(map(str, required))}"
    elif isinstance(known, Mapping) and 0 < len(known) <= FEW:
        held = f"an object that may hold {', '.join(map(str, known))}"
    if not isinstance(title, str) or not title or (title[0].isupper() and not title[1:2].isupper()):
        return held or "an object"
    noun = f"{'an' if title[0] in 'aeiou' else 'a'} {title}"
    return f"{noun} ({held})" if held else noun


def _limits(schema: Mapping[str, JSON]) -> Iterable[str]:
    for key, words in (
        ("minimum", "at least {}"),
        ("exclusiveMinimum", "more than {}"),
        ("maximum", "at most {}"),
        ("exclusiveMaximum", "less than {}"),
        ("multipleOf", "a multiple of {}"),
        ("minLength", "{} or more characters"),
        ("maxLength", "{} or fewer characters"),
        ("pattern", "matching {}"),
        ("minItems", "{} or more items"),
        ("maxItems", "{} or fewer items"),
        ("minProperties", "{} or more members"),
        ("maxProperties", "{} or fewer members"),
    ):
        limit = schema.get(key)
        if limit is None or isinstance(limit, bool):
            continue
        if key in ("minItems", "maxItems") and schema.get("minItems") == schema.get("maxItems"):
            words = "exactly {} items" if key == "minItems" else ""
        if words:
            yield words.format(limit)
