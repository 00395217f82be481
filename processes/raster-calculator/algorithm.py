"""Map algebra by windows: an expression over the bands of rasters that share a grid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numexpr
import rasterio
from rasterio.crs import CRS
from rasterio.windows import Window

import dragoman
from dragoman.rasters.grids import Grid
from dragoman.rasters.map_algebra import fault
from dragoman.rasters.map_algebra_program import Program, compile_expression
from dragoman.rasters.opening import placed_by_points, reopen
from dragoman.rasters.windows import (
    THREADS,
    WINDOW,
    WindowWriter,
    each_window,
    is_striped,
    read_float,
    windows_of,
)
from dragoman.rasters.writing import create_geotiff, geotiff_profile

WINDOW_VALUES = 1 << 23
"""Values that a thread holds at once, all bands together."""


def run(
    rasters: list[rasterio.DatasetReader], expression: str, *, context: dragoman.Context
) -> dict[str, Any]:
    """Calculate on the common grid of all rasters, window by window."""
    program = compile_expression(expression, coarse_bands(rasters))
    check_rasters(rasters, program)
    numexpr.set_num_threads(THREADS)
    grid = Grid.of(rasters[0])
    used = sorted({raster for raster, _ in program.bands})

    @contextmanager
    def handles() -> Iterator[dict[int, Any]]:
        with ExitStack() as stack:
            yield {raster: stack.enter_context(reopen(rasters[raster - 1])) for raster in used}

    limit = math.isqrt(WINDOW_VALUES // len(program.bands)) // 512 * 512
    size = int(context.config.get("window", max(512, min(WINDOW, limit))))
    striped = all(is_striped(rasters[raster - 1]) for raster in used)
    path = Path(context.scratch) / "result.tif"
    with create_geotiff(path, geotiff_profile(grid, dtype="float32", nodata=float("nan"))) as target:
        place(rasters[0], target)
        writer = WindowWriter(target)

        def work(sources: dict[int, Any], window: Window) -> None:
            arrays = [
                read_float(sources[raster], band, window, decimal=True) for raster, band in program.bands
            ]
            writer.write(program(arrays), window, band=1)

        windows = windows_of(grid.width, grid.height, size=size, striped=striped)
        each_window(windows, handles, work, progress=context.progress, writer=writer)
    return {"result": path}


def place(raster: rasterio.DatasetReader, target: Any) -> None:
    """Hand on the points or RPCs of a raster that lies on no grid."""
    if placed_by_points(raster) is None:
        return
    points, crs = raster.gcps
    if points:
        target.gcps = (points, crs or CRS())  # points of a plane that nobody names, too
    if raster.rpcs:
        target.rpcs = raster.rpcs


def coarse_bands(rasters: list[rasterio.DatasetReader]) -> dict[str, str]:
    """By term: the type of each band that is stored as float32 or float16, and not scaled."""
    return {
        f"r{number}_{band}": dtype
        for number, raster in enumerate(rasters, start=1)
        for band, dtype in enumerate(raster.dtypes, start=1)
        if dtype in ("float16", "float32")
        and (raster.scales[band - 1], raster.offsets[band - 1]) == (1.0, 0.0)
    }


def check_rasters(rasters: list[rasterio.DatasetReader], program: Program) -> None:
    """Raise InputError unless all rasters share one grid and have the bands that are named."""
    for raster, band in program.bands:
        if raster > len(rasters):
            raise fault(f"names r{raster}, but there are {len(rasters)} rasters")
        if band > rasters[raster - 1].count:
            raise fault(f"names r{raster}[{band}], but r{raster} has {rasters[raster - 1].count} bands")
    first = Grid.of(rasters[0])
    points = [placed_by_points(raster) for raster in rasters]
    for number, own in enumerate(points, start=1):
        if own != points[0]:
            kind = (own or points[0] or ("",))[0]
            raise dragoman.InputError(
                "rasters",
                f"r{number} and r1 differ in their {kind}: they lie on no common grid; warp them onto one first",
            )
    differences = [
        f"r{number} differs from r1 in {', '.join(first.differences(Grid.of(raster)))}"
        for number, raster in enumerate(rasters[1:], start=2)
        if not first.same_as(Grid.of(raster))
    ]
    if differences:
        raise dragoman.InputError("rasters", f"are not on one grid: {'; '.join(differences)}")
