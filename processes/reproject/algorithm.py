"""Bring a raster into another CRS, resolution or extent, by windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.warp import transform_bounds
from rasterio.windows import Window

import dragoman
from dragoman.errors import InvalidRequest
from dragoman.rasters.crs import CRS84, TRANSFORM_ERRORS, crs_label, northing_first, parse_crs
from dragoman.rasters.extents import natural_extent
from dragoman.rasters.grids import Bounds, Grid, missing_options, source_nodata
from dragoman.rasters.nodata import Nodata, nodata_of
from dragoman.rasters.opening import open_raster, reopen
from dragoman.rasters.overlaps import meeting, moved, turns
from dragoman.rasters.raster import fits
from dragoman.rasters.transformation import period_of, turn_of
from dragoman.rasters.unwarped import (
    as_integers,
    check_warped,
    needs_doubles,
    pixel_offset,
    read_pixels,
    write_doubles,
)
from dragoman.rasters.warp_regions import KERNELS, Regions, surveyed
from dragoman.rasters.warping import moves, warped
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
    grid = target_grid(raster, target_crs(crs), resolution, bbox, context)
    limit = int(context.config.get("max_pixels", MAX_PIXELS))
    check_grid(raster, grid, limit, resolution, bbox)
    bands, dtype = data_bands(raster), np.result_type(*raster.dtypes)
    nodata = result_nodata(raster, dtype)
    path = Path(context.scratch) / "raster.tif"
    profile = geotiff_profile(grid, dtype=dtype.name, count=len(bands), nodata=nodata)
    with ExitStack() as stack, create_geotiff(path, profile) as target:
        describe(raster, target, bands)
        writer = WindowWriter(target)
        windows = windows_of(grid.width, grid.height, size=window_size(len(bands), context))
        offset = unwarped_offset(raster, grid, resampling)

        def copy(own: Any, window: Window) -> None:
            values, valid = read_pixels(own, bands, offset, window, nodata)
            writer.write(values, window, valid=valid if nodata is None else None)

        if offset is not None:
            each_window(windows, lambda: reopen(raster), copy, progress=context.progress, writer=writer)
            return {"raster": path}
        source, missing = raster, nodata
        if needs_doubles(raster):
            source, missing = doubles_of(raster, context, stack), math.nan

        def work(views: list[Any], window: Window) -> None:
            values, valid = common_view(views, bands, missing, window)
            if source is not raster:
                values = as_integers(values, dtype, nodata)
            check_warped(raster, values)
            writer.write(values, window, valid=valid if nodata is None else None)

        each_window(
            windows, handles(source, grid, resampling), work, progress=context.progress, writer=writer
        )
    return {"raster": path}


def result_nodata(raster: rasterio.DatasetReader, dtype: np.dtype[Any]) -> Nodata:
    """The nodata value of the result: the raster's, with all its digits; NaN in floats that have none."""
    exact = nodata_of(raster) if dtype.kind in "iu" else None
    return exact if exact is not None and fits(exact, dtype) else source_nodata(raster)


def unwarped_offset(raster: rasterio.DatasetReader, grid: Grid, resampling: str) -> tuple[int, int] | None:
    """Where the grid begins in the raster if its pixels are the raster's own, so that no warp is needed.

    rms needs one: it takes the sign away.
    """
    source = Grid.of(raster)
    return pixel_offset(source, grid) if resampling != "rms" and turns(source, grid) == [0.0] else None


def doubles_of(raster: rasterio.DatasetReader, context: dragoman.Context, stack: ExitStack) -> Any:
    """The raster as float64 with nodata NaN, in the scratch folder."""
    path = Path(context.scratch) / "doubles.tif"
    write_doubles(raster, Grid.of(raster), path)
    return stack.enter_context(open_raster(path, input_id="raster"))


def common_view(views: list[Any], bands: list[int], nodata: float | None, window: Window) -> tuple[Any, Any]:
    """The bands of a window, (bands, rows, cols), and where they are valid: of the first view that is.

    A single view with nodata tells by that what is valid: None.
    """
    if len(views) == 1 and nodata is not None:
        return views[0].read(bands, window=window), None
    values, valid = one_view(views[0], bands, nodata, window)
    for view in views[1:]:
        more, here = one_view(view, bands, nodata, window)
        values = np.where(valid, values, more)
        valid = valid | here
    return values, valid


def one_view(view: Any, bands: list[int], nodata: float | None, window: Window) -> tuple[Any, Any]:
    """As ``common_view``; validity is told by band where there is nodata, else once for all: (rows, cols)."""
    values = view.read(bands, window=window)
    if nodata is None:
        # not dataset_mask: rasterio takes an alpha band for one only where it is uint8 or uint16
        return values, view.read(alpha_band(view), window=window) > 0
    return values, ~np.isnan(values) if math.isnan(nodata) else values != nodata


