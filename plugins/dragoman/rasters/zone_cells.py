"""Zones on a raster of another CRS: the raster is divided into cells until the way between the two is smooth.

    raster's CRS                          zones' CRS
    cell ── its points, one by one ──►  box around them
      ▲                                      │ each zone cut to the box, told again a turn further
      └── the same zone, cut to the cell ◄───┘ point by point, its edges bent

What counts is where the raster's own points lie in the CRS of the zones, as if each pixel were looked up by
itself. So a zone is cut where the way tears: at the antimeridian, at a pole, opposite of a projection's centre.
Where a cell stays torn down to a few pixels, its pixels are looked up indeed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from dragoman.rasters.transformation import Points, Transformation, period_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from rasterio.crs import CRS

    from dragoman.rasters.grids import Bounds, Grid

SAMPLES = 9
"""Points along a side by which a cell is judged."""

SMALLEST = 16
"""Pixels along a side of a cell that is divided no further; fewer on small rasters, where each matters."""

CELLS = 64
"""Smallest cells along the longer side of a raster, so long as they are no larger than that."""

FIRST = 2
"""How often a cell is divided at least that seems to have no place at all."""

PER_PIXEL = 32
"""Points along a side of a pixel that is looked up by itself; fewer on large rasters, where it matters less."""

POINTS = 8192
"""Points along the longer side of the raster, down to 2 for a pixel."""

PLACED = 0.1
"""Pixels by which a point may miss its place on the way there and back."""

BENT = 2e-5
"""Pixels by which an edge may be off."""

SHARE = 3
"""A cell spans at most this part of a turn, so that which longitude is meant is plain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A rectangle of pixels, counted from the first; the ends are exclusive."""

    col: int
    row: int
    col_end: int
    row_end: int
    least: int = 1
    """Pixels along a side that is divided no further."""
    depth: int = 0

    @property
    def smallest(self) -> bool:
        """Whether it is divided no further."""
        return max(self.col_end - self.col, self.row_end - self.row) <= self.least

    @property
    def unseen(self) -> bool:
        """Whether it is so large that its points may have missed something."""
        return self.depth < FIRST

    def divided(self) -> Iterator[Cell]:
        """Its quarters; halves where one side is short already."""
        for col, col_end in self._halves(self.col, self.col_end):
            for row, row_end in self._halves(self.row, self.row_end):
                yield replace(self, col=col, row=row, col_end=col_end, row_end=row_end, depth=self.depth + 1)

    def _halves(self, start: int, end: int) -> list[tuple[int, int]]:
        if end - start <= self.least:
            return [(start, end)]
        middle = (start + end) // 2
        return [(start, middle), (middle, end)]

    def points(self, count: int) -> Points:
        """(rows, cols, 2) of ``count`` columns and rows from edge to edge, a hair within."""
        hair = 1e-9
        cols = np.linspace(self.col + hair, self.col_end - hair, count)
        rows = np.linspace(self.row + hair, self.row_end - hair, count)
        return np.stack(np.meshgrid(cols, rows), axis=-1)


class Ground:
    """A raster that is not rotated, and the way from the CRS of the zones, where ``turn`` tells x again, to it."""

    def __init__(self, grid: Grid, zones_crs: CRS, turn: float | None) -> None:
        self.grid, self.transformation = grid, Transformation(zones_crs, grid.crs)
        self.geographic = bool(zones_crs.is_geographic)
        self.turn = turn
        a, _, _, _, e, _ = grid.transform[:6]
        self.bend = BENT * min(abs(a), abs(e))
        self.size = np.array([abs(a), abs(e)])
        self.side = 1 if a * e > 0 else -1

    @property
    def per_pixel(self) -> int:
        """Points along a side of a pixel that is looked up by itself."""
        return max(2, min(PER_PIXEL, POINTS // max(self.grid.width, self.grid.height)))

    @cached_property
    def period(self) -> float | None:
        """After which x of the raster's CRS tells the same place."""
        assert self.grid.crs is not None
        return period_of(self.grid.crs)

    @property
    def whole(self) -> Cell:
        """The whole raster as one cell."""
        width, height = self.grid.width, self.grid.height
        least = max(1, min(SMALLEST, max(width, height) // CELLS))
        return Cell(col=0, row=0, col_end=width, row_end=height, least=least)

    def on_raster(self, pixels: Points) -> Points:
        """x, y of (col, row)."""
        a, b, c, d, e, f = self.grid.transform[:6]
        col, row = pixels[..., 0], pixels[..., 1]
        return np.stack([a * col + b * row + c, d * col + e * row + f], axis=-1)

    def places(self, pixels: Points) -> Points:
        """Where (col, row) lies in the CRS of the zones; infinite where there is no such place."""
        points = self.on_raster(pixels)
        places = self.transformation.backward(points)
        again = self.transformation.forward(places)
        known = self._near(again, points)
        if not known.all() and np.isfinite(again[~known]).any() and self.period:
            known = self._near(self.around(again, points[..., 0]), points)
        places[~known] = np.inf
        return places

    def _near(self, again: Points, points: Points) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            return np.asarray((np.abs(again - points) <= PLACED * self.size).all(axis=-1))

    def around(self, points: Points, x: Any) -> Points:
        """The points, told by as many periods further as brings them near to ``x``."""
        if not self.period:
            return points
        moved = points.copy()
        with np.errstate(invalid="ignore"):
            moved[..., 0] += self.period * np.round((x - points[..., 0]) / self.period)
        return moved

    def onto(self, places: Points, cell: Cell) -> Points:
        """x, y on the raster, near to the cell, of places in the CRS of the zones."""
        points = self.transformation.inward(places)
        middle = self.grid.transform.c + self.grid.transform.a * (cell.col + cell.col_end) / 2
        width = self.size[0] * (cell.col_end - cell.col)
        far = np.abs(points[..., 0] - middle) > 2 * width
        return self.around(points, middle) if far.any() else points

    def box(self, cell: Cell) -> Any:
        """The cell as a polygon in the raster's CRS."""
        corners = np.array([[cell.col, cell.row], [cell.col_end, cell.row_end]], dtype=float)
        (left, top), (right, bottom) = self.on_raster(corners)
        return shapely.box(min(left, right), min(bottom, top), max(left, right), max(bottom, top))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A cell as it looks from the zones."""

    places: Points
    """(rows, cols, 2) in the CRS of the zones; longitudes within half a turn of the middle one."""
    known: bool
    """Whether each of its points has a place."""
    whole: bool
    """Whether, besides, all lie within a part of a turn and make a sheet that is not folded."""
    box: Bounds
    """Around its places."""
    step: tuple[float, float]
    """The most by which two neighbouring places differ."""
    side: int
    """1 where the zones come onto the raster as they are, -1 where they are mirrored, 0 where the sheet is folded."""

    def surroundings(self, ground: Ground) -> Bounds:
        """Around its places and what may lie between and beside them."""
        west, south, east, north = self.box
        x, y = self.step
        turn = ground.turn
        if not self.known:  # where the ground ends, the way there may have no bound to its slope
            x = turn / 8 if turn else math.inf
            y = x if ground.geographic else math.inf
        if turn and east - west > turn / SHARE:
            west, east = west - turn, east + turn
        return (west - x, south - y, east + x, north + y)

    @classmethod
    def of(cls, ground: Ground, cell: Cell) -> Sight | None:
        """None where none of its points has a place."""
        places = ground.places(cell.points(SAMPLES))
        known = np.isfinite(places).all(axis=-1)
        if not known.any():
            return None
        if ground.turn:
            middle = places[known][len(places[known]) // 2, 0]
            with np.errstate(invalid="ignore"):
                places[..., 0] += ground.turn * np.round((middle - places[..., 0]) / ground.turn)
        low, high = places[known].min(axis=0), places[known].max(axis=0)
        plain = not ground.turn or high[0] - low[0] <= ground.turn / SHARE
        side = ground.side * side_of(places) if known.all() else 0
        with np.errstate(invalid="ignore"):
            steps = [_most(np.abs(np.diff(places, axis=axis))) for axis in (0, 1)]
        return cls(
            places=places,
            known=bool(known.all()),
            whole=bool(side) and plain,
            box=(low[0], low[1], high[0], high[1]),
            step=(max(steps[0][0], steps[1][0]), max(steps[0][1], steps[1][1])),
            side=side,
        )


def side_of(sheet: Points) -> int:
    """Which side of a sheet of points (rows, cols, 2) is up: 1 where its rows are left of its columns, or -1.

    0 where it is torn or folded: then both are up somewhere.
    """
    along, across = np.diff(sheet, axis=1), np.diff(sheet, axis=0)
    areas = np.concatenate([_cross(along[:-1], across[:, :-1]), _cross(along[1:], across[:, 1:])])
    slack = 1e-9 * np.abs(areas).max()
    if not slack > 0:
        return 0
    return int((areas >= -slack).all()) - int((areas <= slack).all())


def _cross(a: Points, b: Points) -> Any:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _most(differences: Points) -> tuple[float, float]:
    flat = differences.reshape(-1, 2)
    flat = flat[np.isfinite(flat).all(axis=1)]
    x, y = flat.max(axis=0) if len(flat) else (0.0, 0.0)
    return float(x), float(y)
