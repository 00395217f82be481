"""A window of a raster as a file of its own: read and written piece by piece, whatever its size."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from affine import Affine
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from dragoman.rasters.nodata import nodata_of
from dragoman.rasters.opening import dtype_of, gdal_env, open_raster
from dragoman.rasters.raster import fits
from dragoman.rasters.windows import is_striped, windows_of
from dragoman.rasters.writing import create_geotiff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def shape_of(path: Path) -> tuple[int, int]:
    """Rows and columns of a local raster; raises InvalidRequest for what is none."""
    with open_raster(path, complex_values=True) as dataset:
        return dataset.height, dataset.width


def crop_file(source: Path, target: Path, rows: tuple[int, int], cols: tuple[int, int]) -> None:
    """Write the window as GeoTIFF: rows and columns from the first to before the second, of all bands.

    Type, nodata, mask, band names, colours and the place on the ground are those of the source. Raises
    InvalidRequest for what is no raster, and where a part of it cannot be read.
    """
    with open_raster(source, complex_values=True) as dataset:
        copy_window(dataset, target, Window(cols[0], rows[0], cols[1] - cols[0], rows[1] - rows[0]))


def copy_window(
    dataset: Any, target: Path, window: Window, *, check: Callable[[], None] = lambda: None
) -> None:
    """Write a window of an open dataset as GeoTIFF; ``check`` is called between two pieces, and may raise."""
    georeferenced = dataset.transform != Affine.identity()
    dtype, nodata = dtype_of(dataset), nodata_of(dataset)
    profile = {
        "driver": "GTiff",
        "width": int(window.width),
        "height": int(window.height),
        "count": dataset.count,
        "dtype": dtype.name,
        "crs": dataset.crs,
        "nodata": nodata if nodata is not None and fits(nodata, dtype) else None,
        **({"transform": dataset.window_transform(window)} if georeferenced else {}),
        "tiled": True,
        "compress": "deflate",
        "zlevel": 1,
        "bigtiff": "IF_SAFER",
    }
    masked = [MaskFlags.per_dataset] in dataset.mask_flag_enums
    with creating(), create_geotiff(target, profile) as copy:
        _describe(dataset, copy)
        for piece in windows_of(int(window.width), int(window.height), striped=is_striped(dataset)):
            check()
            source = Window(
                window.col_off + piece.col_off, window.row_off + piece.row_off, piece.width, piece.height
            )
            copy.write(dataset.read(window=source), window=piece)
            if masked:
                copy.write_mask(dataset.read_masks(1, window=source), window=piece)


@contextmanager
def creating() -> Iterator[None]:
    """The environment to write images in, which need not lie anywhere on the ground."""
    with gdal_env(), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _describe(dataset: Any, copy: Any) -> None:
    for band, name in enumerate(dataset.descriptions, start=1):
        if name:
            copy.set_band_description(band, name)
    if set(zip(dataset.scales, dataset.offsets, strict=True)) != {(1.0, 0.0)}:
        copy.scales, copy.offsets = dataset.scales, dataset.offsets
    if dataset.colorinterp[0] == ColorInterp.palette:
        copy.write_colormap(1, dataset.colormap(1))
    if ColorInterp.alpha in dataset.colorinterp:
        copy.colorinterp = dataset.colorinterp
