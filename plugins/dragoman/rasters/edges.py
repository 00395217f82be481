"""Polygons in another CRS: their edges get as many points as it takes to stay where they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dragoman.rasters.transformation import Points

ROUNDS = 8
"""How often an edge is divided by three at most."""

POINTS = 4_000_000
"""Of all polygons together; no edge is divided further then."""

PIECES = 8
"""Pieces that the longest edge across a box has at least before it is bent."""

TORN = 50_000
"""Tolerances that the ends of an edge lie apart at least where a tear between them counts, and sides of a ring."""

JUMP = 1 / 4
"""The part of an edge by which its thirds are off at least where it is torn; a third where one of two ends is far."""

THIRDS = np.array([1 / 3, 2 / 3])[:, None, None]


def bent(
    shapes: NDArray[Any],
    change: Callable[[Points], Points],
    *,
    tolerance: float,
    longest: float,
    mirrored: bool,
) -> NDArray[Any] | None:
    """The polygons and multipolygons with ``change`` applied; None where it is torn on the way.

    That is where a point has no place, where an edge leaps, and where a ring turns the other way round than it
    should (``mirrored``: whether all do): what it surrounds is at no place, and all else would be within it.

    An edge is divided until its thirds lie within ``tolerance`` (units of the result) of a straight line.
    ``longest``: how long an edge may be before (units of the shapes), so that no bend is overlooked.
    """
    parts, owners = shapely.get_parts(shapes, return_index=True)
    kind, points, (rings, polygons) = shapely.to_ragged_array(parts)
    points, starts = _shortened(points, rings, longest)
    places = change(points)
    active = _has_edge(points, starts)
    for _ in range(ROUNDS):
        if not active.any() or len(points) >= POINTS:
            break
        points, places, active, starts = _divided(points, places, active, starts, change, tolerance)
    if not np.isfinite(places).all() or _leaps(points, places, active, change, TORN * tolerance):
        return None
    moved = shapely.from_ragged_array(kind, places, (starts, polygons))
    if _turned_over(parts, moved, TORN * tolerance, mirrored=mirrored):
        return None
    return joined(moved, owners, len(shapes))


def _has_edge(points: Points, starts: NDArray[Any]) -> NDArray[np.bool_]:
    """Which points an edge begins at: all but the last of each ring."""
    begins = np.ones(len(points), dtype=bool)
    begins[starts[1:] - 1] = False
    return begins


def _shortened(points: Points, starts: NDArray[Any], longest: float) -> tuple[Points, NDArray[Any]]:
    """The rings, their edges divided evenly into pieces of at most that length; no edge into too many."""
    lengths = np.hypot(*np.diff(points, axis=0).T) * _has_edge(points, starts)[:-1]
    pieces = np.minimum(np.ceil(lengths / longest), 2 * PIECES).astype(int)
    added = np.maximum(pieces - 1, 0)
    edges = np.repeat(np.arange(len(added)), added)
    place = np.arange(len(edges)) - np.repeat(np.cumsum(added) - added, added) + 1
    share = (place / pieces[edges])[:, None]
    between = points[edges] * (1 - share) + points[edges + 1] * share
    before = np.concatenate([[0], np.cumsum(added), [added.sum()]])
    return np.insert(points, edges + 1, between, axis=0), starts + before[starts]


def joined(parts: NDArray[Any], owners: NDArray[Any], count: int) -> NDArray[Any]:
    """One shape for each of ``count`` owners: a single part as it is, else a multipolygon."""
    shapes = np.full(count, shapely.MultiPolygon(), dtype=object)
    numbers = np.bincount(owners, minlength=count)
    single = numbers[owners] == 1
    shapes[owners[single]] = parts[single]
    for owner in np.flatnonzero(numbers > 1):
        shapes[owner] = shapely.multipolygons(parts[owners == owner])
    return shapes


def _divided(
    points: Points,
    places: Points,
    active: NDArray[np.bool_],
    starts: NDArray[Any],
    change: Callable[[Points], Points],
    tolerance: float,
) -> tuple[Points, Points, NDArray[np.bool_], NDArray[Any]]:
    """One round: the edges that begin at ``active`` points, divided where they are bent, which are active next."""
    edges = np.flatnonzero(active)
    between, there, off = _thirds(points, places, edges, change)
    near = (off <= tolerance).all(axis=0)
    edges, between, there = edges[~near], between[:, ~near], there[:, ~near]
    flags = np.zeros(len(points), dtype=bool)
    flags[edges] = True
    spots = np.repeat(edges + 1, 2)
    points = np.insert(points, spots, between.swapaxes(0, 1).reshape(-1, 2), axis=0)
    places = np.insert(places, spots, there.swapaxes(0, 1).reshape(-1, 2), axis=0)
    active = np.insert(flags, spots, np.ones(len(spots), dtype=bool))
    added = np.concatenate([[0], np.cumsum(flags) * 2])
    return points, places, active, starts + added[starts]


def _leaps(
    points: Points,
    places: Points,
    active: NDArray[np.bool_],
    change: Callable[[Points], Points],
    least: float,
) -> bool:
    """Whether an edge that is bent to the last, or was not divided to the end, leaps somewhere between its ends.

    Where a tear begins within a box it may lie between all the points that the box was judged by; whichever shape
    it goes through has an edge across it. One that leaps by less than ``least`` (units of the result) is let be.
    """
    edges = np.flatnonzero(active)
    lengths = np.abs(places[edges + 1] - places[edges]).max(axis=1)
    edges, lengths = edges[lengths > least], lengths[lengths > least]
    *_, off = _thirds(points, places, edges, change)
    return bool((off > JUMP * lengths).any())


def _turned_over(parts: NDArray[Any], moved: NDArray[Any], least: float, *, mirrored: bool) -> bool:
    """Whether a ring of some size (``least``, units of the result) runs the other way round than it should."""
    before, after = shapely.get_rings(parts), shapely.get_rings(moved)
    odd = after[(shapely.is_ccw(before) == shapely.is_ccw(after)) == mirrored]
    return bool((shapely.area(shapely.polygons(odd)) > least**2).any())


def _thirds(
    points: Points, places: Points, edges: NDArray[np.int_], change: Callable[[Points], Points]
) -> tuple[Points, Points, NDArray[Any]]:
    """Of each edge that begins at these points the thirds, where they come to lie, and how far from a straight line."""
    between = points[edges] * (1 - THIRDS) + points[edges + 1] * THIRDS
    there = change(between.reshape(-1, 2)).reshape(between.shape)
    with np.errstate(invalid="ignore"):
        straight = places[edges] * (1 - THIRDS) + places[edges + 1] * THIRDS
        return between, there, np.abs(there - straight).max(axis=2)
