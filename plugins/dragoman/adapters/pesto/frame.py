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


def framed(said: Mapping[str, JSON], own: Mapping[str, JSON]) -> dict[str, JSON]:
    """The document of ``properties`` and of what the author said of the whole; ``own`` are his definitions."""
    made = {name: said.get(name, default) for name, default in _FRAME.items()}
    made["definitions"] = dict(sorted({**own, **STANDARD}.items()))
    made["properties"] = said.get("properties", {})
    return made | {name: said[name] for name in ("required", "content") if said.get(name)}
