"""Bringing a raster onto a grid without a warp, and integers through a warp that calculates in doubles.

A warp compares nodata with a tolerance: of nodata 999999999, values within 50 count as missing. Where the pixels of
both grids are the same, none is needed. Elsewhere such integers are warped as doubles, with NaN for nodata.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

from dragoman.errors import InputError, InvalidRequest
from dragoman.rasters.nodata import Nodata, nodata_of
from dragoman.rasters.scaling import check_exact
from dragoman.rasters.windows import windows_of
from dragoman.rasters.writing import create_geotiff, geotiff_profile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dragoman.rasters.grids import Grid

SAME = 1e-3
"""Pixels by which two grids may be off and still have the same pixels."""

TOLERATED = 1 << 20
"""Nodata values from here on are met by other integers within a warp's tolerance."""


def pixel_offset(source: Grid, target: Grid) -> tuple[int, int] | None:
    """Where the first pixel of ``target`` lies in ``source``, by column and row; None where pixels are not the same.

    It may lie outside. Both have one CRS then, and pixels of one size and place.
    """
    if source.crs != target.crs:
        return None
    mine, theirs = source.transform, target.transform
    inverse = ~mine
    corners = [(0, 0), (target.width, 0), (0, target.height)]
    placed = [inverse @ (theirs @ corner) for corner in corners]
    col, row = round(placed[0][0]), round(placed[0][1])
    expected = [(col + corner[0], row + corner[1]) for corner in corners]
    off = max(
        abs(a - b) for one, two in zip(placed, expected, strict=True) for a, b in zip(one, two, strict=True)
    )
    return (col, row) if off <= SAME else None


def read_pixels(
    dataset: Any, bands: Sequence[int], offset: tuple[int, int], window: Window, nodata: Nodata
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A window of a grid that has the dataset's pixels, as they are: (bands, rows, cols), and where they are valid.

    What is missing, or outside of the dataset, is ``nodata``; where that is None, validity is told once for all
    bands: (rows, cols).
    """
    dtype = np.result_type(*dataset.dtypes)
    rows, cols = int(window.height), int(window.width)
    left, top = int(window.col_off) + offset[0], int(window.row_off) + offset[1]
    values = np.full((len(bands), rows, cols), 0 if nodata is None else nodata, dtype=dtype)
    valid = np.zeros((rows, cols) if nodata is None else values.shape, dtype=bool)
    first_col, last_col = max(left, 0), min(left + cols, dataset.width)
    first_row, last_row = max(top, 0), min(top + rows, dataset.height)
    if first_col >= last_col or first_row >= last_row:
        return values, valid
    inside = Window(first_col, first_row, last_col - first_col, last_row - first_row)
    place = (slice(first_row - top, last_row - top), slice(first_col - left, last_col - left))
    pixels = dataset.read(list(bands), window=inside)
    here = valid_pixels(dataset, bands, inside, each=nodata is not None)
    values[(slice(None), *place)] = pixels if nodata is None else np.where(here, pixels, dtype.type(nodata))
    valid[(..., *place)] = here
    return values, valid


def valid_pixels(dataset: Any, bands: Sequence[int], window: Window, *, each: bool) -> NDArray[np.bool_]:
    """Where a window is valid: for each band, or once for all."""
    alphas = [n for n, meaning in enumerate(dataset.colorinterp, start=1) if meaning == ColorInterp.alpha]
    if alphas:
        valid = dataset.read(alphas[-1], window=window) > 0
        return np.broadcast_to(valid, (len(bands), *valid.shape)) if each else valid
    masks: NDArray[np.bool_] = dataset.read_masks(list(bands), window=window) > 0
    return masks if each else masks.any(axis=0)


def needs_doubles(dataset: Any) -> bool:
    """Whether a warp would take other integers for nodata."""
    kinds = [np.dtype(name) for name in dataset.dtypes]
    if any(kind.kind not in "iu" or kind.itemsize < 4 for kind in kinds):
        return False
    if any(MaskFlags.per_dataset in flags for flags in dataset.mask_flag_enums):
        return False
    nodata = nodata_of(dataset)
    return nodata is not None and abs(nodata) >= TOLERATED


def write_doubles(dataset: Any, grid: Grid, path: Path) -> None:
    """The bands of an open dataset as float64, NaN where they are nodata.

    Raises InputError (InvalidRequest, where the dataset is no input's) for integers beyond 2**53.
    """
    profile = geotiff_profile(grid, dtype="float64", count=dataset.count, nodata=float("nan"))
    with create_geotiff(path, profile) as target:
        for window in windows_of(grid.width, grid.height):
            stored = dataset.read(window=window)
            missing = dataset.read_masks(window=window) == 0
            check_warped(dataset, stored, missing)
            values = stored.astype(np.float64)
            values[missing] = np.nan
            target.write(values, window=window)


def as_integers(values: NDArray[Any], dtype: np.dtype[Any], nodata: Nodata) -> NDArray[Any]:
    """Warped doubles as integers again: rounded, within the type, ``nodata`` for NaN."""
    limits = np.iinfo(dtype)
    missing = np.isnan(values)
    rounded = np.floor(np.where(missing, 0, values) + 0.5)
    inside = (rounded > float(limits.min)) & (rounded < float(limits.max))
    integers = np.where(inside, rounded, 0).astype(dtype)
    integers[rounded >= float(limits.max)] = limits.max
    integers[rounded <= float(limits.min)] = limits.min
    if nodata is not None:
        integers[missing] = nodata
    return integers


def check_warped(dataset: Any, values: NDArray[Any], missing: NDArray[np.bool_] | None = None) -> None:
    """Raise the error of ``write_doubles`` if values are integers that a warp would change."""
    if values.dtype.kind not in "iu":
        return
    try:
        check_exact(values, missing)
    except InvalidRequest as error:
        input_id = getattr(dataset, "input_id", None)
        raise (InputError(input_id, error.detail) if input_id else InvalidRequest(error.detail)) from error
