"""A map service: a raster, or several, that map clients may draw, read and ask about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from dragoman.model.renderer import Renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class MapGrid:
    """Where the cells of a service lie; all its variables share one."""

    crs_wkt: str
    transform: tuple[float, float, float, float, float, float]
    """Affine a, b, c, d, e, f: from (column, row) of a cell's corner to coordinates; north is up (e < 0, b = d = 0)."""
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MapVariable:
    """One layer of a service."""

    name: str
    """Its name in the file; ``band1``, ``band2`` of a GeoTIFF."""
    index: int
    """Its number as a layer, from 0."""
    dtype: str
    """Of numpy."""
    nodata: float | None = None
    minimum: float | None = None
    """Of all its valid cells, at all times; None: there is none."""
    maximum: float | None = None
    units: str = ""
    times: tuple[float, ...] = ()
    """The instants of its time axis, in seconds since 1970 (UTC), ascending; empty: it has no time."""
    renderer: Renderer
    """With numbers alone: its words have been worked out."""
    drawn: tuple[tuple[Path, int], ...] = ()
    """For each instant (or the one picture without time) the GeoTIFF with overviews and the band, from 1, in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapService:
    """One published service."""

    name: str
    """Unique; may hold slashes: ``<job id>/<output>`` of a result."""
    owner: str | None
    """The id of the principal it belongs to; None: the operator's, seen by everybody whom ``auth`` lets in."""
    description: str = ""
    created: datetime
    temporary: bool = False
    """Whether it ends by itself, at ``max_temporary_service_age``."""
    job_id: str | None = None
    """The job whose result it is."""
    data: Path
    """The NetCDF or GeoTIFF file that inputs are read from."""
    grid: MapGrid
    variables: tuple[MapVariable, ...]
