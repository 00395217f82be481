"""Opening files that strangers sent: which formats are read, and what is refused before it costs anything.

GDAL sees a plain file and a list of drivers that read only that file: no VRT, no ``/vsi`` path, no
driver whose files name others, no side-car beside the file. Every refusal is an InvalidRequest whose detail is
free of local paths. NetCDF is opened in ``netcdf_opening``.
"""

from __future__ import annotations

import math
import threading
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine, TransformNotInvertibleError
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from dragoman.errors import InputError, InvalidRequest
from dragoman.rasters.crs import TRANSFORM_ERRORS
from dragoman.rasters.reading import Reader

DRIVERS = ("GTiff", "PNG", "JPEG", "JP2OpenJPEG", "WEBP", "BMP", "GIF", "AAIGrid")
"""GDAL's short names; each decodes the one file it is given and fetches nothing."""

READABLE = "GeoTIFF, PNG, JPEG, JPEG 2000, WebP, BMP, GIF and Arc/Info ASCII grid"
"""DRIVERS in words."""

MAX_BLOCK_BYTES = 512 * 2**20
"""The largest tile or strip that is decoded: GDAL holds a whole one, however small the window."""

WHOLE = frozenset({"WEBP", "GIF"})
"""Drivers that decode all of an image and all of its bands, to tell a single pixel."""

LARGEST = 1e150
"""Of the numbers of a geotransform and its inverse: their products are finite."""

MAX_BANDS = 4096

BOMB_BYTES = 2**30
"""Below this many bytes decoded, the ratio of compression does not matter."""

MAX_RATIO = 20_000
"""Decoded bytes for one byte of the file; real nearly empty scenes stay below."""

BLOCK_CACHE = 200 * 2**20
"""Bytes of decoded blocks that one process holds."""

GDAL_OPTIONS: dict[str, Any] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",  # of a damaged one it gives the packed bytes for pixels, and no error
    "GDAL_CACHEMAX": BLOCK_CACHE,  # bytes: rasterio hands an int on as it is
    "PROJ_NETWORK": "OFF",
    "GDAL_HTTP_MAX_RETRY": "0",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
}
"""No look beside the file, no network, 200 MB of blocks."""

opening_lock = threading.Lock()
"""``warnings.catch_warnings`` changes the whole process; one thread opens at a time."""


def share_block_cache(processes: int) -> None:
    """Have this process hold its part of the memory for decoded blocks, where so many read rasters together."""
    GDAL_OPTIONS["GDAL_CACHEMAX"] = BLOCK_CACHE // processes


def gdal_env(block_cache: int | None = None) -> Any:
    """The GDAL environment that files from outside are opened and read in; a context manager.

    ``block_cache`` is in bytes, if not what this process holds by itself, and of the whole process: the environment
    that was entered or left last, in whichever thread, has set it.
    """
    return rasterio.Env(
        **(GDAL_OPTIONS if block_cache is None else {**GDAL_OPTIONS, "GDAL_CACHEMAX": block_cache})
    )


def open_raster(
    path: Path,
    *,
    max_pixels: int | None = None,
    input_id: str | None = None,
    complex_values: bool = False,
) -> Any:
    """Open a local file as a ``rasterio.DatasetReader``; the caller closes it.

    ``max_pixels`` caps width times height times bands; None is no cap. Complex numbers are refused unless
    ``complex_values``: most code cannot tell what to do with them. Raises InvalidRequest for
    what is not a file, not an allowed format, too large, or made to explode when decoded. A read that
    fails later raises InputError for ``input_id``, or InvalidRequest where that is None.
    """
    dataset = _reader(path)
    dataset.input_id = input_id
    with ExitStack() as on_error:
        on_error.callback(dataset.close)
        check_header(dataset, path.stat().st_size, max_pixels, complex_values=complex_values)
        check_place(dataset)
        on_error.pop_all()
    return dataset


def check_raster(path: Path, *, max_pixels: int | None = None) -> None:
    """Refuse a local file that ``open_raster`` would refuse for what it costs; what is no raster for it passes."""
    try:
        dataset = _reader(path)
    except InvalidRequest:
        return
    with dataset:
        check_header(dataset, path.stat().st_size, max_pixels, complex_values=True)


def _reader(path: Path) -> Any:
    """The file as the drivers here open it; raises InvalidRequest."""
    if not path.is_file() or str(path.absolute()).startswith("/vsi"):
        raise InvalidRequest("not a readable file")
    with opening_lock, gdal_env(), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            return Reader(path.absolute(), driver=list(DRIVERS), sharing=False)
        except (RasterioError, ValueError) as error:
            raise InvalidRequest(f"not a raster of a format that is read here ({READABLE})") from error


