"""Whether two grids share ground, and by how many turns of longitude a raster is to be moved for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine

from dragoman.errors import InvalidRequest
from dragoman.rasters.grids import Grid, overlap
from dragoman.rasters.transformation import Transformation, period_of, turn_of

if TYPE_CHECKING:
    from dragoman.rasters.transformation import Points

SAMPLES = 33
"""Points along a side of a grid that are looked for on the other."""

WIDEST = 1.5e7
"""Units from the central meridian within which a projected raster reaches around no world."""


def meeting(source: Grid, target: Grid) -> bool:
    """Whether a raster on ``source``, in whichever longitudes, has pixels on ``target``.

    Asked both ways, at many points: a world in one CRS may have no box in the other. True where no transformation
    is known, so that whoever warps can tell why not.
    """
    if source.crs is None or target.crs is None:
        return overlap(source.bounds, target.bounds)
    try:
        change = Transformation(source.crs, target.crs)
    except InvalidRequest:
        return True
    same = source.crs == target.crs
    on_source = _sight(source, points_on(target) if same else change.backward(points_on(target)))
    on_target = _sight(target, points_on(source) if same else change.forward(points_on(source)))
    if on_source.hit or on_target.hit:
        return True
    near = (on_source.near, on_target.near)
    return False not in near and True in near


def points_on(grid: Grid) -> Points:
    """Points from edge to edge of a grid, a hair within, in its CRS: (SAMPLES, SAMPLES, 2)."""
    hair = 1e-6
    cols = np.linspace(hair, 1 - hair, SAMPLES) * grid.width
    rows = np.linspace(hair, 1 - hair, SAMPLES) * grid.height
    col, row = np.meshgrid(cols, rows)
    a, b, c, d, e, f = grid.transform[:6]
    return np.stack([a * col + b * row + c, d * col + e * row + f], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Points of one grid as they lie on another."""

    hit: bool
    """Whether one lies on it."""
    near: bool | None
    """Whether the box around them reaches it; None where they have no box."""


def _sight(grid: Grid, points: Points) -> Sight:
    """Where points in the CRS of the grid lie on it."""
    assert grid.crs is not None
    a, b, c, d, e, f = (~grid.transform)[:6]
    with np.errstate(invalid="ignore"):
        x, y = a * points[..., 0] + b * points[..., 1] + c, d * points[..., 0] + e * points[..., 1] + f
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        return Sight(hit=False, near=None)
    period = period_on(grid)
    if period:
        upright = abs(grid.transform.a)
        period = period / upright if upright else None
    if period:
        around = np.floor(x[known] / period) * period
        left = x[known] - around
        hit = bool(((y[known] >= 0) & (y[known] <= grid.height) & (left <= grid.width)).any())
        x = np.unwrap(np.unwrap(x, period=period, axis=1), period=period, axis=0) if known.all() else x
    else:
        hit = bool(
            ((y[known] >= 0) & (y[known] <= grid.height) & (x[known] >= 0) & (x[known] <= grid.width)).any()
        )
    return Sight(hit=hit, near=_near(grid, x, y, period) if known.all() else None)


def _near(grid: Grid, x: Points, y: Points, period: float | None) -> bool | None:
    steps = [max(np.abs(np.diff(values, axis=axis)).max() for axis in (0, 1)) for values in (x, y)]
    if steps[0] > np.ptp(x) / 3 or steps[1] > np.ptp(y) / 3:
        return None  # torn
    west, east, south, north = x.min() - steps[0], x.max() + steps[0], y.min() - steps[1], y.max() + steps[1]
    if north <= 0 or south >= grid.height:
        return False
    if period:
        by = np.floor(east / period) * period
        return bool(east - by >= 0 and west - by <= grid.width)
    return bool(east > 0 and west < grid.width)


def period_on(grid: Grid) -> float | None:
    """After how many units x tells the same meridian again, where a grid may reach that far; None: never."""
    assert grid.crs is not None
    if grid.crs.is_geographic:
        return turn_of(grid.crs)
    left, _, right, _ = grid.bounds
    return period_of(grid.crs) if max(-left, right) > WIDEST else None


def turns(source: Grid, target: Grid) -> list[float]:
    """By how much the source is to be moved along x so that every place on ``target`` finds it: often just 0.

    A raster from 0 to 360 degrees holds the western half of the world beyond 180; a target may do so too. In units
    of the source's CRS, which may also be a projection that repeats itself.
    """
    if source.crs is None or target.crs is None or not (period := period_on(source)):
        return [0.0]
    if target.crs == source.crs:
        left, _, right, _ = target.bounds
    else:  # the transformation tells longitudes from -180 to 180, or as the target does
        left, right = -period / 2, period / 2
        if target.crs.is_geographic and source.crs.is_geographic:
            share = period / turn_of(target.crs)
            left, right = min(left, target.bounds[0] * share), max(right, target.bounds[2] * share)
    west, _, east, _ = source.bounds
    reach = range(int(np.floor((left - east) / period)), int(np.ceil((right - west) / period)) + 1)
    turns = [
        float(number * period)
        for number in sorted(reach, key=abs)
        if min(right, east + number * period) - max(left, west + number * period) > 1e-9 * period
    ]
    return turns or [0.0]


def moved(source: Grid, turn: float) -> Affine:
    """The transform of a raster, told ``turn`` units further east."""
    return Affine.translation(turn, 0) @ source.transform
