"""Arrays of polygons: made valid, cut to a box, told again a turn further, put together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dragoman.rasters.grids import Bounds

type Shapes = NDArray[Any]
"""Polygons and multipolygons; empty ones among them."""


def valid(shapes: Shapes) -> Shapes:
    """The shapes without what crosses or repeats itself; what is covered twice counts once."""
    wrong = ~shapely.is_valid(shapes)
    if wrong.any():
        shapes = shapes.copy()
        # "structure": GeoJSON's overlapping parts would cut holes else
        repaired = shapely.make_valid(shapes[wrong], method="structure", keep_collapsed=False)
        shapes[wrong] = polygonal(repaired)
    return shapes


def polygonal(shapes: Shapes) -> Shapes:
    """The shapes without the points and lines that an intersection leaves beside polygons."""
    kinds = shapely.get_type_id(shapes)
    for number in np.flatnonzero((kinds != 3) & (kinds != 6)):
        parts = shapely.get_parts(shapely.get_parts(shapes[number]))
        shapes[number] = shapely.multipolygons(parts[shapely.get_type_id(parts) == 3])
    return shapes


def in_turns(boxes: Any, frame: Bounds, turn: float | None) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Which boxes (n, 4) meet the frame, and by how many turns moved; each pair once, by their number."""
    with np.errstate(invalid="ignore"):
        level = (boxes[:, 1] < frame[3]) & (boxes[:, 3] > frame[1])
        if not turn:
            level &= (boxes[:, 0] < frame[2]) & (boxes[:, 2] > frame[0])
    numbers = np.flatnonzero(level)
    if not turn:
        return numbers, np.zeros(len(numbers), dtype=int)
    first = np.floor((frame[0] - boxes[numbers, 2]) / turn).astype(int) + 1
    last = np.ceil((frame[2] - boxes[numbers, 0]) / turn).astype(int) - 1
    counts = np.maximum(last - first + 1, 0)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(numbers, counts), np.repeat(first, counts) + within


def turned(shapes: Shapes, by: Any) -> Shapes:
    """Each shape moved by so much along x."""
    shapes = shapes.copy()
    for number in np.flatnonzero(by):
        shapes[number] = shapely.transform(shapes[number], partial(np.add, (by[number], 0.0)))
    return shapes


def cut(shapes: Shapes, frame: Bounds) -> Shapes:
    """What of valid shapes lies in the frame."""
    west, south, east, north = shapely.bounds(shapes).T
    beyond = (west < frame[0]) | (south < frame[1]) | (east > frame[2]) | (north > frame[3])
    if beyond.any():
        shapes = shapes.copy()
        shapes[beyond] = polygonal(shapely.intersection(shapes[beyond], shapely.box(*frame)))
    return shapes


def united(results: Shapes, numbers: NDArray[np.int_], pieces: Shapes) -> Shapes:
    """The results, each joined by the pieces of its number."""
    filled = ~shapely.is_empty(pieces)
    numbers, pieces = numbers[filled], pieces[filled]
    if not len(numbers):
        return results
    order = np.argsort(numbers, kind="stable")
    numbers, pieces = numbers[order], pieces[order]
    owners, starts = np.unique(numbers, return_index=True)
    for owner, own in zip(owners, np.split(pieces, starts[1:]), strict=True):
        results[owner] = own[0] if len(own) == 1 else shapely.union_all(own)
    return polygonal(results)


def without_slivers(shapes: Shapes, least: float) -> Shapes:
    """The shapes without holes and parts smaller than ``least`` (an area), where several rings make one up."""
    rings = shapely.get_num_geometries(shapes) > 1
    rings |= shapely.get_num_interior_rings(shapes) > 0
    if rings.any():
        shapes = shapes.copy()
        for number in np.flatnonzero(rings):
            shapes[number] = _without_slivers(shapes[number], least)
    return shapes


def _without_slivers(shape: Any, least: float) -> Any:
    parts = shapely.get_parts(shape)
    parts = parts[shapely.area(parts) >= least]
    for number in np.flatnonzero(shapely.get_num_interior_rings(parts)):
        holes = [hole for hole in parts[number].interiors if shapely.Polygon(hole).area >= least]
        if len(holes) < len(parts[number].interiors):
            parts[number] = shapely.Polygon(parts[number].exterior, holes)
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)
