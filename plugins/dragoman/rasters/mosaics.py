"""Images side by side on one grid: where each lies there, and one window of all of them."""

from __future__ import annotations

import math
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from dragoman.errors import InputError, InvalidRequest
from dragoman.rasters.extents import natural_extent
from dragoman.rasters.feathering import blended, weights_within
from dragoman.rasters.grids import Grid
from dragoman.rasters.opening import open_raster
from dragoman.rasters.scaling import EXACT_INTEGERS
from dragoman.rasters.transformation import period_of
from dragoman.rasters.unwarped import as_integers, pixel_offset, read_pixels
from dragoman.rasters.warping import on_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from rasterio.crs import CRS

    from dragoman.rasters.grids import Bounds
    from dragoman.rasters.nodata import Nodata

MOST_OPEN: Final = 32
"""Images that one thread holds open at once."""
BEYOND: Final = 2
"""Pixels around the extent of a warped image that are looked at too: its edge is not straight there."""

type Box = tuple[int, int, int, int]
"""First column, first row, column and row after the last, in pixels of the mosaic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One image on the mosaic's grid."""

    path: Path
    number: int
    """From 1, in the order in which they were sent."""
    bands: tuple[int, ...]
    """Those that are no alpha."""
    box: Box
    """All of it lies within."""
    offset: tuple[int, int] | None
    """Where the mosaic's first pixel lies in the image, if they have the same pixels; None: it is warped."""


