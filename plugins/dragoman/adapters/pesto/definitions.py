"""What the schemas of every PESTO process share: six definitions, and the frame around the properties. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON

DRAFT: Final = "http://json-schema.org/draft-06/schema#"
IMAGE: Final = "#/definitions/Image"
IMAGES: Final = "#/definitions/Images"
METADATA: Final = "#/definitions/Metadata"

_NUMBERS: Final[Mapping[str, JSON]] = {"type": "array", "items": {"type": "number"}}
_RING: Final[Mapping[str, JSON]] = {"type": "array", "minItems": 4, "items": {**_NUMBERS, "minItems": 2}}

DEFINITIONS: Final[Mapping[str, JSON]] = {
    "Image": {
        "$schema": DRAFT,
        "description": "Image to process : it can be an url or the raw bytes encoded in base64",
        "type": "string",
    },
    "Images": {"type": "array", "items": {"$ref": IMAGE}},
    "Metadata": {"type": "object"},
    "Metadatas": {"type": "array", "items": {"$ref": METADATA}},
    "Polygon": {
        "$schema": DRAFT,
        "title": "Polygon",
        "description": "GeoJSON Polygon",
        "type": "object",
        "required": ["type", "coordinates"],
        "properties": {
            "type": {"type": "string", "enum": ["Polygon"]},
            "coordinates": {"type": "array", "items": _RING},
            "bbox": {**_NUMBERS, "minItems": 4},
        },
    },
    "Polygons": {"type": "array", "items": {"$ref": "#/definitions/Polygon"}},
}
"""By name; clients send and expect exactly these."""

_FRAME: Final[Mapping[str, JSON]] = {
    "$schema": DRAFT,
    "title": "",
    "type": "object",
    "description": "Expected format",
    "definition": {},
}
"""What stands beside the properties, unless the author's file says otherwise."""


def framed(written: Mapping[str, JSON], own: Mapping[str, JSON] | None = None) -> dict[str, JSON]:
    """``input`` or ``output`` of a describe document, of a schema file as its author wrote it.

    The file is a map of properties, with ``required`` and the members of the frame beside them, or has its
    properties one level down. ``own`` are the author's definitions; they cannot replace the shared ones.
    """
    rest = {name: value for name, value in written.items() if name not in ("definitions", *_FRAME)}
    required, content = rest.pop("required", None), rest.pop("content", None)
    inner = rest.get("properties")
    made = {name: written.get(name, default) for name, default in _FRAME.items()}
    made["definitions"] = dict(sorted({**(own or {}), **DEFINITIONS}.items()))
    made["properties"] = inner if isinstance(inner, dict) else rest
    if required:
        made["required"] = required
    if content:
        made["content"] = content
    return made


def is_images(schema: Mapping[str, JSON]) -> bool:
    """Whether a property is a list of images."""
    items = schema.get("items")
    listed = schema.get("type") == "array" and isinstance(items, dict) and items.get("$ref") == IMAGE
    return schema.get("$ref") == IMAGES or listed
