"""What the operator writes of a map service, as JSON for the process that looks at its file, and its states."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.maps.renderers import dump_renderer, parse_renderer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON
    from dragoman.model.renderer import Renderer

DOCUMENT: Final = "service.json"
"""In the folder of what was made of a file: the service; written last."""
PYRAMIDS: Final = 2
"""Raised when pyramids are made in another way, so that those that are there are made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDeclaration:
    """A service of the configuration: a file of the operator's, published under a name."""

    name: str
    path: Path
    """A NetCDF or GeoTIFF file, absolute."""
    description: str = ""
    variables: Mapping[str, Renderer | None] = field(default_factory=dict)
    """Which variables are layers, in this order, with their renderers (None: from minimum to maximum).

    Empty: all that can be drawn.
    """


def dump_declaration(declaration: ServiceDeclaration) -> dict[str, JSON]:
    """A declaration as JSON."""
    variables = {name: each and dump_renderer(each) for name, each in declaration.variables.items()}
    return {
        "name": declaration.name,
        "path": str(declaration.path),
        "description": declaration.description,
        "variables": variables,
    }


def load_declaration(data: Mapping[str, JSON]) -> ServiceDeclaration:
    """The inverse of dump_declaration."""
    variables = {name: each and parse_renderer(each, words=True) for name, each in data["variables"].items()}
    return ServiceDeclaration(
        name=data["name"], path=Path(data["path"]), description=data["description"], variables=variables
    )


def state_of(declaration: ServiceDeclaration) -> str:
    """A hash of the declaration, of the file's size and time, and of how pyramids are made; raises OSError."""
    status = declaration.path.stat()
    text = json.dumps([dump_declaration(declaration), status.st_size, status.st_mtime_ns, PYRAMIDS])
    return hashlib.sha256(text.encode()).hexdigest()[:24]
