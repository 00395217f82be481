"""Arrays larger than memory: nothing of them is read or calculated before somebody needs a window of it.

Cells ── an operation, or a source
  │ parts
  ├── Cells        another such array, on the same rows and columns
  └── Block        an array in memory, a constant
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from dragoman.errors import InvalidRequest
from dragoman.expressions.blocks import Block

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from rasterio.windows import Window

    from dragoman.rasters.grids import Grid

type Compute = Callable[[Sequence[Block]], Block]
"""From the same part of each operand to that part of the result."""


class Source(Protocol):
    """Where cells come from."""

    @property
    def striped(self) -> bool:
        """Whether it is stored by whole rows."""

    def open(self) -> AbstractContextManager[Any]:
        """A handle for one thread."""

    def read(self, handle: Any, window: Window) -> Block:
        """A window of it, shape (..., rows, cols)."""


class Handles:
    """What one thread has open; a context manager."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._open: dict[int, Any] = {}

    def __enter__(self) -> Handles:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, source: Source) -> Any:
        """The handle on a source, opened when it is first asked for."""
        key = id(source)
        if key not in self._open:
            self._open[key] = self._stack.enter_context(source.open())
        return self._open[key]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """An array of the shape (\\*lead, rows, cols)."""

    lead: tuple[int, ...]
    """Sizes of the axes before rows and columns: bands, times; empty for a raster of one band."""
    rows: int
    cols: int
    dtype: np.dtype[Any]
    maskable: bool
    """Whether a cell of it may be masked."""
    grid: Grid | None = None
    """Where rows and columns lie; None: not known."""
    source: Source | None = None
    parts: tuple[Cells | Block, ...] = ()
    compute: Compute | None = None
    """None: of a source."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole."""
        return (*self.lead, self.rows, self.cols)

    @property
    def planes(self) -> int:
        """How many values there are for a row and column."""
        return int(np.prod(self.lead, dtype=np.int64)) if self.lead else 1


class NotTogether(InvalidRequest):
    """Arrays of different places or sizes are to be calculated with each other."""


def combined(parts: Sequence[Cells | Block], compute: Compute, *, masks: bool) -> Cells:
    """What is calculated of arrays of which one at least is Cells; ``masks``: whether that may mask a cell.

    Raises NotTogether; and what ``compute`` raises for types that it does not take.
    """
    cells = [part for part in parts if isinstance(part, Cells)]
    first = cells[0]
    grid = next((each.grid for each in cells if each.grid is not None), None)
    for each in cells[1:]:
        _check_together(first, each, grid)
    for part in parts:
        if isinstance(part, Block):
            _check_broadcast(part, first)
    with np.errstate(all="ignore"):
        sample = compute([_sample(part) for part in parts])
    held = any(part.mask is not None for part in parts if isinstance(part, Block))
    return Cells(
        lead=sample.data.shape[:-2],
        rows=first.rows,
        cols=first.cols,
        dtype=sample.data.dtype,
        maskable=masks or held or any(each.maskable for each in cells),
        grid=grid,
        parts=tuple(parts),
        compute=compute,
    )


def _check_together(first: Cells, other: Cells, grid: Grid | None) -> None:
    if (first.rows, first.cols) != (other.rows, other.cols):
        raise NotTogether(
            f"arrays of {first.rows} x {first.cols} and {other.rows} x {other.cols} cells; allowed: of one size"
        )
    if grid is not None and other.grid is not None and not grid.same_as(other.grid):
        raise NotTogether(f"rasters that are not on one grid: {', '.join(grid.differences(other.grid))}")


def _check_broadcast(block: Block, cells: Cells) -> None:
    for axis, size in ((-1, cells.cols), (-2, cells.rows)):
        if block.data.ndim >= -axis and block.data.shape[axis] not in (1, size):
            shape = " x ".join(map(str, block.data.shape))
            raise NotTogether(
                f"arrays of {cells.rows} x {cells.cols} and {shape} cells; allowed: of one size"
            )


def _sample(part: Cells | Block) -> Block:
    """One row and column of it, of which the types alone matter."""
    if isinstance(part, Cells):
        return Block(data=np.ones((*part.lead, 1, 1), part.dtype))
    return part_of(part, slice(0, 1), slice(0, 1))


def part_of(block: Block, rows: slice, cols: slice) -> Block:
    """What of an array in memory belongs to these rows and columns; an axis of size 1 belongs to all."""
    shape = block.data.shape
    index: list[Any] = [slice(None)] * len(shape)
    for axis, wanted in ((-1, cols), (-2, rows)):
        if len(shape) >= -axis and shape[axis] != 1:
            index[axis] = wanted
    return block[tuple(index)]
