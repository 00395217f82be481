"""The grid of a mosaic, and where each of its images lies there."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from affine import Affine
from rasterio.enums import ColorInterp

from dragoman.errors import InvalidRequest
from dragoman.rasters.extents import natural_extent
from dragoman.rasters.grids import Grid
from dragoman.rasters.transformation import period_of
from dragoman.rasters.unwarped import pixel_offset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rasterio.crs import CRS

    from dragoman.rasters.feathering import Box
    from dragoman.rasters.grids import Bounds

BEYOND: Final = 2
"""Pixels around the extent of a warped image that are looked at too: its edge is not straight there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One image on the mosaic's grid."""

    path: Path
    number: int
    """From 1, in the order in which they were sent."""
    bands: tuple[int, ...]
    """Those that are no alpha."""
    box: Box
    """All of it lies within."""
    offset: tuple[int, int] | None
    """Where the mosaic's first pixel lies in the image, if they have the same pixels; None: it is warped."""


def data_bands(dataset: Any) -> tuple[int, ...]:
    """The numbers of the bands that are not alpha."""
    kinds = enumerate(dataset.colorinterp, start=1)
    numbers = tuple(number for number, meaning in kinds if meaning != ColorInterp.alpha)
    return numbers or tuple(range(1, dataset.count + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where an image lies in the mosaic's CRS."""

    grid: Grid
    """Its own."""
    bounds: Bounds
    steps: tuple[float, float]
    """The side of a pixel that keeps its detail."""
    left_out: str = ""
    """What of it has no place there, in words."""


def site_of(dataset: Any, crs: CRS) -> Site:
    """Raises InvalidRequest for an image that has no place in ``crs``."""
    grid = Grid.of(dataset)
    extent = natural_extent(grid, crs)
    return Site(grid=grid, bounds=extent.bounds, steps=extent.steps, left_out=extent.left_out)


def beside(site: Site, first: Site, crs: CRS) -> Site:
    """The same place, told in the turn around the world that is next to the first image."""
    period = period_of(crs)
    if not period:
        return site
    left, bottom, right, top = site.bounds
    turn = period * round((first.bounds[0] + first.bounds[2] - left - right) / 2 / period)
    if not turn:
        return site
    bounds = (left + turn, bottom, right + turn, top)
    own = site.grid.crs == crs
    grid = (
        replace(site.grid, transform=Affine.translation(turn, 0) @ site.grid.transform) if own else site.grid
    )
    return replace(site, bounds=bounds, grid=grid)


def common_grid(sites: Sequence[Site], crs: CRS, resolution: float | None) -> Grid:
    """A grid, north up, that holds all of these.

    It has the pixels of the first where these fit, else a corner of its own. Its resolution is the finest, unless
    one is told. Raises InvalidRequest where it would have more pixels along a side than can be counted.
    """
    if resolution is not None:
        steps = (resolution, resolution)
    else:
        steps = (min(site.steps[0] for site in sites), min(site.steps[1] for site in sites))
    left, top = min(site.bounds[0] for site in sites), max(site.bounds[3] for site in sites)
    right, bottom = max(site.bounds[2] for site in sites), min(site.bounds[1] for site in sites)
    left, top = _on_lattice(sites[0].grid, crs, steps, left, top)
    width, height = (right - left) / steps[0], (top - bottom) / steps[1]
    if not (math.isfinite(width) and math.isfinite(height) and max(width, height) < 2**31):
        raise InvalidRequest("makes a mosaic too large to write")
    return Grid(
        crs=crs,
        transform=Affine(steps[0], 0, left, 0, -steps[1], top),
        width=max(1, math.ceil(width - 1e-3)),
        height=max(1, math.ceil(height - 1e-3)),
    )


def _on_lattice(
    first: Grid, crs: CRS, steps: tuple[float, float], left: float, top: float
) -> tuple[float, float]:
    """The corner, moved out to where a pixel of the first image begins, if that has pixels of this size."""
    a, b, c, d, e, f = first.transform[:6]
    same = np.allclose((a, -e), steps, rtol=1e-9, atol=0)
    if first.crs != crs or b or d or not same:
        return left, top
    cols, rows = math.floor((left - c) / steps[0] + 1e-3), math.floor((f - top) / steps[1] + 1e-3)
    return c + cols * steps[0], f - rows * steps[1]


def placed(dataset: Any, number: int, site: Site, target: Grid) -> Placed:
    """Where an image lies on the mosaic's grid."""
    offset = pixel_offset(site.grid, target)
    if offset is not None:
        box = (-offset[0], -offset[1], site.grid.width - offset[0], site.grid.height - offset[1])
    else:
        inverse = ~target.transform
        left, top = inverse @ (site.bounds[0], site.bounds[3])
        right, bottom = inverse @ (site.bounds[2], site.bounds[1])
        box = (
            max(0, math.floor(left) - BEYOND),
            max(0, math.floor(top) - BEYOND),
            min(target.width, math.ceil(right) + BEYOND),
            min(target.height, math.ceil(bottom) + BEYOND),
        )
        if site.grid.same_as(part_of(target, box)):  # but for a hundredth of a pixel
            offset = (-box[0], -box[1])
    path = Path(dataset.name)
    return Placed(path=path, number=number, bands=data_bands(dataset), box=box, offset=offset)


def part_of(target: Grid, box: Box) -> Grid:
    """The grid of a box of the mosaic."""
    left, top, right, bottom = box
    transform = target.transform @ Affine.translation(left, top)
    return Grid(crs=target.crs, transform=transform, width=right - left, height=bottom - top)
