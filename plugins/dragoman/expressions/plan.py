"""The order in which windows of arrays are calculated: each array once, in pieces that fit the processor's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dragoman.expressions.blocks import Block
from dragoman.expressions.cells import Cells, part_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rasterio.windows import Window

    from dragoman.expressions.cells import Handles

PIECE: Final = 1 << 16
"""Values of one array that are calculated at once: half a megabyte of float64 stays in the cache."""

type Sink = Callable[[slice, Sequence[Block]], None]
"""Takes rows of the window (from 0) and what the targets are there."""


class Plan:
    """How to calculate some arrays of one size."""

    def __init__(self, targets: Sequence[Cells]) -> None:
        self.targets = targets
        self.rows, self.cols = targets[0].rows, targets[0].cols
        self._order = _in_order(targets)
        self._place = {id(cells): place for place, cells in enumerate(self._order)}
        self._spent = _spent(self._order, self._place, targets)
        self.sources = [cells for cells in self._order if cells.source is not None]
        self._most = max(cells.planes for cells in self._order)

    @property
    def striped(self) -> bool:
        """Whether all sources are stored by whole rows."""
        return all(cells.source is not None and cells.source.striped for cells in self.sources)

    @property
    def planes(self) -> int:
        """Values that are held for each row and column of a window."""
        return sum(cells.planes for cells in (*self.sources, *self.targets))

    def run(self, handles: Handles, window: Window, sink: Sink) -> None:
        """Calculate a window, and hand it on piece by piece."""
        read = {
            id(cells): cells.source.read(handles.of(cells.source), window)
            for cells in self.sources
            if cells.source is not None
        }
        width, height = int(window.width), int(window.height)
        step = max(1, PIECE // (width * self._most))
        with np.errstate(all="ignore"):
            for first in range(0, height, step):
                rows = slice(first, min(first + step, height))
                sink(rows, self._piece(read, window, rows))

    def _piece(self, read: dict[int, Block], window: Window, rows: slice) -> list[Block]:
        top, left = int(window.row_off), int(window.col_off)
        in_whole = slice(top + rows.start, top + rows.stop), slice(left, left + int(window.width))
        values: dict[int, Block] = {}
        for place, cells in enumerate(self._order):
            if cells.compute is None:
                values[place] = read[id(cells)][..., rows, :]
            else:
                operands = [
                    values[self._place[id(part)]] if isinstance(part, Cells) else part_of(part, *in_whole)
                    for part in cells.parts
                ]
                values[place] = cells.compute(operands)
            for spent in self._spent.get(place, ()):
                del values[spent]
        return [values[self._place[id(target)]] for target in self.targets]


def _spent(
    order: Sequence[Cells], places: Mapping[int, int], targets: Sequence[Cells]
) -> dict[int, list[int]]:
    """After which array's turn which others are needed no more: a long chain holds no more pieces than a short one."""
    last: dict[int, int] = {}
    for place, cells in enumerate(order):
        last |= {places[id(part)]: place for part in _cells_of(cells)}
    kept = {places[id(target)] for target in targets}
    spent: dict[int, list[int]] = {}
    for place, at in last.items():
        if place not in kept:
            spent.setdefault(at, []).append(place)
    return spent


def _in_order(targets: Sequence[Cells]) -> list[Cells]:
    """All that the targets are made of, each after its parts; without recursion, since a fold may be long."""
    order: dict[int, Cells] = {}
    stack = list(reversed(targets))
    while stack:
        cells = stack[-1]
        missing = [part for part in _cells_of(cells) if id(part) not in order]
        if missing and id(cells) not in order:
            stack.extend(missing)
        else:
            order.setdefault(id(cells), cells)
            stack.pop()
    return list(order.values())


def _cells_of(cells: Cells) -> Iterator[Cells]:
    return (part for part in cells.parts if isinstance(part, Cells))
