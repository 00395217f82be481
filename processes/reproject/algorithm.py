"""Bring a raster into another CRS, resolution or extent, by windows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform, transform_bounds
from rasterio.windows import Window

import dragoman
from dragoman.errors import InvalidRequest
from dragoman.rasters.crs import CRS84, crs_label, northing_first, parse_crs
from dragoman.rasters.grids import Bounds, Grid, overlapping, source_nodata
from dragoman.rasters.opening import reopen
from dragoman.rasters.windows import WindowWriter, each_window, windows_of
from dragoman.rasters.writing import create_geotiff, geotiff_profile

MAX_PIXELS = 4_000_000_000
"""Of the result, bands included, unless the configuration says otherwise."""


def run(
    raster: rasterio.DatasetReader,
    crs: str,
    resolution: float | None = None,
    bbox: dict[str, Any] | None = None,
    resampling: str = "nearest",
    *,
    context: dragoman.Context,
) -> dict[str, Any]:
    """All bands on the new grid, of their type; missing pixels by nodata, NaN or the file's mask."""
    if not raster.crs:
        raise dragoman.InputError("raster", "has no CRS, so that it cannot be brought into another")
    grid = target_grid(raster, target_crs(crs), resolution, bbox)
    check_grid(raster, grid, int(context.config.get("max_pixels", MAX_PIXELS)))
    bands = data_bands(raster)
    nodata = source_nodata(raster)
    masked = nodata is None
    options = {
        "crs": grid.crs,
        "transform": grid.transform,
        "width": grid.width,
        "height": grid.height,
        "resampling": Resampling[resampling],
        **({"add_alpha": True} if masked and len(bands) == raster.count else {}),
        **({} if masked else {"src_nodata": nodata, "nodata": nodata}),
    }

    @contextmanager
    def handles() -> Iterator[Any]:
        with reopen(raster) as own, WarpedVRT(own, **options) as warped:
            yield warped

    path = Path(context.scratch) / "raster.tif"
    profile = geotiff_profile(grid, dtype=raster.dtypes[0], count=len(bands), nodata=nodata)
    with create_geotiff(path, profile) as target:
        describe(raster, target, bands)
        writer = WindowWriter(target)

        def work(warped: Any, window: Window) -> None:
            writer.write(warped.read(bands, window=window), window)
            if masked:
                writer.write_mask(warped.dataset_mask(window=window) > 0, window)

        size = int(context.config.get("window", 2048))
        size = max(512, size // math.isqrt(len(bands)) // 512 * 512) if size > 512 else size
        each_window(windows_of(grid.width, grid.height, size=size), handles, work, progress=context.progress)
    return {"raster": path}
