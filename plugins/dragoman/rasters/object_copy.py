"""A raster behind one of GDAL's network file systems, copied into a local file."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from dragoman.errors import InvalidRequest
from dragoman.rasters.crop import copy_window
from dragoman.rasters.opening import DRIVERS, GDAL_OPTIONS, READABLE, check_header, dtype_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def copy_remote(
    name: str, target: Path, *, max_bytes: int, timeout: float, check: Callable[[], None]
) -> None:
    """Copy ``/vsis3/bucket/key`` (or gs) whole, as GeoTIFF; ``check`` is called between pieces, and may raise.

    No file but that one can be reached meanwhile. Raises InvalidRequest for what is not there, no raster of
    a format that is read, or larger than ``max_bytes`` when decoded.
    """
    options = {
        **GDAL_OPTIONS,
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": None,
        "CPL_VSIL_CURL_ALLOWED_FILENAME": name,
        "GDAL_HTTP_TIMEOUT": str(max(1, math.ceil(timeout))),
        "GDAL_HTTP_CONNECTTIMEOUT": "10",
        "GDAL_HTTP_MAX_RETRY": "0",
        "VSI_CACHE": "FALSE",
    }
    known = {key: value for key, value in options.items() if value is not None}
    with rasterio.Env(**known), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            dataset = rasterio.DatasetReader(name, driver=list(DRIVERS), sharing=False)
        except (RasterioError, ValueError) as error:
            raise InvalidRequest(f"the object is not there, or is no raster ({READABLE})") from error
        with dataset:
            check()
            _check_size(dataset, max_bytes)
            try:
                copy_window(dataset, target, Window(0, 0, dataset.width, dataset.height), check=check)
            except RasterioError as error:
                raise InvalidRequest("the object cannot be read to its end") from error


def _check_size(dataset: Any, max_bytes: int) -> None:
    check_header(dataset, max_bytes, None, complex_values=True)
    pixels = dataset.width * dataset.height * dataset.count
    size = pixels * dtype_of(dataset).itemsize
    if size > max_bytes:
        raise InvalidRequest(f"the raster is {size} bytes when decoded; at most {max_bytes} are fetched")
