"""Working through arrays window by window: to reduce them, to have them in memory, to write them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from affine import Affine
from rasterio.windows import Window

from dragoman.errors import InvalidRequest
from dragoman.expressions.blocks import Block
from dragoman.expressions.cells import Handles
from dragoman.expressions.plan import Plan
from dragoman.expressions.reductions import Partial, partial, total
from dragoman.rasters.grids import Grid
from dragoman.rasters.windows import WINDOW, WindowWriter, each_window, windows_of
from dragoman.rasters.writing import NO_ALPHA, create_geotiff, geotiff_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dragoman.expressions.cells import Cells

WINDOW_VALUES: Final = 1 << 23
"""Values that a thread holds of a window, all arrays together."""
MAX_WHOLE: Final = 512 * 2**20
"""Bytes of an array that a function needs as a whole, its mask included."""

type Report = Callable[[float, str], None]
"""Takes 0 to 100 and what is being done."""


class TooLarge(InvalidRequest):
    """An array does not fit into the memory that a function may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """Passes over windows, whose progress somebody is told of."""

    report: Report

    def reduce(self, wanted: Sequence[tuple[str, Cells]]) -> list[Block]:
        """For each array of one size the value of its function, all in one pass."""
        plan = Plan([cells for _, cells in wanted])
        functions = [function for function, _ in wanted]

        def work(handles: Handles, window: Window) -> list[Partial]:
            partials = [Partial()] * len(functions)

            def take(_rows: slice, blocks: Sequence[Block]) -> None:
                for place, (function, block) in enumerate(zip(functions, blocks, strict=True)):
                    partials[place] = partials[place].plus(partial(function, block))

            plan.run(handles, window, take)
            return partials

        parts = each_window(_windows(plan), Handles, work, progress=self.report)
        return [
            total(function, (partials[place] for partials in parts), cells.dtype)
            for place, (function, cells) in enumerate(wanted)
        ]

    def collect(self, cells: Cells, what: str) -> Block:
        """An array as a whole; raises TooLarge, naming ``what`` needs it."""
        size = math.prod(cells.shape) * (cells.dtype.itemsize + cells.maskable)
        if size > MAX_WHOLE:
            raise TooLarge(
                f"{what} needs the whole array, {size} bytes; allowed: {MAX_WHOLE}. min, max, mean, std and var "
                "without an axis, and what works cell by cell, take arrays of any size"
            )
        data, mask = np.empty(cells.shape, cells.dtype), np.zeros(cells.shape, bool)
        plan = Plan([cells])

        def work(handles: Handles, window: Window) -> None:
            into = (..., *_slices(window))
            block = self._window(plan, handles, window)
            data[into] = block.data
            if block.mask is not None:
                mask[into] = block.mask

        each_window(_windows(plan), Handles, work, progress=self.report)
        return Block(data=data, mask=mask if mask.any() else None)

    def row(self, cells: Cells, index: int) -> Block:
        """One row of an array, which is all that is read of it."""
        with Handles() as handles:
            block = self._window(Plan([cells]), handles, Window(0, index, cells.cols, 1))
        return block[..., 0, :]

    def write(self, cells: Cells, path: Path) -> None:
        """Write an array as GeoTIFF, a band for each item of its first axes.

        A float is NaN where it is masked; whole numbers get a mask of the file.
        """
        plan = Plan([cells])
        dtype = _stored(cells.dtype)
        floats = dtype.kind == "f"
        grid = cells.grid or Grid(crs=None, transform=Affine.identity(), width=cells.cols, height=cells.rows)
        nodata = math.nan if floats else None
        profile = geotiff_profile(grid, dtype=dtype.name, count=cells.planes, nodata=nodata)
        with create_geotiff(path, {**profile, **NO_ALPHA}) as target:
            writer = WindowWriter(target)

            def work(handles: Handles, window: Window) -> None:
                block = self._window(plan, handles, window)
                data = block.data.astype(dtype, copy=False)
                if floats and block.mask is not None:
                    data = np.where(block.mask, np.asarray(np.nan, dtype), data)
                valid = _valid(block) if cells.maskable and not floats else None
                data = data if data.ndim <= 3 else data.reshape(-1, *data.shape[-2:])
                writer.write(data, window, **({} if cells.lead else {"band": 1}), valid=valid)

            each_window(_windows(plan), Handles, work, progress=self.report, writer=writer)

    def _window(self, plan: Plan, handles: Handles, window: Window) -> Block:
        """The plan's one target in a window."""
        target = plan.targets[0]
        shape = (*target.lead, int(window.height), int(window.width))
        data, masks = np.empty(shape, target.dtype), np.zeros(shape, bool) if target.maskable else None

        def take(rows: slice, blocks: Sequence[Block]) -> None:
            data[..., rows, :] = blocks[0].data
            if masks is not None and blocks[0].mask is not None:
                masks[..., rows, :] = blocks[0].mask

        plan.run(handles, window, take)
        return Block(data=data, mask=masks)


def _valid(block: Block) -> Any:
    """Where a raster has data in all its bands, shape (rows, cols); it has one mask."""
    if block.mask is None:
        return np.ones(block.data.shape[-2:], bool)
    mask = block.mask
    return ~(mask if mask.ndim == 2 else mask.any(axis=tuple(range(mask.ndim - 2))))


def _stored(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What a type is stored as in a GeoTIFF: truth values as 0 and 1."""
    stored: dict[str, np.dtype[Any]] = {"bool": np.dtype(np.uint8), "float16": np.dtype(np.float32)}
    return stored.get(dtype.name, dtype)


def _slices(window: Window) -> tuple[slice, slice]:
    top, left = int(window.row_off), int(window.col_off)
    return slice(top, top + int(window.height)), slice(left, left + int(window.width))


def _windows(plan: Plan) -> list[Window]:
    limit = math.isqrt(WINDOW_VALUES // plan.planes) // 512 * 512
    return windows_of(plan.cols, plan.rows, size=max(512, min(WINDOW, limit)), striped=plan.striped)
