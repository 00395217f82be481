"""The extent and pixel size of a raster in another CRS, cut to where that CRS is valid.

Far outside of its area of use a formula still gives numbers, up to a pixel of 1e21 m. 190 degrees east and 170 west
are the same meridian.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyproj
from rasterio.crs import CRS
from rasterio.warp import calculate_default_transform, transform_bounds

from dragoman.errors import InvalidRequest
from dragoman.rasters.crs import TRANSFORM_ERRORS, crs_label
from dragoman.rasters.transformation import Transformation, horizontal, period_of, turn_of

if TYPE_CHECKING:
    from dragoman.rasters.grids import Bounds, Grid
    from dragoman.rasters.transformation import Points

LONLAT = CRS.from_epsg(4326)
TURN = 360.0
WORLD: Bounds = (-180.0, -90.0, 180.0, 90.0)
MARGIN = 0.5
"""Share of an area's size by which a raster may reach out of it on each side, and is still shown whole."""
COARSE = 2.0
"""If reprojecting the whole raster makes pixels this many times coarser than reprojecting the part inside the CRS's
area of use, only that part is used."""

SAMPLES = 33
"""Points along a side of a raster that are placed in the other CRS."""


class Extent(NamedTuple):
    """A box in a CRS, and the side of a pixel there that keeps the detail."""

    bounds: Bounds
    steps: tuple[float, float]


def natural_extent(source: Grid, crs: CRS) -> Extent:
    """Where a raster lies in ``crs``; only the part in that CRS's area of use if the rest has no place there.

    Raises InvalidRequest where there is no transformation, or nothing of the raster is in that area.
    """
    a, b, _, d, e, _ = source.transform[:6]
    if source.crs == crs:
        steps = (math.hypot(a, d), math.hypot(b, e))
        turned = b != 0 or d != 0
        return Extent(source.bounds, (min(steps), min(steps)) if turned else steps)
    try:
        return _in_another(source, crs)
    except TRANSFORM_ERRORS as error:
        where = f"from {crs_label(source.crs)} to {crs_label(crs)}"
        raise InvalidRequest(f"the raster cannot be transformed {where}") from error


def _in_another(source: Grid, crs: CRS) -> Extent:
    assert source.crs is not None
    box = _once_around(source)
    area = area_of_use(crs)
    if area is None:
        return _extent(source, crs, box)
    lonlat = _in_lonlat(source, box)
    inner = _common(lonlat, area)
    if inner is None and _common(lonlat, _wider(area)) is None:
        raise InvalidRequest(
            f"the raster lies outside the area that {crs_label(crs)} is made for "
            f"({_area_label(area)}); give a bbox and a resolution"
        )
    if inner is None or inner == lonlat:
        return _extent(source, crs, box)
    return _inner_extent(source, crs, box, inner, whole=_common(lonlat, _wider(area)) == lonlat)


def _inner_extent(source: Grid, crs: CRS, box: Bounds, inner: Bounds, *, whole: bool) -> Extent:
    """Of the part within the area of use; of the whole box, if that may be shown and gets no coarser by it."""
    within = _back(source, box, inner)
    part = _extent(source, crs, within) if within else _area_extent(source, crs, inner)
    if not whole:
        return part
    try:
        all_of_it = _extent(source, crs, box)
    except TRANSFORM_ERRORS:
        return part
    return all_of_it if all_of_it.steps[0] <= COARSE * part.steps[0] else part


def _extent(source: Grid, crs: CRS, box: Bounds) -> Extent:
    """The extent of a box of the source."""
    a, b, _, d, e, _ = source.transform[:6]
    cols = max(1, round((box[2] - box[0]) / math.hypot(a, d)))
    rows = max(1, round((box[3] - box[1]) / math.hypot(b, e)))
    upright = b == 0 and d == 0
    if box == source.bounds and upright:
        cols, rows = source.width, source.height
    if across := _across_the_edge(source, crs, box, (cols, rows)):
        return across
    transform, width, height = calculate_default_transform(source.crs, crs, cols, rows, *box)
    left, top, step = transform.c, transform.f, transform.a
    bounds = (left, top - height * step, left + width * step, top)
    if width < 1 or height < 1 or not all(map(math.isfinite, bounds)):
        raise ValueError("the box has no extent there")
    return Extent(bounds, (step, step))


