"""Arrays in memory as sources of cells, and numpy.ma as the judge of what expressions give."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.expressions.blocks import Block
from dragoman.expressions.cells import Cells
from dragoman.expressions.evaluation import evaluate
from dragoman.expressions.parsing import parse
from dragoman.expressions.passes import Passes

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rasterio.windows import Window

    from dragoman.expressions.evaluation import Value
    from dragoman.rasters.grids import Grid

type Masked = np.ma.MaskedArray[Any, np.dtype[Any]]

PASSES = Passes(report=lambda _percent, _message: None)


@dataclass(frozen=True, slots=True, eq=False)
class InMemory:
    """See ``dragoman.expressions.cells.Source``."""

    block: Block
    striped: bool = False

    def open(self) -> AbstractContextManager[None]:
        return nullcontext()

    def read(self, _handle: None, window: Window) -> Block:
        rows, cols = window.toslices()
        return self.block[..., rows, cols]


def cells_of(array: Any, grid: Grid | None = None) -> Cells:
    """An array in memory as if it were a file."""
    block = Block.of(array)
    *lead, rows, cols = block.data.shape
    return Cells(
        lead=tuple(lead),
        rows=rows,
        cols=cols,
        dtype=block.data.dtype,
        maskable=block.mask is not None,
        grid=grid,
        source=InMemory(block),
    )


def value_of(text: str, **variables: Value) -> Value:
    return evaluate(parse(text), variables, PASSES)


def array_of(text: str, **arrays: Any) -> Masked:
    """The value of an expression of arrays, all of it read, as numpy.ma has it."""
    value = value_of(text, **{name: cells_of(array) for name, array in arrays.items()})
    if isinstance(value, Cells):
        value = PASSES.collect(value, "the test")
    return Block.of(value).masked()


def assert_same(one: Masked, other: Any) -> None:
    """The same shape, mask and, where that is not, values."""
    other = np.ma.asanyarray(other)
    assert one.shape == other.shape
    np.testing.assert_array_equal(np.ma.getmaskarray(one), np.ma.getmaskarray(other))
    np.testing.assert_allclose(
        one.compressed().astype(float), other.compressed().astype(float), rtol=1e-6, atol=1e-9
    )
