"""Writing results: GeoTIFF in compressed tiles, NetCDF by the CF conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
from affine import Affine

from dragoman.rasters.nodata import create_with_long_nodata, is_long

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import xarray as xr

    from dragoman.rasters.grids import Grid
    from dragoman.rasters.nodata import Nodata
    from dragoman.rasters.raster import Raster

TILE = 512
"""Pixels along a side of an output's tile."""
NO_ALPHA: Final[Mapping[str, str]] = {"alpha": "NO"}
"""Creation option of bands that are numbers each: of four bands of bytes, GDAL takes the last for a mask otherwise."""
NO_COLORS: Final[Mapping[str, str]] = {**NO_ALPHA, "photometric": "MINISBLACK"}
"""The same, and the first three are not taken for red, green and blue."""


def geotiff_profile(grid: Grid, *, dtype: str, count: int = 1, nodata: Nodata = None) -> dict[str, Any]:
    """Creation options of a result: 512 tiles, ZSTD level 1, a predictor for the type, BigTIFF if needed."""
    return {
        "driver": "GTiff",
        "width": grid.width,
        "height": grid.height,
        "count": count,
        "dtype": dtype,
        "crs": grid.crs,
        **({} if grid.transform == Affine.identity() else {"transform": grid.transform}),
        "nodata": nodata,
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "interleave": "band",
        "compress": "zstd",
        "zstd_level": 1,
        "predictor": predictor(dtype),
        "bigtiff": "IF_SAFER",
        "num_threads": 2,
    }


def predictor(dtype: str) -> int:
    """TIFF's predictor for a type: 3 for float32 and float64 (GDAL has it for no other), 2 for what is
    stored as whole numbers or as float16, 1 (none) for complex numbers.
    """
    if np.dtype(dtype).kind == "c":
        return 1
    return 3 if dtype in ("float32", "float64") else 2


def create_geotiff(path: Path, profile: dict[str, Any]) -> Any:
    """Open a new GeoTIFF for writing, with its mask inside the file; the caller closes it.

    The nodata value keeps all its digits.
    """
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        if is_long(profile["nodata"]):
            return create_with_long_nodata(path, profile)
        return rasterio.open(path, "w", **profile)


def write_raster(path: Path, raster: Raster) -> None:
    """Write a raster held in memory as GeoTIFF.

    Masked values become the nodata value; where there is none and something is masked, the file
    gets a mask, which marks a pixel missing if it is so in any band.
    """
    from dragoman.rasters.grids import Grid

    grid = Grid(crs=raster.crs, transform=raster.transform, width=raster.width, height=raster.height)
    profile = geotiff_profile(grid, dtype=raster.dtype.name, count=raster.count, nodata=raster.nodata)
    mask = np.ma.getmaskarray(raster.array)
    masked_file = raster.nodata is None and bool(mask.any())
    fill = 0 if raster.nodata is None else raster.nodata
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), create_geotiff(path, profile) as target:
        target.write(raster.array.filled(fill))
        if masked_file:
            target.write_mask(~mask.any(axis=0))
        for number, name in enumerate(raster.band_names, start=1):
            if name:
                target.set_band_description(number, name)


WRITABLE_UNITS = frozenset({"days", "hours", "minutes", "seconds"})
"""Units of time that datetimes read in them can always be written in again."""


def write_netcdf(path: Path, dataset: xr.Dataset) -> None:
    """Write a dataset as CF NetCDF-4, compressed, through h5netcdf.

    Floats get _FillValue NaN unless their encoding has one; coordinates get none, as CF wants it, but for times of
    which some are missing. Times keep their units, where they can be written in them.
    """
    result = _with_empty_times(dataset).assign_attrs({"Conventions": "CF-1.8", **dataset.attrs})
    encoding = {str(name): _encoding(result, name) for name in result.variables}
    for variable in result.variables.values():
        for key in ("source", "original_shape", "preferred_chunks", "contiguous", "chunksizes"):
            variable.encoding.pop(key, None)
    result.to_netcdf(path, engine="h5netcdf", format="NETCDF4", encoding=encoding)


def _with_empty_times(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with times that are all missing as the numbers they are stored as; xarray cannot encode them."""
    empty = {}
    for name, variable in dataset.variables.items():
        if variable.dtype.kind == "M" and variable.size and bool(variable.isnull().all()):
            known = {key: variable.encoding[key] for key in ("units", "calendar") if key in variable.encoding}
            empty[name] = (variable.dims, np.full(variable.shape, np.nan), {**variable.attrs, **known})
    kept = [name for name in empty if name in dataset.coords]
    return dataset.assign(empty).set_coords(kept) if empty else dataset


def _encoding(dataset: xr.Dataset, name: Any) -> dict[str, Any]:
    """How a variable is stored; it replaces all that the variable's own encoding says."""
    variable = dataset.variables[name]
    options: dict[str, Any] = {}
    if variable.dtype.kind in "iuf" and variable.ndim:
        options |= {"zlib": True, "complevel": 1, "shuffle": True}
    if variable.dtype.kind in "mMO" and "units" in variable.encoding:
        options |= _time_encoding(variable)
    if name in dataset.coords:
        options.setdefault("_FillValue", None)
    elif variable.dtype.kind == "f" and "_FillValue" not in variable.encoding:
        options["_FillValue"] = float("nan")
    return options


def _time_encoding(variable: xr.Variable) -> dict[str, Any]:
    """Units and calendar of times: their own; days where nobody writes in them, as months of unequal length."""
    import xarray as xr

    known = {key: variable.encoding[key] for key in ("units", "calendar") if key in variable.encoding}
    if bool(variable.isnull().any()):
        known |= {"dtype": np.dtype(np.float64), "_FillValue": float("nan")}
    units = str(known["units"])
    unit, _, since = units.partition(" since ")
    if variable.dtype.kind == "M" and unit.strip().lower() in WRITABLE_UNITS:
        return known
    for choice in (units, f"days since {since}") if since else (units,):
        options = {**known, "units": choice}
        alone = xr.Variable(variable.dims, variable.values, {}, options)
        try:
            xr.conventions.encode_cf_variable(alone)
        except (KeyError, ValueError, OverflowError, TypeError, AttributeError):
            continue
        return options
    return {key: value for key, value in known.items() if key != "units"}
