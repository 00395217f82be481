"""Join georeferenced images into one raster, by windows, with seams that do not show."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.windows import Window

import dragoman
from dragoman.errors import InvalidRequest
from dragoman.rasters.crs import parse_crs
from dragoman.rasters.grids import Grid, source_nodata
from dragoman.rasters.mosaic_grid import Site, beside, common_grid, data_bands, placed, site_of
from dragoman.rasters.mosaics import Handles, Mosaic
from dragoman.rasters.nodata import Nodata, nodata_of
from dragoman.rasters.opening import open_raster, placed_by_points
from dragoman.rasters.raster import fits
from dragoman.rasters.unwarped import needs_doubles, write_doubles
from dragoman.rasters.windows import WindowWriter, each_window, windows_of
from dragoman.rasters.writing import create_geotiff, geotiff_profile

MAX_PIXELS = 4_000_000_000
"""Of the result, bands included, unless the configuration says otherwise."""
WINDOW = 1024
"""Pixels along a side of a window: what is blended is held in doubles."""
REACH = 64
LONGEST_NAME = 80


class Look(NamedTuple):
    """What an image has to share with the others."""

    bands: int
    dtype: np.dtype[Any]
    scaling: tuple[tuple[float, float], ...]
    units: tuple[str, ...]
    colours: tuple[Any, ...]
    """Of each band the colour table; None without one."""

    def differences(self, other: Look) -> list[str]:
        """How ``other`` differs, one phrase each."""
        pairs = [
            (f"{other.bands} bands", f"{self.bands}", other.bands != self.bands),
            (f"values of {other.dtype}", f"{self.dtype}", other.dtype != self.dtype),
            (f"scale and offset {other.scaling}", f"{self.scaling}", other.scaling != self.scaling),
            (f"units {other.units}", f"{self.units}", other.units != self.units),
            ("another colour table", "its own", other.colours != self.colours),
        ]
        return [f"{theirs} (against {mine})" for theirs, mine, differ in pairs if differ]


class Image(NamedTuple):
    """One image, looked at."""

    path: Path
    look: Look
    nodata: Nodata
    crs: CRS


def run(
    images: list[Path],
    crs: str | None = None,
    resolution: float | None = None,
    feather: bool = True,
    resampling: str = "bilinear",
    attributes: list[dict[str, Any]] | None = None,
    *,
    context: dragoman.Context,
) -> dict[str, Any]:
    """All bands of all images on one grid, of their type; missing pixels by nodata, NaN or the file's mask."""
    names = labels(len(images), attributes or [])
    looked = [looked_at(path, name, context) for path, name in zip(images, names, strict=True)]
    check_alike(looked, names)
    first = looked[0]
    target_crs = named_crs(crs) if crs is not None else first.crs
    sites = [sited(image, name, target_crs, context) for image, name in zip(looked, names, strict=True)]
    sites = [beside(site, sites[0], target_crs) for site in sites]
    grid = checked_grid(sites, target_crs, resolution, first.look.bands, context)
    classes = any(table is not None for table in first.look.colours)
    blend = feather and not classes and first.look.dtype.itemsize * (first.look.dtype.kind in "iu") < 8
    mosaic = Mosaic(
        images=tuple(
            place(image, number, site, grid, context)
            for number, (image, site) in enumerate(zip(looked, sites, strict=True), start=1)
        ),
        dtype=first.look.dtype,
        nodata=common_nodata(looked),
        reach=int(context.config.get("reach", REACH)) if blend else 0,
    )
    path = Path(context.scratch) / "mosaic.tif"
    write(mosaic, grid, first, path, "nearest" if classes else resampling, context)
    return {"mosaic": path}


def labels(count: int, attributes: list[dict[str, Any]]) -> list[str]:
    """What messages call each image: its place, and its file name where that is known."""
    if attributes and len(attributes) != count:
        raise dragoman.InputError(
            "attributes", f"has {len(attributes)} objects for {count} images; allowed: one for each, or none"
        )
    names = []
    for number in range(1, count + 1):
        name = attributes[number - 1].get("file_name") if attributes else None
        known = isinstance(name, str) and name
        names.append(f"image {number} ({str(name)[:LONGEST_NAME]!r})" if known else f"image {number}")
    return names


def looked_at(path: Path, name: str, context: dragoman.Context) -> Image:
    """What is to be known of an image before the first pixel is read; raises InputError that names it."""
    try:
        with open_raster(path, input_id="images") as dataset:
            if not dataset.crs:
                by = placed_by_points(dataset)
                why = f"lies on no grid, but is placed by {by[0]}" if by else "has no CRS"
                raise dragoman.InputError("images", f"{name} {why}; georeferenced images are joined")
            if np.result_type(*dataset.dtypes).name not in set(dataset.dtypes):
                raise dragoman.InputError("images", f"{name} has bands of several types")
            nodata = exact_nodata(dataset)
            return Image(path=path, look=look_of(dataset), nodata=nodata, crs=dataset.crs)
    except InvalidRequest as error:
        raise dragoman.InputError("images", f"{name}: {error.detail}") from error


