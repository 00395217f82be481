"""What the operator writes of a map service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.model.renderer import Renderer


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
