"""The areas that CRSs are made for, and what a raster has within one.

All boxes are west, south, east, north in degrees; east is the greater number, beyond 180 where need be.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pyproj
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from dragoman.rasters.crs import TRANSFORM_ERRORS
from dragoman.rasters.transformation import horizontal, turn_of

if TYPE_CHECKING:
    from dragoman.rasters.grids import Bounds, Grid

LONLAT = CRS.from_epsg(4326)
TURN = 360.0
WORLD: Bounds = (-180.0, -90.0, 180.0, 90.0)
MARGIN = 0.5
"""Share of an area's size by which a raster may reach out of it on each side, and is still shown whole."""


def area_of_use(crs: CRS) -> Bounds | None:
    """West, south, east, north in degrees, east the greater number; None where the CRS does not say."""
    try:
        area = pyproj.CRS.from_wkt(crs.to_wkt()).area_of_use
        if area is None and (authority := crs.to_authority()):
            area = pyproj.CRS.from_authority(*authority).area_of_use
    except pyproj.exceptions.ProjError:
        return None
    if area is None:
        return None
    return (area.west, area.south, area.east + (TURN if area.east < area.west else 0), area.north)


def _plain(crs: CRS) -> bool:
    """Whether its coordinates are degrees from Greenwich."""
    own = horizontal(crs)
    return bool(crs.is_geographic and turn_of(crs) == TURN and own.prime_meridian.longitude == 0)


def box_in_lonlat(source: Grid, box: Bounds) -> Bounds:
    """The box around ``box`` in degrees; the whole world where a corner is none of its places."""
    assert source.crs is not None
    if _plain(source.crs):
        return box
    try:
        left, bottom, right, top = transform_bounds(source.crs, LONLAT, *box, densify_pts=21)
    except TRANSFORM_ERRORS:
        return WORLD
    lonlat = (left, bottom, right + (TURN if right < left else 0), top)
    return lonlat if all(map(math.isfinite, lonlat)) else WORLD


def part_within(source: Grid, box: Bounds, lonlat: Bounds) -> Bounds | None:
    """The part of ``box``, in the source's CRS, that holds the lonlat box; None where that is in two pieces."""
    assert source.crs is not None
    if _plain(source.crs):
        return lonlat
    there = transform_bounds(LONLAT, source.crs, *lonlat, densify_pts=21)
    if there[0] > there[2]:
        return None
    west, south = max(box[0], there[0]), max(box[1], there[1])
    east, north = min(box[2], there[2]), min(box[3], there[3])
    return (west, south, east, north) if west < east and south < north else box


def common(box: Bounds, area: Bounds) -> Bounds | None:
    """What the box shares with an area; in the area's longitudes if that is in two pieces. None: nothing."""
    south, north = max(box[1], area[1]), min(box[3], area[3])
    if south >= north:
        return None
    if area[2] - area[0] >= TURN:
        return (box[0], south, box[2], north)
    spans = [
        (max(box[0], area[0] + turn), min(box[2], area[2] + turn), turn)
        for turn in (0.0, -TURN, TURN, -2 * TURN, 2 * TURN)
    ]
    spans = [span for span in spans if span[0] < span[1]]
    if not spans:
        return None
    if len(spans) == 1:
        return (spans[0][0], south, spans[0][1], north)
    west = min(west - turn for west, _, turn in spans)
    east = max(east - turn for _, east, turn in spans)
    return (west, south, east, north)


def wider(area: Bounds) -> Bounds:
    """An area and MARGIN of its size on each side."""
    wide, high = MARGIN * (area[2] - area[0]), MARGIN * (area[3] - area[1])
    return (area[0] - wide, area[1] - high, area[2] + wide, area[3] + high)


def area_label(area: Bounds) -> str:
    """An area in words."""
    return f"longitudes {area[0]:g} to {area[2]:g}, latitudes {area[1]:g} to {area[3]:g}"


def once_around(source: Grid) -> Bounds:
    """The bounds of a geographic raster in the longitudes from -180 to 180, where it fits into them."""
    left, bottom, right, top = source.bounds
    if source.crs is None or not source.crs.is_geographic:
        return source.bounds
    turn = turn_of(source.crs)
    if left >= turn / 2:
        return (left - turn, bottom, right - turn, top)
    if right > turn / 2 and right - left > turn / 2:
        return (-turn / 2, bottom, turn / 2, top)
    return (left, bottom, right, top)
