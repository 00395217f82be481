"""Images that need not lie anywhere on the ground: PNG where that can hold them, else GeoTIFF; values as they are."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.errors import RasterioError

from dragoman.errors import InvalidRequest
from dragoman.rasters.crop import creating
from dragoman.rasters.opening import dtype_of, open_raster

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

PNG_BANDS: Final = 3
PNG_TYPES: Final = ("uint8", "uint16")


def fits_png(bands: int, dtype: str) -> bool:
    """Whether an image is given as PNG: up to three bands of uint8 or uint16."""
    return bands <= PNG_BANDS and dtype in PNG_TYPES


def as_image(array: object) -> NDArray[Any]:
    """The array as (bands, rows, cols); a 2-D one becomes one band, truth values uint8, what is masked the fill value.

    Raises ValueError, which says what is wrong with it.
    """
    image = array.filled() if isinstance(array, np.ma.MaskedArray) else np.asarray(array)
    if image.ndim == 2:
        image = image[np.newaxis]
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"an image has the shape (bands, rows, cols), not {image.shape}")
    if image.dtype.kind == "b":
        image = image.astype("uint8")
    if image.dtype == np.float16:
        image = image.astype("float32")
    if image.dtype.kind not in "iufc" or image.dtype.itemsize > (16 if image.dtype.kind == "c" else 8):
        raise ValueError(f"an image holds integers, floats or complex numbers, not {image.dtype}")
    return image.astype(image.dtype.newbyteorder("="), copy=False)


def write_image(array: object, stem: Path) -> Path:
    """Write an array of any of these forms to ``stem`` with the ending of its format: .png or .tif.

    Raises ValueError for what is no image.
    """
    image = as_image(array)
    png = fits_png(image.shape[0], image.dtype.name)
    path = stem.with_name(stem.name + (".png" if png else ".tif"))
    options: dict[str, Any] = (
        {"driver": "PNG", "zlevel": 1}
        if png
        else {"driver": "GTiff", "compress": "deflate", "bigtiff": "IF_SAFER"}
    )
    count, height, width = image.shape
    with (
        creating(),
        rasterio.open(
            path, "w", width=width, height=height, count=count, dtype=image.dtype.name, **options
        ) as target,
    ):
        target.write(image)
    return path


def to_png(source: Path) -> Path | None:
    """Replace a raster by a PNG of the same values beside it; None, and nothing done, where PNG cannot hold it.

    Nodata, masks and the place on the ground are lost. Read and written row by row.
    """
    with open_raster(source, complex_values=True) as dataset:
        if not fits_png(dataset.count, dtype_of(dataset).name):
            return None
        target = source.with_suffix(".png")
        with creating():
            rasterio.shutil.copy(dataset, target, driver="PNG", zlevel=1)
    return _replace(source, target)


def to_geotiff(source: Path) -> Path:
    """Replace an image by a GeoTIFF of the same values beside it."""
    target = source.with_suffix(".tif")
    with open_raster(source, complex_values=True) as dataset, creating():
        rasterio.shutil.copy(dataset, target, driver="GTiff", compress="deflate", bigtiff="IF_SAFER")
    return _replace(source, target)


def read_image(
    path: Path,
    *,
    max_pixels: int | None = None,
    opening: AbstractContextManager[object] = nullcontext(),  # noqa: B008  # it keeps nothing
) -> NDArray[Any]:
    """All of a local image, shape (bands, rows, cols), values as they are stored; it is opened within ``opening``.

    Raises InvalidRequest for what is no image of a format that is read, or is damaged.
    """
    with opening:
        dataset = open_raster(path, max_pixels=max_pixels, complex_values=True)
    with dataset, creating():
        try:
            image: NDArray[Any] = dataset.read()
        except RasterioError as error:
            raise InvalidRequest("the image is damaged or not complete") from error
    return image


def _replace(source: Path, target: Path) -> Path:
    if source != target:
        os.unlink(source)
    return target