def data_bands(dataset: Any) -> tuple[int, ...]:
    """The numbers of the bands that are not alpha."""
    kinds = enumerate(dataset.colorinterp, start=1)
    numbers = tuple(number for number, meaning in kinds if meaning != ColorInterp.alpha)
    return numbers or tuple(range(1, dataset.count + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where an image lies in the mosaic's CRS."""

    grid: Grid
    """Its own."""
    bounds: Bounds
    steps: tuple[float, float]
    """The side of a pixel that keeps its detail."""
    left_out: str = ""
    """What of it has no place there, in words."""


def site_of(dataset: Any, crs: CRS) -> Site:
    """Raises InvalidRequest for an image that has no place in ``crs``."""
    grid = Grid.of(dataset)
    extent = natural_extent(grid, crs)
    return Site(grid=grid, bounds=extent.bounds, steps=extent.steps, left_out=extent.left_out)


def beside(site: Site, first: Site, crs: CRS) -> Site:
    """The same place, told in the turn around the world that is next to the first image."""
    period = period_of(crs)
    if not period:
        return site
    left, bottom, right, top = site.bounds
    turn = period * round((first.bounds[0] + first.bounds[2] - left - right) / 2 / period)
    if not turn:
        return site
    bounds = (left + turn, bottom, right + turn, top)
    own = site.grid.crs == crs
    grid = (
        replace(site.grid, transform=Affine.translation(turn, 0) @ site.grid.transform) if own else site.grid
    )
    return replace(site, bounds=bounds, grid=grid)


def common_grid(sites: Sequence[Site], crs: CRS, resolution: float | None) -> Grid:
    """A grid, north up, that holds all of these.

    It has the pixels of the first where these fit, else a corner of its own. Its resolution is the finest, unless
    one is told. Raises InvalidRequest where it would have more pixels along a side than can be counted.
    """
    if resolution is not None:
        steps = (resolution, resolution)
    else:
        steps = (min(site.steps[0] for site in sites), min(site.steps[1] for site in sites))
    left, top = min(site.bounds[0] for site in sites), max(site.bounds[3] for site in sites)
    right, bottom = max(site.bounds[2] for site in sites), min(site.bounds[1] for site in sites)
    left, top = _on_lattice(sites[0].grid, crs, steps, left, top)
    width, height = (right - left) / steps[0], (top - bottom) / steps[1]
    if not (math.isfinite(width) and math.isfinite(height) and max(width, height) < 2**31):
        raise InvalidRequest("makes a mosaic too large to write")
    return Grid(
        crs=crs,
        transform=Affine(steps[0], 0, left, 0, -steps[1], top),
        width=max(1, math.ceil(width - 1e-3)),
        height=max(1, math.ceil(height - 1e-3)),
    )


def _on_lattice(
    first: Grid, crs: CRS, steps: tuple[float, float], left: float, top: float
) -> tuple[float, float]:
    """The corner, moved out to where a pixel of the first image begins, if that has pixels of this size."""
    a, b, c, d, e, f = first.transform[:6]
    same = np.allclose((a, -e), steps, rtol=1e-9, atol=0)
    if first.crs != crs or b or d or not same:
        return left, top
    cols, rows = math.floor((left - c) / steps[0] + 1e-3), math.floor((f - top) / steps[1] + 1e-3)
    return c + cols * steps[0], f - rows * steps[1]


def placed(dataset: Any, number: int, site: Site, target: Grid) -> Placed:
    """Where an image lies on the mosaic's grid."""
    offset = pixel_offset(site.grid, target)
    if offset is not None:
        box = (-offset[0], -offset[1], site.grid.width - offset[0], site.grid.height - offset[1])
    else:
        inverse = ~target.transform
        left, top = inverse @ (site.bounds[0], site.bounds[3])
        right, bottom = inverse @ (site.bounds[2], site.bounds[1])
        box = (
            max(0, math.floor(left) - BEYOND),
            max(0, math.floor(top) - BEYOND),
            min(target.width, math.ceil(right) + BEYOND),
            min(target.height, math.ceil(bottom) + BEYOND),
        )
    path = Path(dataset.name)
    return Placed(path=path, number=number, bands=data_bands(dataset), box=box, offset=offset)


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
                    dataset = stack.enter_context(on_grid(dataset, self._part(image), self._resampling))
                self._open[image.number] = (stack.pop_all(), dataset)
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)[1][0].close()
        return self._open[image.number][1]

    def _part(self, image: Placed) -> Grid:
        left, top, right, bottom = image.box
        transform = self._target.transform @ Affine.translation(left, top)
        return Grid(crs=self._target.crs, transform=transform, width=right - left, height=bottom - top)


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
        fill = 0 if self.nodata is None else self.nodata
        shape = (len(self.images[0].bands), int(window.height), int(window.width))
        values = np.full(shape, fill, self.dtype)
        count = np.zeros(shape, np.uint16)
        for image in images:
            mine, valid = self._pixels(handles, image, area)
            np.copyto(values, mine, where=valid & (count == 0))
            count += valid
        if self.reach and len(images) > 1 and (count > 1).any():
            self._feather(handles, images, area, values, count > 1)
        return values, (count > 0).any(axis=0)

    def _feather(
        self,
        handles: Handles,
        images: list[Placed],
        area: Box,
        values: NDArray[Any],
        several: NDArray[np.bool_],
    ) -> None:
        """Blend, in ``values``, what several images have."""
        rows, cols = np.nonzero(several.any(axis=(0, 2)))[0], np.nonzero(several.any(axis=(0, 1)))[0]
        inner = (slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1))
        seam = (area[0] + cols[0], area[1] + rows[0], area[0] + cols[-1] + 1, area[1] + rows[-1] + 1)
        reach = self.reach
        around = (seam[0] - reach, seam[1] - reach, seam[2] + reach, seam[3] + reach)
        layers = []
        for image in images:
            if not _common(image.box, seam):
                continue
            mine, valid = self._pixels(handles, image, around)
            weight = weights_within(valid.any(axis=0), reach, (reach, reach, reach, reach))
            cut = (slice(None), slice(reach, -reach), slice(reach, -reach))
            layers.append((mine[cut], valid[cut], weight))
        for band in range(len(values)):
            where = several[band][inner]
            parts = [mine[band][where] for mine, _, _ in layers]
            weights = [np.where(valid[band], weight, 0)[where] for _, valid, weight in layers]
            values[band][inner][where] = blended(parts, weights, self.nodata)

    def _pixels(self, handles: Handles, image: Placed, area: Box) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The bands of an image in an area of the mosaic, and where each is valid: (bands, rows, cols) both."""
        shape = (len(image.bands), area[3] - area[1], area[2] - area[0])
        window = Window(area[0], area[1], shape[2], shape[1])
        source = handles.of(image)
        if image.offset is not None:
            values, valid = read_pixels(source, image.bands, image.offset, window, self.nodata)
            valid = np.broadcast_to(valid, shape)
            return values, valid & ~np.isnan(values) if self.dtype.kind == "f" else valid
        values, valid = np.zeros(shape, self.dtype), np.zeros(shape, bool)
        part = _common(image.box, area)
        if part is not None:
            left, top, right, bottom = part
            own = Window(left - image.box[0], top - image.box[1], right - left, bottom - top)
            place = (..., slice(top - area[1], bottom - area[1]), slice(left - area[0], right - area[0]))
            warped = source.read(list(image.bands), window=own)
            valid[place] = ~np.isnan(warped)
            values[place] = self._typed(warped)
        return values, valid

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


def _box_of(window: Window) -> Box:
    left, top = int(window.col_off), int(window.row_off)
    return left, top, left + int(window.width), top + int(window.height)


def _common(a: Box, b: Box) -> Box | None:
    box = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return box if box[0] < box[2] and box[1] < box[3] else None
