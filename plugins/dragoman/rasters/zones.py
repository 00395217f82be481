"""Zones on a raster: polygons brought into its CRS, cut where the way there tears."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from dragoman.rasters.polygons import Shapes, cut, in_turns, turned, united, valid, without_slivers
from dragoman.rasters.transformation import period_of
from dragoman.rasters.zone_cells import Ground
from dragoman.rasters.zone_placing import Placing

if TYPE_CHECKING:
    from rasterio.crs import CRS

    from dragoman.rasters.grids import Grid

SLIVER = 1e-6
"""Pixels that a hole or a part has at least: where two pieces of a zone are joined a gap may be left between them, and
exactextract may take a flat one on the edge of a pixel for all of it."""

TURNS = 10
"""Times around the world that a zone may reach at most, in longitude or in a plane that repeats itself."""


def on_raster(shapes: Shapes, crs: CRS, grid: Grid) -> tuple[Shapes, dict[int, str]]:
    """The shapes in the CRS of a raster that is not rotated, valid; empty where they lie elsewhere.

    Also why a shape has no place at all, by its number: such shapes are empty too. Raises InvalidRequest where
    no transformation between the two CRSs is known.
    """
    turn = period_of(crs)
    faults = _misplaced(shapes, crs, turn)
    shapes = shapes.copy()
    shapes[list(faults)] = shapely.MultiPolygon()
    try:
        return _on_raster(shapes, crs, turn, grid), faults
    except shapely.errors.GEOSException:
        return _one_by_one(shapes, crs, turn, grid, faults), faults


def _on_raster(shapes: Shapes, crs: CRS, turn: float | None, grid: Grid) -> Shapes:
    if turn and not crs.is_geographic:
        shapes = _within(shapes, TURNS * turn)
    if grid.crs != crs:
        placed = Placing(shapes, Ground(grid, crs, turn)).result()
    elif turn:
        placed = _told_again(valid(shapes), turn, grid)
    else:
        placed = valid(shapes)
    return without_slivers(placed, SLIVER * abs(grid.transform.a * grid.transform.e))


def _one_by_one(shapes: Shapes, crs: CRS, turn: float | None, grid: Grid, faults: dict[int, str]) -> Shapes:
    """As ``_on_raster``, where one of the shapes is beyond what GEOS can repair."""
    results = np.full(len(shapes), shapely.MultiPolygon(), dtype=object)
    for number in range(len(shapes)):
        try:
            results[number] = _on_raster(shapes[number : number + 1], crs, turn, grid)[0]
        except shapely.errors.GEOSException:
            faults[number] = "has a geometry that cannot be repaired"
    return results


def _misplaced(shapes: Shapes, crs: CRS, turn: float | None) -> dict[int, str]:
    """Why a shape can have no place: its coordinates are no numbers, or no longitudes and latitudes."""
    points, owners = shapely.get_coordinates(shapes, return_index=True)
    faults = dict.fromkeys(
        map(int, np.unique(owners[~np.isfinite(points).all(axis=1)])), "has coordinates that are no numbers"
    )
    if not turn:
        return faults
    west, south, east, north = shapely.bounds(shapes).T
    with np.errstate(invalid="ignore"):
        if crs.is_geographic:
            why = "has coordinates that are no longitude and latitude"
            off = (south > turn / 4) | (north < -turn / 4) | (np.maximum(-west, east) > TURNS * turn)
        else:
            why = f"lies more than {TURNS} times around the world"
            off = (west > TURNS * turn) | (east < -TURNS * turn)
    for number in np.flatnonzero(off):
        faults.setdefault(int(number), why)
    return faults


def _within(shapes: Shapes, reach: float) -> Shapes:
    """What of shapes in a plane lies within so much of its middle, to the left and to the right."""
    west, _, east, _ = shapely.bounds(shapes).T
    far = (west < -reach) | (east > reach)
    if not far.any():
        return shapes
    shapes = shapes.copy()
    for number in np.flatnonzero(far):
        _, south, _, north = shapely.bounds(shapes[number])
        shapes[number] = cut(valid(shapes[[number]]), (-reach, south, reach, north))[0]
    return shapes


def _told_again(shapes: Shapes, turn: float, grid: Grid) -> Shapes:
    """Shapes in the raster's own longitudes, in each turn that it reaches into."""
    a, e = abs(grid.transform.a), abs(grid.transform.e)
    left, bottom, right, top = grid.bounds
    frame = (left - a, bottom - e, right + a, top + e)
    numbers, turns = in_turns(shapely.bounds(shapes), frame, turn)
    usual = np.bincount(numbers, weights=turns != 0, minlength=len(shapes)) == 0
    results = np.where(usual, shapes, shapely.MultiPolygon())
    chosen = ~usual[numbers]
    pieces = cut(turned(shapes[numbers[chosen]], turns[chosen] * turn), frame)
    return united(results, numbers[chosen], pieces)
