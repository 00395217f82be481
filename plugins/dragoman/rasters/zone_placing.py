"""Zones brought onto a raster cell by cell: edge by edge where the way is smooth, pixel by pixel where it is torn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from dragoman.rasters.edges import PIECES, bent
from dragoman.rasters.polygons import Shapes, cut, in_turns, polygonal, turned, united, valid
from dragoman.rasters.zone_cells import SAMPLES, Cell, Ground, Sight, side_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dragoman.rasters.grids import Bounds


class Placing:
    """The shapes on their way through the cells of a raster."""

    def __init__(self, shapes: Shapes, ground: Ground) -> None:
        self._shapes, self._ground = shapes, ground
        self._boxes = shapely.bounds(shapes)
        self._checked = np.zeros(len(shapes), dtype=bool)
        self._numbers: list[NDArray[np.int_]] = []
        self._pieces: list[Shapes] = []

    def result(self) -> Shapes:
        """The shapes in the raster's CRS."""
        whole = self._ground.whole
        cells = [whole]
        while cells:
            cell = cells.pop()
            if not self._settled(cell, alone=cell == whole):
                cells.extend(cell.divided())
        results = np.full(len(self._shapes), shapely.MultiPolygon(), dtype=object)
        if not self._pieces:
            return results
        return united(results, np.concatenate(self._numbers), np.concatenate(self._pieces))

    def _settled(self, cell: Cell, *, alone: bool) -> bool:
        """Whether all that lies in the cell has been found."""
        sight = Sight.of(self._ground, cell)
        if sight is None:
            return cell.smallest or not cell.unseen
        numbers, _ = in_turns(self._boxes, sight.surroundings(self._ground), self._ground.turn)
        if not len(numbers):
            return not cell.unseen or sight.whole or cell.smallest
        if (frame := neighbourhood(self._ground, cell, sight)) and self._bent(
            cell, frame, sight.side, alone=alone
        ):
            return True
        if cell.smallest:
            self._look_up(cell, np.unique(numbers))
        return cell.smallest

    def _bent(self, cell: Cell, frame: Bounds, side: int, *, alone: bool) -> bool:
        """Whether the shapes within the frame could be brought onto the raster, edge by edge."""
        turn = self._ground.turn
        numbers, turns = in_turns(self._boxes, frame, turn)
        self._check(numbers[self._beyond(numbers, turns, frame)])
        shapes = cut(turned(self._shapes[numbers], turns * (turn or 0.0)), frame)
        numbers, shapes = numbers[~shapely.is_empty(shapes)], shapes[~shapely.is_empty(shapes)]
        if not len(numbers):
            return True
        pieces = bent(
            shapes,
            lambda places: self._ground.onto(places, cell),
            tolerance=self._ground.bend,
            longest=math.hypot(frame[2] - frame[0], frame[3] - frame[1]) / PIECES,
            mirrored=side < 0,
        )
        if pieces is None:
            return False
        pieces = valid(pieces)
        self._keep(
            numbers, pieces if alone else polygonal(shapely.intersection(pieces, self._ground.box(cell)))
        )
        return True

    def _beyond(self, numbers: NDArray[np.int_], turns: NDArray[np.int_], frame: Bounds) -> NDArray[np.bool_]:
        boxes = self._boxes[numbers]
        by = turns * (self._ground.turn or 0.0)
        reach = (boxes[:, 0] + by < frame[0]) | (boxes[:, 2] + by > frame[2])
        return np.asarray(reach | (boxes[:, 1] < frame[1]) | (boxes[:, 3] > frame[3]))

    def _check(self, numbers: NDArray[np.int_]) -> None:
        """Make these valid before they are cut."""
        fresh = np.unique(numbers[~self._checked[numbers]])
        self._shapes[fresh] = valid(self._shapes[fresh])
        self._checked[fresh] = True

    def _look_up(self, cell: Cell, numbers: NDArray[np.int_]) -> None:
        """Find parts of pixels one by one: the way to this cell is torn."""
        cols, rows = cell.col_end - cell.col, cell.row_end - cell.row
        many = self._ground.per_pixel
        col = cell.col + (np.arange(cols * many) + 0.5) / many
        row = cell.row + (np.arange(rows * many) + 0.5) / many
        places = self._ground.places(np.stack(np.meshgrid(col, row), axis=-1))
        self._check(numbers)
        for number in numbers:
            inside = self._inside(int(number), places)
            pieces = self._pixels(cell, inside)
            self._keep(np.full(len(pieces), number), pieces)

    def _inside(self, number: int, places: Any) -> NDArray[np.bool_]:
        shape, turn = self._shapes[number], self._ground.turn
        shapely.prepare(shape)
        known = np.isfinite(places).all(axis=-1)
        inside = np.zeros(known.shape, dtype=bool)
        x, y = places[known].T
        if not len(x):
            return inside
        frame = (x.min(), y.min(), x.max(), y.max())
        _, turns = in_turns(self._boxes[number : number + 1], _grown(frame), turn)
        for by in turns * (turn or 0.0):
            inside[known] |= shapely.contains_xy(shape, x - by, y)
        return inside

    def _pixels(self, cell: Cell, inside: NDArray[np.bool_]) -> Shapes:
        """Boxes on the raster, one for each run of points of a row."""
        edges = np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(np.int8), axis=1)
        rows, starts = np.nonzero(edges == 1)
        _, ends = np.nonzero(edges == -1)
        many = self._ground.per_pixel
        first = np.stack([cell.col + starts / many, cell.row + rows / many], axis=-1)
        last = np.stack([cell.col + ends / many, cell.row + (rows + 1) / many], axis=-1)
        a, b = self._ground.on_raster(first), self._ground.on_raster(last)
        low, high = np.minimum(a, b), np.maximum(a, b)
        return np.asarray(shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1]), dtype=object)

    def _keep(self, numbers: NDArray[np.int_], pieces: Shapes) -> None:
        self._numbers.append(numbers)
        self._pieces.append(pieces)


def _grown(box: Iterator[float] | tuple[float, ...]) -> Bounds:
    left, bottom, right, top = box
    return (left - 1e-9, bottom - 1e-9, right + 1e-9, top + 1e-9)


def neighbourhood(ground: Ground, cell: Cell, sight: Sight) -> Bounds | None:
    """A box around the cell in the CRS of the zones within which the way to the raster has no tear, or None.

    It reaches somewhat beyond the cell's places on each side where that is possible.
    """
    if not sight.whole:
        return None
    box = list(sight.box)
    if not _smooth(ground, cell, box, sight.side):
        return None
    for side, sign in ((0, -1), (1, -1), (2, 1), (3, 1)):
        wider = box.copy()
        wider[side] += sign * sight.step[side % 2] / 2
        if ground.geographic and ground.turn:
            wider[1], wider[3] = max(wider[1], -ground.turn / 4), min(wider[3], ground.turn / 4)
        if _smooth(ground, cell, wider, sight.side):
            box = wider
    return (box[0], box[1], box[2], box[3])


def _smooth(ground: Ground, cell: Cell, box: list[float], side: int) -> bool:
    """Whether the box becomes a sheet on the raster that is neither torn nor folded, and shows that side."""
    x, y = np.linspace(box[0], box[2], SAMPLES), np.linspace(box[1], box[3], SAMPLES)
    sheet = ground.onto(np.stack(np.meshgrid(x, y), axis=-1), cell)
    return bool(np.isfinite(sheet).all()) and side_of(sheet) == side
