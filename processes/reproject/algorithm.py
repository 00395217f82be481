"""Bring a raster into another CRS, resolution or extent, by windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform, transform_bounds
from rasterio.windows import Window

import dragoman
from dragoman.errors import InvalidRequest
from dragoman.rasters.crs import CRS84, TRANSFORM_ERRORS, crs_label, northing_first, parse_crs
from dragoman.rasters.grids import Bounds, Grid, overlapping, source_nodata
from dragoman.rasters.opening import reopen
from dragoman.rasters.windows import WINDOW, WindowWriter, each_window, windows_of
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
    bands, nodata = data_bands(raster), source_nodata(raster)
    path = Path(context.scratch) / "raster.tif"
    dtype = np.result_type(*raster.dtypes).name
    profile = geotiff_profile(grid, dtype=dtype, count=len(bands), nodata=nodata)
    with create_geotiff(path, profile) as target:
        describe(raster, target, bands)
        writer = WindowWriter(target)

        def work(warped: Any, window: Window) -> None:
            writer.write(warped.read(bands, window=window), window)
            if nodata is None:
                writer.write_mask(warped.dataset_mask(window=window) > 0, window)

        windows = windows_of(grid.width, grid.height, size=window_size(len(bands), context))
        each_window(windows, handles(raster, grid, resampling), work, progress=context.progress)
    return {"raster": path}


def handles(
    raster: rasterio.DatasetReader, grid: Grid, resampling: str
) -> Callable[[], AbstractContextManager[Any]]:
    """What gives a thread its own handle: the raster, warped as it is read."""
    nodata = source_nodata(raster)
    options: dict[str, Any] = {
        "crs": grid.crs,
        "transform": grid.transform,
        "width": grid.width,
        "height": grid.height,
        "resampling": Resampling[resampling],
    }
    if nodata is not None:
        options |= {"src_nodata": nodata, "nodata": nodata}
    elif len(data_bands(raster)) == raster.count:
        options["add_alpha"] = True

    @contextmanager
    def opened() -> Iterator[Any]:
        with reopen(raster) as own, WarpedVRT(own, **options) as warped:
            yield warped

    return opened


def window_size(bands: int, context: dragoman.Context) -> int:
    """Pixels along a side of a window: the more bands, the smaller."""
    size = int(context.config.get("window", WINDOW))
    return max(512, size // math.isqrt(bands) // 512 * 512) if size > 512 else size


def target_crs(text: str) -> CRS:
    """The CRS that the client names."""
    try:
        return parse_crs(text)
    except InvalidRequest as error:
        raise dragoman.InputError("crs", error.detail) from error


def target_grid(
    raster: rasterio.DatasetReader, crs: CRS, resolution: float | None, bbox: dict[str, Any] | None
) -> Grid:
    """North up; over ``bbox`` or the whole raster; of ``resolution`` or about the raster's own."""
    if resolution is None or bbox is None:
        bounds, steps = natural_bounds(raster, crs)
    if resolution is not None:
        steps = (resolution, resolution)
    if bbox is not None:
        bounds = bbox_bounds(bbox, crs)
    left, bottom, right, top = bounds
    width, height = ((right - left) / steps[0], (top - bottom) / steps[1])
    if not (math.isfinite(width) and math.isfinite(height) and max(width, height) < 2**31):
        raise dragoman.InputError("resolution", f"{resolution} makes a raster too large to write")
    return Grid(
        crs=crs,
        transform=Affine(steps[0], 0, left, 0, -steps[1], top),
        width=max(1, math.ceil(width - 1e-6)),
        height=max(1, math.ceil(height - 1e-6)),
    )


def natural_bounds(raster: rasterio.DatasetReader, crs: CRS) -> tuple[Bounds, tuple[float, float]]:
    """The raster's bounds in ``crs``, and the pixel size there that keeps its detail."""
    source = Grid.of(raster)
    upright = source.transform.b == 0 and source.transform.d == 0
    if source.crs == crs and upright:
        return source.bounds, (abs(source.transform.a), abs(source.transform.e))
    try:
        transform, width, height = calculate_default_transform(
            source.crs, crs, source.width, source.height, *source.bounds
        )
    except TRANSFORM_ERRORS as error:
        where = f"from {crs_label(source.crs)} to {crs_label(crs)}"
        raise dragoman.InputError("crs", f"the raster cannot be transformed {where}") from error
    left, top, step = transform.c, transform.f, transform.a
    return (left, top - height * step, left + width * step, top), (step, step)


def bbox_bounds(bbox: dict[str, Any], crs: CRS) -> Bounds:
    """The box in ``crs``; its corners come in the axis order of its own CRS (default CRS84)."""
    corners = [float(corner) for corner in bbox["bbox"]]
    name = bbox.get("crs") or CRS84
    half = len(corners) // 2
    box = [*corners[:2], *corners[half : half + 2]]
    try:
        own = parse_crs(name)
        if northing_first(name):
            box = [box[1], box[0], box[3], box[2]]
        left, bottom, right, top = box if own == crs else transform_bounds(own, crs, *box, densify_pts=21)
    except InvalidRequest as error:
        raise dragoman.InputError("bbox", error.detail) from error
    except TRANSFORM_ERRORS as error:
        raise dragoman.InputError("bbox", f"cannot be transformed to {crs_label(crs)}") from error
    if crs.is_geographic and left > right:
        right += 360.0
    if not all(map(math.isfinite, (left, bottom, right, top))) or left >= right or bottom >= top:
        raise dragoman.InputError("bbox", f"has no area in {crs_label(crs)}")
    return (left, bottom, right, top)


def check_grid(raster: rasterio.DatasetReader, grid: Grid, limit: int) -> None:
    """Raise InputError for a result that is too large, or that holds nothing of the raster."""
    if not overlapping(Grid.of(raster), grid):
        raise dragoman.InputError("bbox", "does not overlap the raster")
    pixels = grid.width * grid.height * raster.count
    if pixels > limit:
        raise dragoman.InputError(
            "resolution",
            f"makes {grid.width} x {grid.height} pixels in {raster.count} bands; at most {limit} are written",
        )


def data_bands(raster: rasterio.DatasetReader) -> list[int]:
    """The numbers of the bands that are not alpha."""
    numbers = [n for n, meaning in enumerate(raster.colorinterp, start=1) if meaning != ColorInterp.alpha]
    return numbers or list(range(1, raster.count + 1))


def describe(raster: rasterio.DatasetReader, target: Any, bands: list[int]) -> None:
    """Hand on what is known of the bands: names, units, scale and offset, colours."""
    target.colorinterp = [raster.colorinterp[number - 1] for number in bands]
    target.scales = [raster.scales[number - 1] for number in bands]
    target.offsets = [raster.offsets[number - 1] for number in bands]
    for place, number in enumerate(bands, start=1):
        if raster.descriptions[number - 1]:
            target.set_band_description(place, raster.descriptions[number - 1])
        if raster.units[number - 1]:
            target.set_band_unit(place, raster.units[number - 1])
        if raster.colorinterp[number - 1] == ColorInterp.palette:
            target.write_colormap(place, raster.colormap(number))