def _across_the_edge(source: Grid, crs: CRS, box: Bounds, size: tuple[int, int]) -> Extent | None:
    """The extent of a box that lies across the edge of the world as ``crs`` draws it; None if it does not.

    Where ``crs`` repeats itself, x goes on beyond that edge (longitudes beyond 180). Else the raster lies in two
    pieces, and its pixels keep their size.
    """
    assert source.crs is not None
    try:
        points = Transformation(source.crs, crs).forward(_samples(box))
    except InvalidRequest:
        return None
    if not np.isfinite(points).all() or not _torn(points):
        return None
    period = period_of(crs)
    if period:
        points[..., 0] = np.unwrap(np.unwrap(points[..., 0], period=period, axis=1), period=period, axis=0)
        if _torn(points) or np.ptp(points[..., 0]) >= period:
            return None
    (left, bottom), (right, top) = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    if period:
        by = period * round((left + right) / 2 // period) if left > period / 2 else 0.0
        step = math.hypot(right - left, top - bottom) / math.hypot(*size)
        left, right = left - by, right - by
        if right < -period / 2 or left < -period / 2:
            left, right = left + period, right + period
    else:
        step = _usual_step(points, size)
    width, height = max(1, round((right - left) / step)), max(1, round((top - bottom) / step))
    return Extent((left, top - height * step, left + width * step, top), (step, step))


def _area_extent(source: Grid, crs: CRS, lonlat: Bounds) -> Extent:
    """The extent of an area in degrees, where it is no box of the source."""
    assert source.crs is not None
    points = Transformation(LONLAT, crs).forward(_samples(lonlat))
    if not np.isfinite(points).all():
        raise ValueError("the area has no extent there")
    (left, bottom), (right, top) = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    pixels = Transformation(LONLAT, source.crs).forward(_samples(lonlat))
    a, b, _, d, e, _ = source.transform[:6]
    share = math.sqrt(abs(a * e - b * d))
    step = float(share * np.median(_sides(points)) / np.nanmedian(_sides(pixels)))
    return Extent((left, bottom, right, top), (step, step))


def _samples(box: Bounds) -> Points:
    x, y = np.linspace(box[0], box[2], SAMPLES), np.linspace(box[3], box[1], SAMPLES)
    return np.stack(np.meshgrid(x, y), axis=-1)


def _torn(points: Points) -> bool:
    """Whether two neighbours lie as far apart as only those of different ends of the world do."""
    x = points[..., 0]
    most = max(float(np.abs(np.diff(x, axis=axis)).max()) for axis in (0, 1))
    return most > float(np.ptp(x)) / 3


def _sides(points: Points) -> Points:
    """The root of the area of each cell between four points."""
    along, down = np.diff(points, axis=1)[:-1], np.diff(points, axis=0)[:, :-1]
    return np.asarray(np.sqrt(np.abs(along[..., 0] * down[..., 1] - along[..., 1] * down[..., 0])))


def _usual_step(points: Points, size: tuple[int, int]) -> float:
    share = math.sqrt(size[0] * size[1]) / (SAMPLES - 1)
    return float(np.median(_sides(points))) / share


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


def _in_lonlat(source: Grid, box: Bounds) -> Bounds:
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


def _back(source: Grid, box: Bounds, lonlat: Bounds) -> Bounds | None:
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


def _common(box: Bounds, area: Bounds) -> Bounds | None:
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


def _wider(area: Bounds) -> Bounds:
    wide, high = MARGIN * (area[2] - area[0]), MARGIN * (area[3] - area[1])
    return (area[0] - wide, area[1] - high, area[2] + wide, area[3] + high)


def _area_label(area: Bounds) -> str:
    return f"longitudes {area[0]:g} to {area[2]:g}, latitudes {area[1]:g} to {area[3]:g}"


def _once_around(source: Grid) -> Bounds:
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