def reopen(dataset: Any) -> Any:
    """Another handle on the file of an open dataset, for another thread; the caller closes it."""
    return open_raster(Path(dataset.name), input_id=getattr(dataset, "input_id", None))


def check_band(input_id: str, dataset: Any, band: int) -> None:
    """Raise InputError unless the dataset of that input has the band (counted from 1)."""
    if not 1 <= band <= dataset.count:
        raise InputError(input_id, f"there is no band {band}; the raster has {dataset.count}")


def placed_by_points(dataset: Any) -> tuple[Any, ...] | None:
    """What places a raster that lies on no grid: its ground control points, or RPCs; None for one that does.

    Two rasters with the same have their pixels on the same ground.
    """
    if dataset.transform != Affine.identity():
        return None
    points, crs = dataset.gcps
    if points:
        places = tuple((point.row, point.col, point.x, point.y) for point in points)
        return ("ground control points", str(crs), places)
    return ("RPCs", str(dataset.rpcs.to_dict())) if dataset.rpcs else None


def pages_of(dataset: Any) -> int:
    """How many images the file holds; a TIFF of several pages is opened at the first."""
    return max(1, len(dataset.subdatasets))


def check_header(
    dataset: Any, file_size: int, max_pixels: int | None, *, complex_values: bool = False
) -> None:
    """Refuse what would cost too much to read; looks at the header alone."""
    width, height, count = dataset.width, dataset.height, dataset.count
    if count == 0:
        raise InvalidRequest("the raster has no bands")
    if count > MAX_BANDS:
        raise InvalidRequest(f"the raster has {count} bands; at most {MAX_BANDS} are read")
    if not complex_values and any(name.startswith("complex") for name in dataset.dtypes):
        raise InvalidRequest("the raster holds complex numbers; only real ones are read")
    pixels = width * height * count
    if max_pixels is not None and pixels > max_pixels:
        raise InvalidRequest(
            f"the raster has {width} x {height} pixels in {count} bands, which is {pixels}; "
            f"at most {max_pixels} are read"
        )
    sizes = [_dtype(name).itemsize for name in dataset.dtypes]
    interleaved = str(dataset.interleaving or "").lower().endswith("pixel")
    rows, cols = _decoded_at_once(dataset)
    interleaved = interleaved or dataset.driver in WHOLE
    block = rows * cols * (sum(sizes) if interleaved else max(sizes))
    if block > MAX_BLOCK_BYTES:
        raise InvalidRequest(
            f"the raster is stored in blocks of {cols} x {rows} pixels, {block} bytes each; "
            f"at most {MAX_BLOCK_BYTES} are decoded at once: store it in tiles"
        )
    decoded = width * height * sum(sizes)
    if decoded > BOMB_BYTES and decoded > MAX_RATIO * file_size:
        raise InvalidRequest(
            f"the raster unpacks {file_size} bytes to {decoded}; a ratio above {MAX_RATIO} is refused"
        )


def _decoded_at_once(dataset: Any) -> tuple[int, int]:
    """Rows and columns that GDAL decodes together, however small the window."""
    if dataset.driver in WHOLE:
        return dataset.height, dataset.width
    rows, cols = dataset.block_shapes[0]
    return rows, cols


def check_place(dataset: Any) -> None:
    """Refuse a raster whose pixels have no place that can be calculated with, or an unreadable CRS."""
    try:
        inverse = ~dataset.transform
    except TransformNotInvertibleError as error:
        raise InvalidRequest(
            "the raster's geotransform cannot be inverted: its pixels have no size"
        ) from error
    numbers = (*dataset.transform[:6], *inverse[:6])
    if not all(math.isfinite(number) and abs(number) < LARGEST for number in numbers):
        raise InvalidRequest("the raster's geotransform holds numbers that cannot be calculated with")
    try:
        crs = dataset.crs
        known = not crs or bool(crs.to_wkt())
    except TRANSFORM_ERRORS as error:
        raise InvalidRequest("the raster's CRS cannot be read") from error
    if not known:
        raise InvalidRequest("the raster's CRS cannot be read")


def dtype_of(dataset: Any) -> np.dtype[Any]:
    """The type that holds the values of all bands."""
    return np.result_type(*map(_dtype, dataset.dtypes))


def _dtype(name: str) -> np.dtype[Any]:
    """As it is read: numpy has no complex integers."""
    return np.dtype({"complex_int16": "complex64", "complex_int32": "complex128"}.get(name, name))
