"""The extent and pixel size of a raster in another CRS, cut to where that CRS is valid.

Far outside of its area of use a formula still gives numbers, up to a pixel of 1e21 m. 190 degrees east and 170 west
are the same meridian.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rasterio.warp import calculate_default_transform

from dragoman.errors import InvalidRequest
from dragoman.rasters.areas_of_use import (
    LONLAT,
    MARGIN,
    area_label,
    area_of_use,
    box_in_lonlat,
    common,
    once_around,
    part_within,
    wider,
)
from dragoman.rasters.crs import TRANSFORM_ERRORS, crs_label
from dragoman.rasters.reading import checking
from dragoman.rasters.transformation import Transformation, period_of

if TYPE_CHECKING:
    from rasterio.crs import CRS

    from dragoman.rasters.grids import Bounds, Grid
    from dragoman.rasters.transformation import Points

COARSE = 2.0
"""If reprojecting the whole raster makes pixels this many times coarser than reprojecting the part inside the CRS's
area of use, only that part is used."""

SAMPLES = 33
"""Points along a side of a raster that are placed in the other CRS."""


class Extent(NamedTuple):
    """A box in a CRS, and the side of a pixel there that keeps the detail."""

    bounds: Bounds
    steps: tuple[float, float]
    left_out: str = ""
    """What the raster has beyond these bounds, in words; empty where they hold all of it."""


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
        places = Transformation(source.crs, crs).inward(_samples(source.bounds))
        if not np.isfinite(places).all(axis=-1).any():
            raise InvalidRequest(f"nothing of the raster has a place in {crs_label(crs)}")
        return _in_another(source, crs)
    except TRANSFORM_ERRORS as error:
        where = f"from {crs_label(source.crs)} to {crs_label(crs)}"
        raise InvalidRequest(f"the raster cannot be transformed {where}") from error


def _in_another(source: Grid, crs: CRS) -> Extent:
    assert source.crs is not None
    box = once_around(source)
    area = area_of_use(crs)
    if area is None:
        return _extent(source, crs, box)
    lonlat = box_in_lonlat(source, box)
    inner = common(lonlat, area)
    if inner is None and common(lonlat, wider(area)) is None:
        raise InvalidRequest(
            f"the raster lies outside the area that {crs_label(crs)} is made for "
            f"({area_label(area)}); give a bbox and a resolution"
        )
    if inner is None or inner == lonlat:
        return _extent(source, crs, box)
    part = _part(source, crs, box, inner)
    whole = _all_of_it(source, crs, box, part) if common(lonlat, wider(area)) == lonlat else None
    where = f"what lies outside of the area that {crs_label(crs)} is made for ({area_label(area)})"
    return whole or part._replace(left_out=where)


def _part(source: Grid, crs: CRS, box: Bounds, inner: Bounds) -> Extent:
    """The extent of the part of a box that lies within a lonlat box."""
    within = part_within(source, box, inner)
    if within is None:
        return _area_extent(source, crs, inner)
    part = _extent(source, crs, within)
    try:
        area = _area_extent(source, crs, inner)
    except TRANSFORM_ERRORS:
        return part
    return area if _overshoots(part, area, MARGIN) else part


def _all_of_it(source: Grid, crs: CRS, box: Bounds, part: Extent) -> Extent | None:
    """The extent of the whole box, if that can be shown and gets not much coarser or larger by it than ``part``."""
    try:
        extent = _extent(source, crs, box)
    except TRANSFORM_ERRORS:
        return None
    if extent.steps[0] > COARSE * part.steps[0] or _overshoots(extent, part, 2 * MARGIN):
        return None
    return extent


def _overshoots(extent: Extent, area: Extent, share: float) -> bool:
    """Whether an extent reaches beyond an area by more than this share of its size: around a pole, say."""
    left, bottom, right, top = area.bounds
    wide, high = share * (right - left), share * (top - bottom)
    west, south, east, north = extent.bounds
    return west < left - wide or east > right + wide or south < bottom - high or north > top + high


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
    assert source.crs is not None
    with checking(edged=not period_of(source.crs)):
        transform, width, height = calculate_default_transform(source.crs, crs, cols, rows, *box)
    left, top, step = transform.c, transform.f, transform.a
    bounds = (left, top - height * step, left + width * step, top)
    if width < 1 or height < 1 or not (step > 0 and all(map(math.isfinite, bounds))):
        raise ValueError("the box has no extent there")
    finer = _step_around(source, crs, box, (cols, rows))
    step = min(step, finer) if finer else step
    return Extent(bounds, (step, step))


def _step_around(source: Grid, crs: CRS, box: Bounds, size: tuple[int, int]) -> float | None:
    """What keeps the size of pixels around a pole, where ``crs`` has it at its edge; None for any other box.

    GDAL measures along a diagonal, which may be as long as the world there.
    """
    assert source.crs is not None
    if source.crs.is_geographic or not period_of(crs):
        return None
    points = Transformation(source.crs, crs).inward(_samples(box))
    known = np.isfinite(points).all(axis=-1)
    if not known.any():
        return None
    points[~known] = np.nan
    return _usual_step(points, size) if _torn(points) else None


def _across_the_edge(source: Grid, crs: CRS, box: Bounds, size: tuple[int, int]) -> Extent | None:
    """The extent of a box that lies across the edge of the world as ``crs`` draws it; None if it does not.

    Where ``crs`` repeats itself, x goes on beyond that edge (longitudes beyond 180). Else the raster lies in two
    pieces, and its pixels keep their size.
    """
    assert source.crs is not None
    try:
        points = Transformation(source.crs, crs).inward(_samples(box))
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
    if not step > 0:
        return None
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
    return Extent((float(left), float(bottom), float(right), float(top)), (step, step))


def _samples(box: Bounds) -> Points:
    x, y = np.linspace(box[0], box[2], SAMPLES), np.linspace(box[3], box[1], SAMPLES)
    return np.stack(np.meshgrid(x, y), axis=-1)


def _torn(points: Points) -> bool:
    """Whether two neighbours lie as far apart as only those of different ends of the world do."""
    x = points[..., 0]
    most = max(float(np.nanmax(np.abs(np.diff(x, axis=axis)))) for axis in (0, 1))
    return most > float(np.nanmax(x) - np.nanmin(x)) / 3


def _sides(points: Points) -> Points:
    """The root of the area of each cell between four points."""
    along, down = np.diff(points, axis=1)[:-1], np.diff(points, axis=0)[:, :-1]
    return np.asarray(np.sqrt(np.abs(along[..., 0] * down[..., 1] - along[..., 1] * down[..., 0])))


def _usual_step(points: Points, size: tuple[int, int]) -> float:
    share = math.sqrt(size[0] * size[1]) / (SAMPLES - 1)
    return float(np.nanmedian(_sides(points))) / share
