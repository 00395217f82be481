"""Where a raster comes to lie in another CRS: the part of it that has a sensible place there, and at which size.

A CRS is made for an area; far outside of it a formula still gives numbers, up to a pixel of 1e21 m. And
longitudes are told twice: 190 degrees east are 170 west.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import pyproj
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import calculate_default_transform, transform_bounds

from dragoman.errors import InvalidRequest
from dragoman.rasters.crs import TRANSFORM_ERRORS, crs_label
from dragoman.rasters.grids import Bounds, Grid, overlap, overlapping

if TYPE_CHECKING:
    from collections.abc import Iterator

LONLAT = CRS.from_epsg(4326)
TURN = 360.0
WORLD: Bounds = (-180.0, -90.0, 180.0, 90.0)
MARGIN = 0.5
"""Share of an area's size by which a raster may reach out of it on each side, and is still shown whole."""
COARSE = 2.0
"""A pixel so many times as large as that of the part within the area tells that the rest has no place."""


class Extent(NamedTuple):
    """A box in a CRS, and the side of a pixel there that keeps the detail."""

    bounds: Bounds
    steps: tuple[float, float]


def natural_extent(source: Grid, crs: CRS) -> Extent:
    """Where a raster lies in ``crs``; only the part in that CRS's area of use if the rest has no place there.

    Raises InvalidRequest where there is no transformation, or nothing of the raster is in that area.
    """
    upright = source.transform.b == 0 and source.transform.d == 0
    if source.crs == crs and upright:
        return Extent(source.bounds, (abs(source.transform.a), abs(source.transform.e)))
    try:
        return _in_another(source, crs)
    except TRANSFORM_ERRORS as error:
        where = f"from {crs_label(source.crs)} to {crs_label(crs)}"
        raise InvalidRequest(f"the raster cannot be transformed {where}") from error


def _in_another(source: Grid, crs: CRS) -> Extent:
    box = _once_around(source) if source.crs and source.crs.is_geographic else source.bounds
    area = area_of_use(crs)
    if area is None:
        return _extent(source, crs, box)
    lonlat = _in_lonlat(source, box)
    inner = _common(lonlat, area)
    if inner is None or inner == lonlat or source.crs == crs:
        if inner is None and _common(lonlat, _wider(area)) is None:
            raise InvalidRequest(
                f"the raster lies outside the area that {crs_label(crs)} is made for "
                f"({_told(area)}); give a bbox and a resolution"
            )
        return _extent(source, crs, box)
    part = _extent(source, crs, _back(source, box, inner))
    if _common(lonlat, _wider(area)) != lonlat:
        return part
    try:
        whole = _extent(source, crs, box)
    except TRANSFORM_ERRORS:
        return part
    return whole if whole.steps[0] <= COARSE * part.steps[0] else part


def _extent(source: Grid, crs: CRS, box: Bounds) -> Extent:
    """The extent of a box of the source."""
    a, b, _, d, e, _ = source.transform[:6]
    cols = max(1, round((box[2] - box[0]) / math.hypot(a, d)))
    rows = max(1, round((box[3] - box[1]) / math.hypot(b, e)))
    if box == source.bounds:
        cols, rows = source.width, source.height
    transform, width, height = calculate_default_transform(source.crs, crs, cols, rows, *box)
    left, top, step = transform.c, transform.f, transform.a
    bounds = (left, top - height * step, left + width * step, top)
    if width < 1 or height < 1 or not all(map(math.isfinite, bounds)):
        raise ValueError("the box has no extent there")
    return Extent(bounds, (step, step))


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


def _in_lonlat(source: Grid, box: Bounds) -> Bounds:
    """The box around ``box`` in degrees; the whole world where a corner is none of its places."""
    if source.crs and source.crs.is_geographic:
        return box
    try:
        left, bottom, right, top = transform_bounds(source.crs, LONLAT, *box, densify_pts=21)
    except TRANSFORM_ERRORS:
        return WORLD
    found = (left, bottom, right + (TURN if right < left else 0), top)
    return found if all(map(math.isfinite, found)) else WORLD


def _back(source: Grid, box: Bounds, lonlat: Bounds) -> Bounds:
    """The part of ``box``, in the source's CRS, that holds the lonlat box."""
    if source.crs and source.crs.is_geographic:
        return lonlat
    there = transform_bounds(LONLAT, source.crs, *lonlat, densify_pts=21)
    west, south = max(box[0], there[0]), max(box[1], there[1])
    east, north = min(box[2], there[2]), min(box[3], there[3])
    return (west, south, east, north) if west < east and south < north else box


def _common(box: Bounds, area: Bounds) -> Bounds | None:
    """What the box shares with an area, in the longitudes of the box; None where that is nothing."""
    south, north = max(box[1], area[1]), min(box[3], area[3])
    if south >= north:
        return None
    if area[2] - area[0] >= TURN:
        return (box[0], south, box[2], north)
    spans = [(max(box[0], area[0] + turn), min(box[2], area[2] + turn)) for turn in (-TURN, 0.0, TURN)]
    west, east = max(spans, key=lambda span: span[1] - span[0])
    return (west, south, east, north) if west < east else None


def _wider(area: Bounds) -> Bounds:
    wide, high = MARGIN * (area[2] - area[0]), MARGIN * (area[3] - area[1])
    return (area[0] - wide, area[1] - high, area[2] + wide, area[3] + high)


def _told(area: Bounds) -> str:
    return f"longitudes {area[0]:g} to {area[2]:g}, latitudes {area[1]:g} to {area[3]:g}"


def _once_around(source: Grid) -> Bounds:
    """The bounds of a geographic raster in the longitudes from -180 to 180, where it fits into them."""
    left, bottom, right, top = source.bounds
    if left >= TURN / 2:
        return (left - TURN, bottom, right - TURN, top)
    if right > TURN / 2 and right - left > TURN / 2:
        return (-TURN / 2, bottom, TURN / 2, top)
    return (left, bottom, right, top)


def turns(source: Grid, target: Grid) -> list[float]:
    """By how many degrees the source is to be moved so that every place on ``target`` finds it: often just 0.

    A raster from 0 to 360 degrees holds the western half of the world beyond 180; a target may do so too.
    """
    if not (source.crs and target.crs and source.crs.is_geographic):
        return [0.0]
    left, _, right, _ = target.bounds if target.crs.is_geographic else (-TURN / 2, 0, TURN / 2, 0)
    if target.crs != source.crs:  # the transformation may tell longitudes from -180 to 180
        left, right = min(left, -TURN / 2), max(right, TURN / 2)
    west, _, east, _ = source.bounds
    found = [turn for turn in (0.0, -TURN, TURN) if min(right, east + turn) - max(left, west + turn) > 1e-9]
    return found or [0.0]


def moved(source: Grid, turn: float) -> Affine:
    """The transform of a geographic raster, told ``turn`` degrees further east."""
    return Affine.translation(turn, 0) @ source.transform


def meeting(source: Grid, target: Grid) -> bool:
    """Whether a raster on ``source``, in whichever longitudes, may have pixels on ``target``."""
    if source.crs is None or target.crs is None or not source.crs.is_geographic:
        return overlapping(source, target)
    box = target.bounds_in(source.crs)
    if box is not None and box[0] > box[2]:
        box = (box[0], box[1], box[2] + TURN, box[3])
    return box is None or any(overlap(other, box) for other in _around(source.bounds))


def _around(box: Bounds) -> Iterator[Bounds]:
    for turn in (0.0, -TURN, TURN):
        yield (box[0] + turn, box[1], box[2] + turn, box[3])
