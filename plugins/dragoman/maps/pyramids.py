"""GeoTIFFs with overviews: what is drawn of a service, since NetCDF has none."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling

from dragoman.rasters.grids import Grid
from dragoman.rasters.opening import gdal_env
from dragoman.rasters.writing import NO_COLORS, create_geotiff, geotiff_profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from dragoman.model.map_service import MapGrid
    from dragoman.model.renderer import Renderer
    from dragoman.rasters.nodata import Nodata

SMALLEST: Final = 256
"""Cells along the longer side of the smallest overview, at most."""
TILES: Final = (128, 1024)
"""Cells along a side of the tiles of a file that is drawn from as it is, least and most."""

BLOCK_CACHE: Final = 64 * 2**20
"""Bytes of blocks that GDAL keeps while a service is made: each is read once, and more is no faster."""

REAL_VALUES: Final = ("NEAREST", "MODE")
"""What GDAL's tag RESAMPLING says of overviews in which each value is one of the cells'."""


def tiled(dataset: Any) -> bool:
    """Whether an open raster is a GeoTIFF in tiles that can be drawn from."""
    sides = {side for shape in dataset.block_shapes for side in shape}
    fits = all(TILES[0] <= side <= TILES[1] for side in sides)
    return bool(dataset.driver == "GTiff" and (fits or max(dataset.width, dataset.height) <= TILES[1]))


def has_pyramid(dataset: Any) -> bool:
    """Whether an open raster is fit to be drawn from directly."""
    small = max(dataset.width, dataset.height) <= TILES[1]
    return tiled(dataset) and (small or all(dataset.overviews(band) for band in dataset.indexes))


def has_mixed_overviews(dataset: Any, renderers: Iterable[Renderer]) -> bool:
    """Whether an overview says that it has means, or the like, of cells whose values are kinds of things.

    Those are whole numbers, and what is drawn by classes or by single values: between 1 and 3 there is no 2.
    """
    whole = any(np.dtype(dtype).kind in "iu" for dtype in dataset.dtypes)
    if not whole and all(renderer.kind == "stretched" for renderer in renderers):
        return False
    levels = range(min(len(dataset.overviews(band)) for band in dataset.indexes))
    return any(_is_mixed(dataset.name, level) for level in levels)


def _is_mixed(path: str, level: int) -> bool:
    with gdal_env(), rasterio.open(path, driver="GTiff", sharing=False, overview_level=level) as overview:
        told = {overview.tags(band).get("RESAMPLING", "NEAREST").upper() for band in overview.indexes}
    return not told <= set(REAL_VALUES)


def copy_file(source: Path, target: Path) -> None:
    """A copy of a GeoTIFF, byte by byte."""
    shutil.copyfile(source, target)


def new_pyramid(path: Path, grid: MapGrid, *, dtype: str, count: int, nodata: Nodata) -> Any:
    """A new GeoTIFF without cells, open for writing; the caller closes it, and calls ``add_overviews``."""
    place = Grid(
        crs=CRS.from_wkt(grid.crs_wkt),
        transform=Affine(*grid.transform),
        width=grid.width,
        height=grid.height,
    )
    profile = geotiff_profile(place, dtype=dtype, count=count, nodata=nodata)
    return create_geotiff(path, {**profile, **NO_COLORS})


def add_overviews(path: Path) -> None:
    """Add overviews to a GeoTIFF, inside it, of nearest neighbours: no value is one that the data do not have."""
    threads = rasterio.Env(GDAL_NUM_THREADS="2")
    with gdal_env(BLOCK_CACHE), threads, rasterio.open(path, "r+", driver="GTiff") as dataset:
        factors = overview_factors(dataset.width, dataset.height)
        if factors and not all(dataset.overviews(band) for band in dataset.indexes):
            dataset.build_overviews(factors, Resampling.nearest)


def overview_factors(width: int, height: int) -> Sequence[int]:
    """2, 4, 8, ... until the overview is small enough."""
    factors, factor = [], 1
    while max(width, height) > SMALLEST * factor:
        factor *= 2
        factors.append(factor)
    return factors
