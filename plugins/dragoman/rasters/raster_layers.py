"""A raster file as the layers of a service: north up, missing cells told by one value, scaled values as they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.windows import Window

from dragoman.errors import InvalidRequest
from dragoman.model.map_service import MapGrid
from dragoman.rasters.nodata import nodata_of
from dragoman.rasters.windows import float_type, read_float

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dragoman.rasters.nodata import Nodata

WIDER = {
    "int8": "int16",
    "uint8": "int16",
    "int16": "int32",
    "uint16": "int32",
    "int32": "int64",
    "uint32": "int64",
}
"""Integers of a file with a mask, in which every value may be a valid one, and a type that has more."""
STEEP = 1e-9
"""Of a cell's size: what a rotation may amount to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The cells of one window of one layer."""

    values: NDArray[Any]
    """Shape (rows, cols), north up; missing cells hold the layer's nodata value."""
    valid: NDArray[np.bool_] | None
    """None: all are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterLayers:
    """How an open raster is read as layers; the same for every handle on its file. One layer for each band."""

    grid: MapGrid
    names: tuple[str, ...]
    dtype: str
    nodata: Nodata
    """None, of integers alone: no cell is missing. NaN counts as missing as well."""
    flipped: bool
    """Whether the file's first row is the southernmost."""
    scaled: bool
    """Whether the file holds scaled values."""
    masked: bool
    """Whether a mask tells what is missing."""
    as_stored: bool
    """Whether the file itself holds just these values."""

    def read(self, dataset: Any, band: int, window: Window) -> Block:
        """One window of the grid, of one band (from 1)."""
        place = window
        if self.flipped:
            place = Window(
                window.col_off,
                self.grid.height - window.row_off - window.height,
                window.width,
                window.height,
            )
        values, valid = self._stored(dataset, band, place)
        if self.flipped:
            values, valid = values[::-1], None if valid is None else valid[::-1]
        if valid is not None and valid.all():
            valid = None
        return Block(values=values, valid=valid)

    def _stored(
        self, dataset: Any, band: int, window: Window
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        dtype = np.dtype(self.dtype)
        if self.scaled:
            values: NDArray[Any] = read_float(dataset, band, window).astype(dtype, copy=False)
            return values, ~np.isnan(values)
        values = dataset.read(band, window=window).astype(dtype, copy=False)
        valid: NDArray[np.bool_] | None = None
        if self.masked:
            valid = dataset.read_masks(band, window=window) != 0
            values = np.where(valid, values, np.array(self.nodata, dtype))
        elif self.nodata is not None:
            valid = values != np.array(self.nodata, dtype)
        if dtype.kind == "f":
            number = ~np.isnan(values)
            valid = number if valid is None else valid & number
        return values, valid


def layers_of(dataset: Any) -> RasterLayers:
    """The layers of an open raster; raises InvalidRequest, naming why, for one that cannot be a map."""
    grid, flipped = grid_of(dataset.crs, dataset.transform, dataset.width, dataset.height)
    scaled = any(scale != 1 for scale in dataset.scales) or any(dataset.offsets)
    flags = [flag for band in dataset.mask_flag_enums for flag in band]
    masked = not scaled and (MaskFlags.per_dataset in flags or MaskFlags.alpha in flags)
    dtype = np.result_type(*(float_type(dataset, n) if scaled else name for n, name in _bands(dataset)))
    if dtype.name == "float16":  # neither NetCDF nor every client has it
        dtype = np.dtype("float32")
    if masked and dtype.kind in "iu":
        dtype = np.dtype(WIDER.get(dtype.name, dtype.name))
    return RasterLayers(
        grid=grid,
        names=layer_names(dataset.count),
        dtype=dtype.name,
        nodata=_nodata(dataset, dtype, chosen=scaled or masked),
        flipped=flipped,
        scaled=scaled,
        masked=masked,
        as_stored=not (flipped or scaled or masked) and set(dataset.dtypes) == {dtype.name},
    )


def _bands(dataset: Any) -> list[tuple[int, str]]:
    return list(zip(dataset.indexes, dataset.dtypes, strict=True))


def _nodata(dataset: Any, dtype: np.dtype[Any], *, chosen: bool) -> Nodata:
    """The file's own value for missing cells, where its type has it; ``chosen``: one of ours."""
    if chosen:
        return math.nan if dtype.kind == "f" else int(np.iinfo(dtype).min)
    nodata = nodata_of(dataset)
    if dtype.kind == "f":  # GDAL reads NaN as 0 in a NetCDF variable that tells no value for missing cells
        return math.nan if nodata is None else nodata
    if nodata is None:
        return None
    limits = np.iinfo(dtype)
    fits = math.isfinite(nodata) and int(nodata) == nodata and limits.min <= nodata <= limits.max
    return int(nodata) if fits else None


def layer_names(count: int) -> tuple[str, ...]:
    """``data`` for one band, as ncdjango calls it; else ``band1``, ``band2``, ..."""
    return ("data",) if count == 1 else tuple(f"band{number}" for number in range(1, count + 1))


def grid_of(crs: Any, transform: Any, width: int, height: int) -> tuple[MapGrid, bool]:
    """The grid with north up, and whether the file has its rows the other way round; raises InvalidRequest."""
    a, b, c, d, e, f = tuple(transform)[:6]
    if not crs:
        raise InvalidRequest("it has no CRS, so that nobody knows where it lies")
    if abs(b) > STEEP * abs(a) or abs(d) > STEEP * abs(e):
        raise InvalidRequest("its grid is rotated or sheared; warp it to a CRS first")
    if a < 0:
        raise InvalidRequest("its columns run from east to west; warp it first")
    flipped = e > 0
    if flipped:
        e, f = -e, f + e * height
    grid = MapGrid(crs_wkt=crs.to_wkt(), transform=(a, 0.0, c, 0.0, e, f), width=width, height=height)
    return grid, flipped


def cells(grid: MapGrid) -> int:
    """How many the grid has."""
    return grid.width * grid.height


def centres(grid: MapGrid) -> tuple[Sequence[float], Sequence[float]]:
    """The coordinates of the cells' centres, x by column and y by row."""
    a, _, c, _, e, f = grid.transform
    return c + a * (np.arange(grid.width) + 0.5), f + e * (np.arange(grid.height) + 0.5)  # type: ignore[return-value]  # arrays
