"""What a PESTO project imports as ``pesto.cli.fields``: dataclass fields that also say what they are in a schema.

Given to a worker where PESTO itself is not installed. There is nothing else of PESTO in it.
"""

from __future__ import annotations

import dataclasses
from enum import Enum, auto
from typing import Any


class Definition(Enum):
    """The kinds of value that every PESTO schema knows."""

    Image = auto()
    Images = auto()
    Polygon = auto()
    Polygons = auto()
    Metadata = auto()
    Metadatas = auto()


NATIVES = {str: "string", int: "integer", float: "number"}
"""The annotations that are types of JSON."""


class Param:
    """Keys of a field's metadata."""

    type = "pesto.type"
    description = "pesto.description"
    required = "pesto.required"


def field(description: str = "", required: bool = False, **kwargs: Any) -> Any:
    """A plain value, whose type is the annotation; further arguments are those of dataclasses.field."""
    return _field({}, description, required, kwargs)


def definition(definition: Definition, description: str = "", required: bool = False, **kwargs: Any) -> Any:
    """A value of one of the known kinds."""
    return _field({Param.type: definition}, description, required, kwargs)


def user_definition(definition: str, description: str = "", required: bool = False, **kwargs: Any) -> Any:
    """A value of a kind of the author's own, of user_definitions.json."""
    return _field({Param.type: definition}, description, required, kwargs)


def _field(kind: dict[str, Any], description: str, required: bool, more: dict[str, Any]) -> Any:
    metadata = {**kind, Param.description: description, Param.required: required}
    return dataclasses.field(metadata=metadata, **more)
