"""NDVI by windows: flat memory, and a near-infrared band that may lie on another grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.windows import Window

import dragoman
from dragoman.errors import InvalidRequest
from dragoman.rasters.crs import crs_label
from dragoman.rasters.grids import Grid
from dragoman.rasters.opening import check_band, placed_by_points, reopen
from dragoman.rasters.overlaps import meeting
from dragoman.rasters.statistics import Statistics, merged
from dragoman.rasters.warp_regions import Regions, surveyed
from dragoman.rasters.warping import on_grid
from dragoman.rasters.windows import WINDOW, WindowWriter, each_window, is_striped, read_float, windows_of
from dragoman.rasters.writing import create_geotiff, geotiff_profile


def run(
    red: rasterio.DatasetReader,
    nir: rasterio.DatasetReader,
    red_band: int = 1,
    nir_band: int = 1,
    *,
    context: dragoman.Context,
) -> dict[str, Any]:
    """(nir - red) / (nir + red) on the grid of ``red``, float32, NaN where either has no data."""
    check_band("red", red, red_band)
    check_band("nir", nir, nir_band)
    grid = Grid.of(red)
    check_points(red, nir)
    regions = check_ground(nir, grid)

    size = int(context.config.get("window", WINDOW))
    windows = windows_of(grid.width, grid.height, size=size, striped=is_striped(red) and is_striped(nir))
    path = Path(context.scratch) / "ndvi.tif"
    with create_geotiff(path, geotiff_profile(grid, dtype="float32", nodata=float("nan"))) as target:
        target.set_band_description(1, "NDVI")
        writer = WindowWriter(target)

        def work(sources: tuple[Any, Any], window: Window) -> Statistics:
            index = ndvi(read_float(sources[0], red_band, window), read_float(sources[1], nir_band, window))
            writer.write(index, window, band=1)
            return Statistics.of(index)

        parts = each_window(
            windows, lambda: handles(red, nir, regions), work, progress=context.progress, writer=writer
        )
    return {"ndvi": path, "statistics": merged(parts).to_json()}


@contextmanager
def handles(
    red: rasterio.DatasetReader, nir: rasterio.DatasetReader, regions: Regions | None
) -> Iterator[tuple[Any, Any]]:
    """Handles for one thread: red, and nir on its grid."""
    with reopen(red) as own, reopen(nir) as other, on_grid(other, Grid.of(own), regions=regions) as warped:
        yield own, warped


def ndvi(red: Any, nir: Any) -> Any:
    """The index of two float arrays, as float32; NaN where one is NaN or the sum is zero. Uses ``nir`` up."""
    total = red + nir
    total[total == 0] = np.nan
    np.subtract(nir, red, out=nir)
    np.divide(nir, total, out=nir)
    return nir.astype(np.float32, copy=False)


def check_ground(nir: rasterio.DatasetReader, grid: Grid) -> Regions | None:
    """How ``nir`` is brought onto the grid of red; None if it lies there. Raises InputError where it cannot be."""
    source = Grid.of(nir)
    if source.same_as(grid):
        return None
    try:
        regions = surveyed(source, grid, "bilinear")
        with on_grid(nir, grid, regions=regions):
            pass
    except InvalidRequest as error:
        differences = "; ".join(grid.differences(source))
        raise dragoman.InputError("nir", f"{error.detail} (it differs from red: {differences})") from error
    if not meeting(source, grid):
        grounds = f"{_ground(source)} against {_ground(grid)}"
        raise dragoman.InputError("nir", f"does not overlap red ({grounds})")
    return regions


def check_points(red: rasterio.DatasetReader, nir: rasterio.DatasetReader) -> None:
    """Raise InputError where one of both is placed by points, and the other not by the same."""
    points = placed_by_points(red), placed_by_points(nir)
    if points[0] != points[1]:
        kind = (points[1] or points[0] or ("",))[0]
        raise dragoman.InputError("nir", f"differs from red in its {kind}: warp both onto a grid first")


def _ground(grid: Grid) -> str:
    left, bottom, right, top = grid.bounds
    return f"{crs_label(grid.crs)}: {left:.6g}, {bottom:.6g}, {right:.6g}, {top:.6g}"
