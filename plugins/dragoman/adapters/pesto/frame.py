"""The frame around a schema file: ``input`` and ``output`` of a describe document. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.packages.pesto.definitions import STANDARD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON

DRAFT: Final = "http://json-schema.org/draft-06/schema#"
IMAGE: Final = "#/definitions/Image"
IMAGES: Final = "#/definitions/Images"
METADATA: Final = "#/definitions/Metadata"

_FRAME: Final[Mapping[str, JSON]] = {
    "$schema": DRAFT,
    "title": "",
    "type": "object",
    "description": "Expected format",
    "definition": {},
}
"""What stands beside the properties, unless the author says otherwise."""


def framed(schema: Mapping[str, JSON], own: Mapping[str, JSON]) -> dict[str, JSON]:
    """The document around the ``properties`` of a schema file; ``own`` are the author's definitions."""
    document = {name: schema.get(name, default) for name, default in _FRAME.items()}
    document["definitions"] = dict(sorted({**own, **STANDARD}.items()))
    document["properties"] = schema.get("properties", {})
    return document | {name: schema[name] for name in ("required", "content") if schema.get(name)}
