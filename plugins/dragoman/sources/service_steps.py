"""Reading the step of a map service that an input is: as a raster, as NetCDF, or as the numbers themselves."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import InvalidRequest
from dragoman.model.resolved import ResolvedValue
from dragoman.schemas.forms import NETCDF, may_be_binary, media_types
from dragoman.schemas.media_types import essence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.model.process import InputSpec
    from dragoman.model.service_step import ServiceStep

MOST_NUMBERS: Final = 1_000_000
"""Cells that may be an input in JSON."""
GONE: Final = "the map service is not there any more"


def resolve_step(spec: InputSpec, step: ServiceStep, target: Path) -> ResolvedValue:
    """The step as the input's schema wants it; ``target`` is a path without ending for a new file.

    A file with just these cells is handed on where it lies: it is not ours to write. Raises InvalidRequest.
    """
    from dragoman.rasters.service_copies import copy_step, holds_only, numbers_of, write_step_as_netcdf

    path = os.path.realpath(step.path)
    if not os.path.isfile(path):
        raise InvalidRequest(GONE)
    if not may_be_binary(spec.schema):
        return ResolvedValue(value=_numbers(numbers_of(path, step.band, MOST_NUMBERS)))
    types = {essence(name) for name in media_types(spec.schema)}
    if types == {essence(NETCDF)}:
        netcdf = target.with_suffix(".nc")
        write_step_as_netcdf(path, step.band, netcdf, step.variable)
        return ResolvedValue(path=netcdf, media_type=NETCDF)
    geotiff = target.with_suffix(".tif")
    if holds_only(path):
        _lend(path, geotiff)
    else:
        copy_step(path, step.band, geotiff)
    return ResolvedValue(path=geotiff, media_type="image/tiff")


def _lend(path: str, place: Path) -> None:
    """Another name of the file, by which it lasts as long as the run, if the service ends meanwhile."""
    try:
        os.link(path, place)
    except OSError:  # it lies on another file system
        place.symlink_to(path)


def _numbers(rows: Iterator[Any]) -> list[list[float | int | None]]:
    """Rows of cells as JSON: what is missing, or no number, is null."""
    return [[None if each is None or not math.isfinite(each) else each for each in row] for row in rows]
