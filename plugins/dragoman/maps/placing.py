"""Services with their paths relative to HOME, as they are stored, and absolute, as they are used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.model.map_service import MapService


def placed(service: MapService, home: Path) -> MapService:
    """A stored service with the paths of its files; those that are absolute already stay."""
    variables = tuple(
        replace(variable, drawn=tuple((home / path, band) for path, band in variable.drawn))
        for variable in service.variables
    )
    return replace(service, data=home / service.data, variables=variables)
