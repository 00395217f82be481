"""Images side by side on one grid: one window of all of them, blended where they overlap."""

from __future__ import annotations

import math
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.windows import Window

from dragoman.errors import InputError
from dragoman.rasters.feathering import blended, weights_in_box, weights_within
from dragoman.rasters.mosaic_grid import part_of
from dragoman.rasters.opening import open_raster
from dragoman.rasters.scaling import EXACT_INTEGERS
from dragoman.rasters.unwarped import as_integers, valid_pixels
from dragoman.rasters.warping import on_grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dragoman.rasters.feathering import Box
    from dragoman.rasters.grids import Grid
    from dragoman.rasters.mosaic_grid import Placed
    from dragoman.rasters.nodata import Nodata

MOST_OPEN: Final = 32
"""Images that one thread holds open at once."""
BLOCK: Final = 256
"""Pixels along a side of what is blended at once: a seam is narrow, and seldom fills a window."""


class Handles:
    """One thread's own handles on the images, the last used of them open."""

    def __init__(self, target: Grid, resampling: str) -> None:
        self._target, self._resampling = target, resampling
        self._open: OrderedDict[int, tuple[ExitStack, Any]] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for stack, _ in self._open.values():
            stack.close()

    def of(self, image: Placed) -> Any:
        """The image; one that is warped is read on the part of the target that is its box."""
        if image.number in self._open:
            self._open.move_to_end(image.number)
        else:
            with ExitStack() as stack:
                dataset = stack.enter_context(open_raster(image.path, input_id="images"))
                if image.offset is None:
                    dataset = stack.enter_context(
                        on_grid(dataset, part_of(self._target, image.box), self._resampling)
                    )
                self._open[image.number] = (stack.pop_all(), dataset)
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)[1][0].close()
        return self._open[image.number][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What an image has in a part of the mosaic."""

    box: Box
    values: NDArray[Any]
    """(bands, rows, cols)"""
    valid: NDArray[np.bool_]
    """(bands, rows, cols)"""

    def within(self, area: Box) -> tuple[slice, slice]:
        """Its rows and columns in an array of an area that holds it."""
        return _slices(self.box, area)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosaic:
    """Images on one grid, and what they become where they overlap."""

    images: tuple[Placed, ...]
    dtype: np.dtype[Any]
    nodata: Nodata
    """None: a mask tells what is missing, once for all bands."""
    reach: int
    """Pixels from an image's edge over which it is faded in; 0: the first image that has a value is taken."""

    def read(self, handles: Handles, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The bands of a window, (bands, rows, cols), and where any of them is valid, (rows, cols)."""
        area = _box_of(window)
        images = [image for image in self.images if _common(image.box, area)]
        shape = (len(self.images[0].bands), area[3] - area[1], area[2] - area[0])
        values = np.full(shape, 0 if self.nodata is None else self.nodata, self.dtype)
        count = np.zeros(shape, np.uint16)
        for image in images:
            patch = self._patch(handles, image, area)
            rows, cols = patch.within(area)
            here, times = values[:, rows, cols], count[:, rows, cols]
            np.copyto(here, patch.values, where=patch.valid & (times == 0))
            times += patch.valid
        if self.reach and len(images) > 1:
            for block in _blocks(area):
                rows, cols = _slices(block, area)
                several = count[:, rows, cols] > 1
                if several.any():
                    self._feather(handles, images, block, values[:, rows, cols], several)
        return values, (count > 0).any(axis=0)

    def _feather(
        self,
        handles: Handles,
        images: list[Placed],
        block: Box,
        values: NDArray[Any],
        several: NDArray[np.bool_],
    ) -> None:
        """Blend, in the values of a block, what several images have."""
        reach = self.reach
        around = (block[0] - reach, block[1] - reach, block[2] + reach, block[3] + reach)
        layers = []
        for image in images:
            if not _common(image.box, block):
                continue
            layers.append(self._layer(self._patch(handles, image, around), image.box, block))
        for band, where in enumerate(several):
            if where.any():
                parts = [mine[band][where] for mine, _, _ in layers]
                weights = [np.where(valid[band], weight, 0)[where] for _, valid, weight in layers]
                values[band][where] = blended(parts, weights, self.nodata)

    def _layer(
        self, patch: Patch, box: Box, block: Box
    ) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[Any]]:
        """Values, validity and weight of an image in a block, from what it has around that."""
        reach = self.reach
        inner = _common(patch.box, block)
        assert inner is not None
        shape = (len(patch.values), block[3] - block[1], block[2] - block[0])
        values, valid = np.zeros(shape, self.dtype), np.zeros(shape, bool)
        here, there = (slice(None), *_slices(inner, block)), (slice(None), *_slices(inner, patch.box))
        values[here], valid[here] = patch.values[there], patch.valid[there]
        if patch.valid.all():
            return values, valid, weights_in_box(box, block, reach)
        around = np.zeros((shape[1] + 2 * reach, shape[2] + 2 * reach), bool)
        corner = (block[0] - reach, block[1] - reach, block[2] + reach, block[3] + reach)
        around[patch.within(corner)] = patch.valid.any(axis=0)
        return values, valid, weights_within(around, reach, (reach, reach, reach, reach))

    def _patch(self, handles: Handles, image: Placed, area: Box) -> Patch:
        """What an image has in an area, which it meets."""
        box = _common(image.box, area)
        assert box is not None
        source, bands = handles.of(image), list(image.bands)
        left, top = (box[0] - image.box[0], box[1] - image.box[1])
        window = Window(left, top, box[2] - box[0], box[3] - box[1])
        read = source.read(bands, window=window)
        if image.offset is None:
            return Patch(box=box, values=self._typed(read), valid=~np.isnan(read))
        return Patch(box=box, values=read, valid=self._valid(source, bands, window, read))

    def _valid(self, source: Any, bands: list[int], window: Window, read: NDArray[Any]) -> NDArray[np.bool_]:
        """Where what was read of an image is valid: in each band for itself; without nodata, in any, in all."""
        valid: NDArray[np.bool_]
        flags = [source.mask_flag_enums[band - 1] for band in bands]
        plain = self.nodata is not None and self.dtype.itemsize < 8
        if all(MaskFlags.all_valid in each for each in flags):
            valid = np.ones(read.shape, bool)
        elif plain and all(each == [MaskFlags.nodata] for each in flags):
            valid = read != self.dtype.type(self.nodata)
        else:
            valid = valid_pixels(source, bands, window, each=self.nodata is not None)
            valid = np.broadcast_to(valid, read.shape)
        return valid & ~np.isnan(read) if self.dtype.kind == "f" else valid

    def _typed(self, warped: NDArray[Any]) -> NDArray[Any]:
        """Warped floats, NaN where they are missing, as the mosaic's type; its nodata becomes the value beside it."""
        if self.dtype.kind == "f":
            values = warped.astype(self.dtype)
            if self.nodata is not None and not math.isnan(self.nodata):
                nodata = self.dtype.type(self.nodata)
                values[values == nodata] = np.nextafter(nodata, self.dtype.type(0 if nodata else 1))
            return values
        if self.dtype.itemsize == 8 and np.nanmax(np.abs(warped), initial=0) > EXACT_INTEGERS:
            raise InputError(
                "images", "hold integers beyond 2**53, which cannot be brought onto another grid"
            )
        values = as_integers(warped, self.dtype, 0)
        if self.nodata is not None:
            beside_it = int(self.nodata) + (-1 if self.nodata == np.iinfo(self.dtype).max else 1)
            values[values == self.nodata] = beside_it
        return values


def _blocks(area: Box) -> Iterator[Box]:
    """An area in pieces that are blended one by one."""
    left, top, right, bottom = area
    for row in range(top, bottom, BLOCK):
        for col in range(left, right, BLOCK):
            yield col, row, min(col + BLOCK, right), min(row + BLOCK, bottom)


def _slices(box: Box, area: Box) -> tuple[slice, slice]:
    """The rows and columns of a box in an array of an area that holds it."""
    return slice(box[1] - area[1], box[3] - area[1]), slice(box[0] - area[0], box[2] - area[0])


def _box_of(window: Window) -> Box:
    left, top = int(window.col_off), int(window.row_off)
    return left, top, left + int(window.width), top + int(window.height)


def _common(a: Box, b: Box) -> Box | None:
    box = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return box if box[0] < box[2] and box[1] < box[3] else None