def handles(
    raster: rasterio.DatasetReader, grid: Grid, resampling: str
) -> Callable[[], AbstractContextManager[list[Any]]]:
    """What gives a thread its own handles: the raster, warped as it is read, once for each turn it needs."""
    source = Grid.of(raster)
    try:
        regions = surveyed(source, grid, resampling)
    except InvalidRequest as error:
        raise dragoman.InputError("crs", error.detail) from error
    nodata = source_nodata(raster)
    options: dict[str, Any] = missing_options(raster)
    if nodata is not None:
        options["nodata"] = nodata
    elif alpha_band(raster) is None:
        options["add_alpha"] = True

    ways = [resampling, "nearest"] if leaves_gaps(resampling, regions) else [resampling]

    @contextmanager
    def opened() -> Iterator[list[Any]]:
        with ExitStack() as stack:
            views = []
            for way in ways:
                for turn in moves(raster, grid, regions, way):
                    own = stack.enter_context(reopen(raster))
                    place = moved(source, turn)
                    view = warped(own, grid, regions, transform=place, resampling=way, **options)
                    views.append(stack.enter_context(view))
            yield views

    return opened


def leaves_gaps(resampling: str, regions: Regions) -> bool:
    """Whether pixels across the source's edge of the world stay empty: their outline has no inside there."""
    return resampling not in {"nearest", *KERNELS} and any(way.torn for _, way in regions)


def alpha_band(dataset: Any) -> int | None:
    """The number of the band that tells how much of a pixel is there; None without one."""
    numbers = [n for n, meaning in enumerate(dataset.colorinterp, start=1) if meaning == ColorInterp.alpha]
    return numbers[-1] if numbers else None


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
    raster: rasterio.DatasetReader,
    crs: CRS,
    resolution: float | None,
    bbox: dict[str, Any] | None,
    context: dragoman.Context,
) -> Grid:
    """North up; over ``bbox`` or the whole raster; of ``resolution`` or about the raster's own."""
    if resolution is None or bbox is None:
        try:
            bounds, steps, left_out = natural_extent(Grid.of(raster), crs)
        except InvalidRequest as error:
            raise dragoman.InputError("crs", error.detail) from error
    if resolution is not None:
        steps = (resolution, resolution)
    if bbox is not None:
        bounds = bbox_bounds(bbox, crs)
    elif left_out:
        context.notice(f"left out: {left_out}; a bbox brings it in")
    left, bottom, right, top = bounds
    width, height = ((right - left) / steps[0], (top - bottom) / steps[1])
    if not (math.isfinite(width) and math.isfinite(height) and max(width, height) < 2**31):
        raise dragoman.InputError(blamed(resolution, bbox), "makes a raster too large to write")
    return Grid(
        crs=crs,
        transform=Affine(steps[0], 0, left, 0, -steps[1], top),
        width=max(1, math.ceil(width - 1e-6)),
        height=max(1, math.ceil(height - 1e-6)),
    )


def blamed(resolution: float | None, bbox: dict[str, Any] | None) -> str:
    """The input that makes a result too large: what the client gave, else what would help."""
    return "resolution" if resolution is not None or bbox is None else "bbox"


def bbox_bounds(bbox: dict[str, Any], crs: CRS) -> Bounds:
    """The box in ``crs``; its corners come in the axis order of its own CRS (default CRS84).

    A geographic box whose first longitude is the greater one crosses the antimeridian.
    """
    corners = [float(corner) for corner in bbox["bbox"]]
    name = bbox.get("crs") or CRS84
    half = len(corners) // 2
    box = [*corners[:2], *corners[half : half + 2]]
    try:
        own = parse_crs(name)
        if northing_first(name):
            box = [box[1], box[0], box[3], box[2]]
        check_box(box, own)
        left, bottom, right, top = box if own == crs else transform_bounds(own, crs, *box, densify_pts=21)
    except InvalidRequest as error:
        raise dragoman.InputError("bbox", error.detail) from error
    except TRANSFORM_ERRORS as error:
        raise dragoman.InputError("bbox", f"cannot be transformed to {crs_label(crs)}") from error
    if left > right and (period := period_of(crs)):
        right += period
    if not all(map(math.isfinite, (left, bottom, right, top))) or left >= right or bottom >= top:
        raise dragoman.InputError("bbox", f"has no area in {crs_label(crs)}")
    return (left, bottom, right, top)


def check_box(box: list[float], own: CRS) -> None:
    """Raise InvalidRequest for corners, x before y, that span no area."""
    left, bottom, right, top = box
    corners = f"x from {left:g} to {right:g}, y from {bottom:g} to {top:g}"
    if left == right or bottom == top:
        raise InvalidRequest(f"has no area: {corners}")
    if bottom > top or (left > right and not own.is_geographic):
        raise InvalidRequest(
            f"has its corners in the wrong order ({corners}): the smaller of each comes first"
        )
    if left > right and right + turn_of(own) - left > turn_of(own) / 2:
        raise InvalidRequest(
            f"has its corners in the wrong order ({corners}), or crosses the antimeridian and is wider than "
            "half the globe: the smaller of each comes first, except in a narrower box across the antimeridian"
        )


def check_grid(
    raster: rasterio.DatasetReader,
    grid: Grid,
    limit: int,
    resolution: float | None,
    bbox: dict[str, Any] | None,
) -> None:
    """Raise InputError for a result that is too large, or that holds nothing of the raster."""
    if not meeting(Grid.of(raster), grid):
        if bbox is not None:
            raise dragoman.InputError("bbox", "does not overlap the raster")
        where = f"nothing of the raster lies in the area that {crs_label(grid.crs)} is made for"
        raise dragoman.InputError("crs", f"{where}; give a bbox and a resolution")
    pixels = grid.width * grid.height * raster.count
    if pixels > limit:
        raise dragoman.InputError(
            blamed(resolution, bbox),
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