def look_of(dataset: Any) -> Look:
    """Of an open image."""
    bands = data_bands(dataset)
    return Look(
        bands=len(bands),
        dtype=np.result_type(*dataset.dtypes),
        scaling=tuple((dataset.scales[band - 1], dataset.offsets[band - 1]) for band in bands),
        units=tuple(dataset.units[band - 1] or "" for band in bands),
        colours=tuple(
            dataset.colormap(band) if dataset.colorinterp[band - 1] == ColorInterp.palette else None
            for band in bands
        ),
    )


def exact_nodata(dataset: Any) -> Nodata:
    """The nodata value with all its digits; NaN of floats that have none."""
    dtype = np.result_type(*dataset.dtypes)
    exact = nodata_of(dataset) if dtype.kind in "iu" else None
    return exact if exact is not None and fits(exact, dtype) else source_nodata(dataset)


def check_alike(images: list[Image], names: list[str]) -> None:
    """Raise InputError, which names them, unless all images can be joined."""
    apart = []
    for image, name in zip(images[1:], names[1:], strict=True):
        differences = images[0].look.differences(image.look)
        if differences:
            apart.append(f"{name} has {' and '.join(differences)}")
    if apart:
        more = f"; and {len(apart) - 5} more" if len(apart) > 5 else ""
        raise dragoman.InputError("images", f"differ from {names[0]}: {'; '.join(apart[:5])}{more}")


def common_nodata(images: list[Image]) -> Nodata:
    """The nodata value of the mosaic, if all images have the same; else None."""
    values = {str(image.nodata) for image in images}
    return images[0].nodata if len(values) == 1 else None


def named_crs(text: str) -> CRS:
    """The CRS that the client names."""
    try:
        return parse_crs(text)
    except InvalidRequest as error:
        raise dragoman.InputError("crs", error.detail) from error


def sited(image: Image, name: str, crs: CRS, context: dragoman.Context) -> Site:
    """Where an image lies in the mosaic's CRS."""
    try:
        with open_raster(image.path) as dataset:
            site = site_of(dataset, crs)
    except InvalidRequest as error:
        raise dragoman.InputError("images", f"{name}: {error.detail}") from error
    if site.left_out:
        context.notice(f"of {name} is left out: {site.left_out}")
    return site


def checked_grid(
    sites: list[Site], crs: CRS, resolution: float | None, bands: int, context: dragoman.Context
) -> Grid:
    """The mosaic's grid; raises InputError where that is too large."""
    blame = "images" if resolution is None else "resolution"
    try:
        grid = common_grid(sites, crs, resolution)
    except InvalidRequest as error:
        raise dragoman.InputError(blame, error.detail) from error
    limit = int(context.config.get("max_pixels", MAX_PIXELS))
    if grid.width * grid.height * bands > limit:
        raise dragoman.InputError(
            blame,
            f"make {grid.width} x {grid.height} pixels in {bands} bands; at most {limit} are written",
        )
    return grid


def place(image: Image, number: int, site: Site, grid: Grid, context: dragoman.Context) -> Any:
    """Where an image lies on the grid; integers that a warp would take for nodata are warped as doubles."""
    with open_raster(image.path, input_id="images") as dataset:
        there = placed(dataset, number, site, grid)
        if there.offset is not None or not needs_doubles(dataset):
            return there
        path = Path(context.scratch) / f"doubles-{number}.tif"
        write_doubles(dataset, Grid.of(dataset), path)
        return replace(there, path=path)


def write(
    mosaic: Mosaic, grid: Grid, first: Image, path: Path, resampling: str, context: dragoman.Context
) -> None:
    """Write the mosaic window by window, in order."""
    bands = first.look.bands
    profile = geotiff_profile(grid, dtype=mosaic.dtype.name, count=bands, nodata=mosaic.nodata)
    size = int(context.config.get("window", WINDOW))
    size = max(512, size // isqrt(bands) // 512 * 512) if size > 512 else size
    with create_geotiff(path, profile) as target:
        describe(first, target)
        writer = WindowWriter(target)

        def work(handles: Handles, window: Window) -> None:
            values, valid = mosaic.read(handles, window)
            writer.write(values, window, valid=valid if mosaic.nodata is None else None)

        each_window(
            windows_of(grid.width, grid.height, size=size),
            lambda: Handles(grid, resampling),
            work,
            progress=context.progress,
            writer=writer,
        )


def describe(first: Image, target: Any) -> None:
    """Hand on what is known of the first image's bands: names, units, scale and offset, colours."""
    with open_raster(first.path) as dataset:
        bands = data_bands(dataset)
        target.colorinterp = [dataset.colorinterp[band - 1] for band in bands]
        target.scales = [dataset.scales[band - 1] for band in bands]
        target.offsets = [dataset.offsets[band - 1] for band in bands]
        for number, band in enumerate(bands, start=1):
            if dataset.descriptions[band - 1]:
                target.set_band_description(number, dataset.descriptions[band - 1])
            if dataset.units[band - 1]:
                target.set_band_unit(number, dataset.units[band - 1])
            if dataset.colorinterp[band - 1] == ColorInterp.palette:
                target.write_colormap(number, dataset.colormap(band))
