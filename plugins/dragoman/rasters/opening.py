"""Opening files that strangers sent: which formats are read, and what is refused before it costs anything.

GDAL sees a plain file and a list of drivers that read only that file: no VRT, no ``/vsi`` path, no
driver whose files name others, no side-car beside the file. NetCDF files may not reach into others
either. Every refusal is an InvalidRequest
whose detail is free of local paths.
"""

from __future__ import annotations

import math
import threading
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import rasterio
import xarray as xr
from affine import TransformNotInvertibleError
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from dragoman.errors import InputError, InvalidRequest
from dragoman.rasters.crs import TRANSFORM_ERRORS
from dragoman.rasters.netcdf_classic import is_complete
from dragoman.rasters.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

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

MAX_VARIABLES = 10_000
"""Variables of one NetCDF file."""

MAX_COORDINATE_BYTES = 128 * 2**20
"""Of all coordinate variables of one NetCDF file: xarray reads them whole as it opens, whatever is asked for."""

MAX_GROUPS_DEEP = 32
"""Groups of one HDF5 file within each other."""

MAX_OBJECTS = 20_000
"""Groups, datasets and links of one HDF5 file."""

DAMAGED = "the NetCDF file cannot be read; it is damaged or not complete"

_CLASSIC = {b"CDF\x01", b"CDF\x02", b"CDF\x05"}
_HDF5 = b"\x89HDF\r\n\x1a\n"

GDAL_OPTIONS: dict[str, Any] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_CACHEMAX": 200 * 2**20,  # bytes: rasterio hands an int on as it is
    "PROJ_NETWORK": "OFF",
    "GDAL_HTTP_MAX_RETRY": "0",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
}
"""No look beside the file, no network, 200 MB of blocks."""

_opening = threading.Lock()
"""``warnings.catch_warnings`` changes the whole process; one thread opens at a time."""


def gdal_env() -> Any:
    """The GDAL environment that files from outside are opened and read in; a context manager."""
    return rasterio.Env(**GDAL_OPTIONS)


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
    if not path.is_file() or str(path.absolute()).startswith("/vsi"):
        raise InvalidRequest("not a readable file")
    with _opening, gdal_env(), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            dataset = Reader(path.absolute(), driver=list(DRIVERS), sharing=False)
        except (RasterioError, ValueError) as error:
            raise InvalidRequest(f"not a raster of a format that is read here ({READABLE})") from error
    dataset.input_id = input_id
    with ExitStack() as on_error:
        on_error.callback(dataset.close)
        check_header(dataset, path.stat().st_size, max_pixels, complex_values=complex_values)
        check_place(dataset)
        on_error.pop_all()
    return dataset


def reopen(dataset: Any) -> Any:
    """Another handle on the file of an open dataset, for another thread; the caller closes it."""
    return open_raster(Path(dataset.name), input_id=getattr(dataset, "input_id", None))


def check_band(input_id: str, dataset: Any, band: int) -> None:
    """Raise InputError unless the dataset of that input has the band (counted from 1)."""
    if not 1 <= band <= dataset.count:
        raise InputError(input_id, f"there is no band {band}; the raster has {dataset.count}")


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


def sniff_netcdf(path: Path) -> Literal["classic", "netcdf4"] | None:
    """Which NetCDF the first bytes say: classic (CDF-1, -2, -5), NetCDF-4 (HDF5), or None."""
    with path.open("rb") as file:
        head = file.read(8)
    if head[:4] in _CLASSIC:
        return "classic"
    return "netcdf4" if head == _HDF5 else None


def is_netcdf(path: Path) -> bool:
    """Whether it is a NetCDF file of its full length; nothing but the header is read."""
    kind = sniff_netcdf(path)
    if kind != "netcdf4":
        return kind == "classic" and is_complete(path)
    import h5py

    try:
        h5py.File(path, "r").close()
    except (OSError, RuntimeError):
        return False
    return True


