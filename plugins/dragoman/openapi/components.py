"""The words that every dialect's OpenAPI document is built from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dragoman.model.process import JSON

type Object = dict[str, JSON]

HTML: Final = "text/html"
JSON_TYPE: Final = "application/json"


def ref(kind: str, name: str) -> Object:
    """A reference to a component of this document."""
    return {"$ref": f"#/components/{kind}/{name}"}


def record(required: tuple[str, ...] = (), about: str = "", /, **properties: JSON) -> Object:
    """A schema of an object with these members, and any others.

    Do not write additionalProperties: true, although it is the default: the R generator then emits a class that
    does not exist.
    """
    schema: Object = {"type": "object"}
    if about:
        schema["description"] = about
    if required:
        schema["required"] = list(required)
    return schema | {"properties": properties}


def strings(*words: str, description: str = "") -> Object:
    """A schema of a string, or of one of some words."""
    schema: Object = {"type": "string"}
    if words:
        schema["enum"] = list(words)
    if description:
        schema["description"] = description
    return schema


def listed(items: Object) -> Object:
    """A schema of a list."""
    return {"type": "array", "items": items}


def page(schema: Object, media_type: str = JSON_TYPE) -> Object:
    """The content of an answer that is also a page."""
    return {media_type: {"schema": schema}, HTML: {"schema": {"type": "string"}}}
