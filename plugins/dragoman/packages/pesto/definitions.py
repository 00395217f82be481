"""What ``#/definitions/...`` of a PESTO schema means: the six that every service has (contracts/pesto.md, 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON

PREFIX: Final = "#/definitions/"

_DRAFT: Final = "http://json-schema.org/draft-06/schema#"
_POSITION: Final = {"type": "array", "minItems": 2, "items": {"type": "number"}}

STANDARD: Final[Mapping[str, Mapping[str, JSON]]] = {
    "Image": {
        "$schema": _DRAFT,
        "description": "Image to process : it can be an url or the raw bytes encoded in base64",
        "type": "string",
    },
    "Images": {"type": "array", "items": {"$ref": "#/definitions/Image"}},
    "Metadata": {"type": "object"},
    "Metadatas": {"type": "array", "items": {"$ref": "#/definitions/Metadata"}},
    "Polygon": {
        "$schema": _DRAFT,
        "title": "Polygon",
        "description": "GeoJSON Polygon",
        "type": "object",
        "required": ["type", "coordinates"],
        "properties": {
            "type": {"type": "string", "enum": ["Polygon"]},
            "coordinates": {"type": "array", "items": {"type": "array", "minItems": 4, "items": _POSITION}},
            "bbox": {"type": "array", "minItems": 4, "items": {"type": "number"}},
        },
    },
    "Polygons": {"type": "array", "items": {"$ref": "#/definitions/Polygon"}},
}
"""As they stand in every describe document, beside the author's own; an author cannot redefine them."""


def defined(schema: object) -> str:
    """``Image`` of ``{"$ref": "#/definitions/Image"}``; empty where the schema refers to none."""
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    return (
        reference.removeprefix(PREFIX) if isinstance(reference, str) and reference.startswith(PREFIX) else ""
    )


def is_image(schema: object) -> bool:
    """Whether a value is one image."""
    return defined(schema) == "Image"


def is_images(schema: object) -> bool:
    """Whether a value is a list of images, told in either way."""
    if defined(schema) == "Images":
        return True
    return isinstance(schema, dict) and schema.get("type") == "array" and is_image(schema.get("items"))