def open_dataset(path: Path, *, max_values: int | None = None) -> xr.Dataset:
    """Open a local NetCDF file, decoded, read only when asked for; the caller closes it.

    NetCDF-4 goes through h5netcdf, classic files through netCDF4. Attributes that do not fit their
    variable (a NaN _FillValue on integers) are dropped; times that cannot be decoded stay numbers.
    ``max_values`` caps the values of one variable. Raises InvalidRequest for what is not NetCDF,
    too large, or reaches into other files (HDF5 links, external storage).
    """
    kind = sniff_netcdf(path) if path.is_file() else None
    if kind is None:
        raise InvalidRequest("not a NetCDF file (classic or NetCDF-4)")
    if kind == "netcdf4":
        _check_hdf5(path)
    elif not is_complete(path):
        raise InvalidRequest(DAMAGED)
    engine: Literal["netcdf4", "h5netcdf"] = "netcdf4" if kind == "classic" else "h5netcdf"
    try:
        raw = xr.open_dataset(
            path.absolute(), engine=engine, decode_cf=False, cache=False, create_default_indexes=False
        )
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise InvalidRequest(DAMAGED) from error
    try:
        _check_sizes(raw, max_values)
        _check_coordinates(raw)
        decoded = _decode(_repaired(raw))
    except BaseException:
        raw.close()
        raise
    decoded.set_close(raw.close)
    return decoded


def _check_hdf5(path: Path) -> None:
    """Refuse an HDF5 file that names other files, or holds chunks that explode."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            for item in _hdf5_objects(file):
                if isinstance(item, h5py.Dataset):
                    _check_hdf5_dataset(item)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise InvalidRequest(DAMAGED) from error


def _hdf5_objects(file: Any) -> Iterator[Any]:
    """Each object of an HDF5 file once, opened from the group that holds it: by its path would cost its depth.

    Raises InvalidRequest for a link to another file, and for groups too deep or objects too many.
    """
    import h5py

    seen = {h5py.h5o.get_info(file.id).addr}
    waiting, links = [(file, 1)], 0
    while waiting:
        group, depth = waiting.pop()
        links += len(group)
        if links > MAX_OBJECTS:
            raise InvalidRequest(f"the NetCDF file holds more than {MAX_OBJECTS} groups and variables")
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise InvalidRequest("the NetCDF file links to another file")
            if not isinstance(link, h5py.HardLink):
                continue  # a soft one leads to what is seen anyway, or nowhere
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            yield item
            if isinstance(item, h5py.Group):
                if depth == MAX_GROUPS_DEEP:
                    raise InvalidRequest(f"the NetCDF file has groups more than {MAX_GROUPS_DEEP} deep")
                waiting.append((item, depth + 1))


def _check_hdf5_dataset(item: Any) -> None:
    if item.external or item.is_virtual:
        raise InvalidRequest("the NetCDF file keeps values in another file")
    if math.prod(item.chunks or ()) * item.dtype.itemsize > MAX_BLOCK_BYTES:
        raise InvalidRequest(f"the NetCDF file holds chunks above {MAX_BLOCK_BYTES} bytes")


def _check_sizes(dataset: xr.Dataset, max_values: int | None) -> None:
    if len(dataset.variables) > MAX_VARIABLES:
        raise InvalidRequest(f"the NetCDF file has more than {MAX_VARIABLES} variables")
    for name, variable in dataset.variables.items():
        if max_values is not None and variable.size > max_values:
            raise InvalidRequest(
                f"variable '{name}' has {variable.size} values; at most {max_values} are read"
            )


def _check_coordinates(dataset: xr.Dataset) -> None:
    """Refuse coordinates that cost too much memory; a header of some bytes may declare any number of them."""
    named = (variable for name, variable in dataset.variables.items() if name in variable.dims)
    size = sum(variable.nbytes for variable in named)
    if size > MAX_COORDINATE_BYTES:
        raise InvalidRequest(
            f"the coordinates of the NetCDF file have {size} bytes; at most {MAX_COORDINATE_BYTES} are read"
        )


def _repaired(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset without fill values that its variables cannot hold."""
    for variable in dataset.variables.values():
        for key in ("_FillValue", "missing_value"):
            if key in variable.attrs and not _possible_fill(variable.attrs[key], variable.dtype):
                del variable.attrs[key]
    return dataset


def _possible_fill(value: Any, dtype: np.dtype[Any]) -> bool:
    if dtype.kind not in "iuf":
        return dtype.kind in "SUO"
    numbers = np.atleast_1d(np.asarray(value))
    if numbers.size != 1 or numbers.dtype.kind not in "iuf":
        return False
    number = numbers[0]
    if dtype.kind == "f":
        return True
    limits = np.iinfo(dtype)
    return bool(np.isfinite(number) and number == int(number) and limits.min <= int(number) <= limits.max)


def _decode(dataset: xr.Dataset) -> xr.Dataset:
    """Decoded by CF as far as the file allows; xarray's remarks on odd attributes are not ours to pass on."""
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return xr.decode_cf(dataset, decode_timedelta=False)
        except (ValueError, OverflowError, TypeError):
            return xr.decode_cf(dataset, decode_times=False)
