"""One band of a map service's GeoTIFF by itself: as a GeoTIFF, as NetCDF, or as numbers. By windows, memory flat."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

from dragoman.errors import InvalidRequest
from dragoman.rasters.grids import Grid
from dragoman.rasters.netcdf_layers import CHUNK, NetcdfWriter
from dragoman.rasters.opening import gdal_env, open_raster
from dragoman.rasters.raster_layers import layers_of
from dragoman.rasters.windows import windows_of
from dragoman.rasters.writing import create_geotiff, geotiff_profile

if TYPE_CHECKING:
    from collections.abc import Iterator


def holds_only(path: str) -> bool:
    """Whether the file is nothing but one band."""
    with gdal_env(), open_raster(Path(path)) as dataset:
        return bool(dataset.count == 1)


def copy_step(path: str, band: int, target: Path) -> None:
    """Write one band (from 1) as a GeoTIFF of its own, whose missing cells are told by a nodata value."""
    with gdal_env(), open_raster(Path(path)) as source:
        layers = layers_of(source)
        grid = Grid(
            crs=CRS.from_wkt(layers.grid.crs_wkt),
            transform=Affine(*layers.grid.transform),
            width=source.width,
            height=source.height,
        )
        with create_geotiff(target, geotiff_profile(grid, dtype=layers.dtype, nodata=layers.nodata)) as copy:
            for window in windows_of(source.width, source.height):
                copy.write(layers.read(source, band, window).values, 1, window=window)


def write_step_as_netcdf(path: str, band: int, target: Path, name: str) -> None:
    """Write one band (from 1) as the variable ``name`` of a NetCDF file with CF coordinates."""
    with gdal_env(), open_raster(Path(path)) as source:
        layers = layers_of(source)
        with NetcdfWriter(target, layers.grid, [name], dtype=layers.dtype, nodata=layers.nodata) as copy:
            for window in windows_of(source.width, source.height, size=4 * CHUNK):
                corner = int(window.row_off), int(window.col_off)
                copy.write(1, layers.read(source, band, window).values, corner)


def numbers_of(path: str, band: int, most: int) -> Iterator[list[Any]]:
    """The rows of one band (from 1) as numbers, None where a cell is missing; raises InvalidRequest beyond ``most``."""
    with gdal_env(), open_raster(Path(path)) as source:
        cells = source.width * source.height
        if cells > most:
            raise InvalidRequest(f"the step has {cells} cells; at most {most} are read as an array in JSON")
        layers = layers_of(source)
        block = layers.read(source, band, Window(0, 0, source.width, source.height))
    missing = False if block.valid is None else ~block.valid
    yield from np.ma.masked_array(block.values, missing).tolist()
