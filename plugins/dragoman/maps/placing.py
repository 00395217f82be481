"""Services with their paths relative to HOME, as they are stored, and absolute, as they are used."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.model.map_service import MapService

KEPT: Final = 32
"""Services that are kept, each picture of a map asks for the same one."""


@lru_cache(maxsize=KEPT)
def placed(service: MapService, home: Path) -> MapService:
    """A stored service with the paths of its files; those that are absolute already stay."""
    variables = tuple(
        replace(variable, drawn=tuple((home / path, band) for path, band in variable.drawn))
        for variable in service.variables
    )
    return replace(service, data=home / service.data, variables=variables)
