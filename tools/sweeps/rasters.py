"""The raster processes on files that others made, against numpy and pixels looked up one by one.

    python tools/sweeps/rasters.py FOLDER_OR_FILE... [--first 0] [--number 100]

Each raster goes through raster-calculator, zonal-statistics, reproject (onto its own grid, and to other CRSs by the
nearest pixel), ndvi of its first and last band, and the crop that a region of interest asks for. The oracle reads
it with rasterio, with no look at what lies beside it, and calculates with numpy in float64.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numexpr
import numpy as np
import pyproj
import rasterio
from kit import Context, Sheet, attempt, load, scratch
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from dragoman.rasters.crop import crop_file
from dragoman.rasters.opening import GDAL_OPTIONS, open_raster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SUFFIXES = {".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".webp", ".bmp", ".gif", ".asc"}
LARGEST = 3_000_000
"""Pixels times bands of a raster that is tried."""
TARGETS = ("EPSG:4326", "EPSG:3857", "EPSG:3035")
EDGE = 0.13
"""Pixels: nearer to an edge between two, either may be taken. GDAL's nearest is that exact (an eighth of a pixel)."""
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A raster as the oracle reads it."""

    stored: NDArray[Any]
    """(bands, rows, cols) as stored."""
    valid: NDArray[np.bool_]
    """The same shape."""
    values: NDArray[Any]
    """float64, scaled, NaN where missing."""
    crs: Any
    name: str | None
    """EPSG:n, or another that a client can write."""
    transform: Any
    alpha: list[int]
    """Numbers of the alpha bands."""
    nodata: float | None


def truth_of(path: Path) -> Truth:
    """What rasterio and numpy say of a file."""
    with rasterio.Env(**GDAL_OPTIONS), rasterio.open(path) as dataset:
        stored = dataset.read()
        alpha = [
            number
            for number, meaning in enumerate(dataset.colorinterp, start=1)
            if meaning == ColorInterp.alpha
        ]
        valid = dataset.read_masks() > 0
        if stored.dtype.kind == "f":
            valid &= ~np.isnan(stored)
        scales = np.array(dataset.scales)[:, None, None], np.array(dataset.offsets)[:, None, None]
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.where(valid, stored * scales[0] + scales[1], np.nan).astype(np.float64)
        return Truth(
            stored=stored,
            valid=valid,
            values=values,
            crs=dataset.crs,
            name=":".join(dataset.crs.to_authority()) if dataset.crs and dataset.crs.to_authority() else None,
            transform=dataset.transform,
            alpha=alpha,
            nodata=dataset.nodata,
        )


def alike(result: Any, expected: Any) -> bool:
    """Whether two arrays have the same values up to float32, and NaN in the same places."""
    result, expected = np.asarray(result, float), np.asarray(expected, float)
    if result.shape != expected.shape:
        return False
    return bool(np.allclose(result, expected, rtol=2e-6, atol=0, equal_nan=True))


def calculated(module: Any, path: Path, truth: Truth, context: Context) -> str:
    """raster-calculator: what differs, or nothing."""
    for band in sorted({1, len(truth.stored)}):
        with open_raster(path) as raster:
            result = module.run(
                [raster], f"where(r1[{band}] > 3, r1[{band}] * 2, 1 - r1[{band}])", context=context
            )
        values = truth.values[band - 1]
        with np.errstate(over="ignore", invalid="ignore"):
            expected = np.where(values > 3, values * 2, 1 - values).astype(np.float32).astype(np.float64)
        expected[~np.isfinite(expected) | np.isnan(values)] = np.nan
        with rasterio.open(result["result"]) as made:
            if not alike(made.read(1), expected):
                return f"band {band}"
    return ""


def zoned(module: Any, path: Path, truth: Truth, context: Context) -> str:
    """zonal-statistics in three boxes of whole pixels: what differs, or nothing."""
    rows, cols = truth.stored.shape[1:]
    boxes = [(0, 0, rows, cols), (0, 0, (rows + 1) // 2, (cols + 1) // 2), (rows // 3, cols // 3, rows, cols)]
    corners = [
        [
            truth.transform @ corner
            for corner in ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
        ]
        for top, left, bottom, right in boxes
    ]
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        for ring in corners
    ]
    crs = {"type": "name", "properties": {"name": truth.name}}
    zones = {"type": "FeatureCollection", "features": features, "crs": crs}
    names = ["count", "sum", "mean", "min", "max"]
    with open_raster(path) as raster:
        result = module.run(raster, zones, names, context=context)["zones"]["features"]
    for number, (top, left, bottom, right) in enumerate(boxes):
        part = truth.values[0, top:bottom, left:right]
        part = part[np.isfinite(part)]
        properties = result[number]["properties"]
        expected = [
            len(part),
            part.sum(),
            *((part.mean(), part.min(), part.max()) if len(part) else (np.nan,) * 3),
        ]
        found = [np.nan if properties[name] is None else properties[name] for name in names]
        scale = max(1.0, float(np.abs(part).max()) if len(part) else 1.0)
        slack = [TOLERANCE * len(part), 1e-6 * scale * max(1, len(part)), 1e-6 * scale, 0, 0]
        if not all(
            a == b or abs(a - b) <= s or a != a != b for a, b, s in zip(found, expected, slack, strict=True)
        ):
            return f"zone {number}: {found}, by numpy {expected}"
    return ""


def brought_home(module: Any, path: Path, truth: Truth, context: Context) -> str:
    """reproject onto the raster's own grid: every value and every hole as it was."""
    with open_raster(path) as raster:
        result = module.run(raster, truth.name, context=context)["raster"]
    bands = [number for number in range(1, len(truth.stored) + 1) if number not in truth.alpha]
    upright = truth.transform.b == truth.transform.d == 0 and truth.transform.a > 0 > truth.transform.e
    if not upright or not bands:
        return ""
    with rasterio.open(result) as made:
        valid = made.read_masks() > 0
        if made.dtypes[0] != truth.stored.dtype.name:
            return f"type {made.dtypes[0]} of {truth.stored.dtype.name}"
        if made.shape != truth.stored.shape[1:]:
            return f"shape {made.shape} of {truth.stored.shape[1:]}"
        values = made.read()
    expected = truth.valid[[number - 1 for number in bands]]
    if values.dtype.kind == "f":
        valid &= ~np.isnan(values)
    if made.nodata is None:  # one mask for all bands
        expected = np.broadcast_to(expected.any(axis=0), expected.shape)
    if (valid != expected).any():
        return f"{(valid != expected).sum()} pixels are valid here and not there"
    stored = truth.stored[[number - 1 for number in bands]]
    differing = (values != stored) & valid
    return f"{differing.sum()} pixels" if differing.any() else ""


def looked_up(module: Any, path: Path, truth: Truth, target: str, context: Context) -> str:
    """reproject by the nearest pixel: against the pixel that pyproj finds under each of the result."""
    with open_raster(path) as raster:
        result = module.run(raster, target, context=context)["raster"]
    with rasterio.open(result) as made:
        values, transform = made.read(1), made.transform
        valid = (made.read_masks(1) > 0) & ((values == values) if values.dtype.kind == "f" else True)
    rows, cols = values.shape
    if rows * cols > 4 * LARGEST:
        return ""
    col, row = np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5)
    x, y = transform.a * col + transform.c, transform.e * row + transform.f
    there = pyproj.Transformer.from_crs(
        pyproj.CRS.from_user_input(target), truth.crs.to_wkt(), always_xy=True
    )
    u, v = there.transform(x, y)
    a, b, c, d, e, f = (~truth.transform)[:6]
    with np.errstate(invalid="ignore"):
        u, v = a * u + b * v + c, d * u + e * v + f
        apart = np.minimum(np.abs(u - np.round(u)), np.abs(v - np.round(v))) > EDGE
        inside = apart & (u > 0) & (u < truth.stored.shape[2]) & (v > 0) & (v < truth.stored.shape[1])
    at = (np.floor(v[inside]).astype(int), np.floor(u[inside]).astype(int))
    band = next((n for n in range(len(truth.stored)) if n + 1 not in truth.alpha), 0)
    right_valid, right_value = truth.valid[band][at], truth.stored[band][at]
    off = (valid[inside] != right_valid) | (valid[inside] & right_valid & (values[inside] != right_value))
    share = off.mean() if off.size else 0.0
    return f"{off.sum()} of {off.size} pixels ({share:.2%})" if share > 2e-3 else ""


def indexed(module: Any, path: Path, truth: Truth, context: Context) -> str:
    """ndvi of the first and the last band."""
    last = len(truth.stored)
    with open_raster(path) as red, open_raster(path) as nir:
        result = module.run(red, nir, 1, last, context=context)
    red_values, nir_values = truth.values[0], truth.values[last - 1]
    with np.errstate(all="ignore"):
        total = nir_values + red_values
        expected = np.where(total == 0, np.nan, (nir_values - red_values) / total)
    with rasterio.open(result["ndvi"]) as made:
        found = made.read(1).astype(float)
    both = np.isfinite(found) & np.isfinite(expected)
    with np.errstate(all="ignore"):
        size = (np.abs(nir_values) + np.abs(red_values)) / np.abs(total)
    clear = ~(size > 1e4)  # where the sum all but vanishes float32 has no digits left
    off = (np.isnan(found) != ~np.isfinite(expected)) | (
        both & (np.abs(found - expected) > 1e-5 * np.maximum(1, size))
    )
    off &= clear & ~np.isinf(red_values) & ~np.isinf(nir_values)
    return f"{off.sum()} pixels" if off.any() else ""


def cropped(path: Path, truth: Truth, context: Context) -> str:
    """The middle of the raster, cut out as it is."""
    rows, cols = truth.stored.shape[1:]
    top, left = rows // 4, cols // 4
    bottom, right = max(top + 1, rows * 3 // 4), max(left + 1, cols * 3 // 4)
    crop_file(path, context.scratch / "crop.tif", (top, bottom), (left, right))
    with rasterio.open(context.scratch / "crop.tif") as made:
        same = np.array_equal(
            made.read(), truth.stored[:, top:bottom, left:right], equal_nan=truth.stored.dtype.kind == "f"
        )
        valid = made.read_masks() > 0
    part = truth.valid[:, top:bottom, left:right]
    if truth.stored.dtype.kind == "f":
        valid &= ~np.isnan(truth.stored[:, top:bottom, left:right])
    return "" if same and (valid == part).all() else "values or masks"


def examine(sheet: Sheet, path: Path, modules: dict[str, Any]) -> None:
    """All that fits, of one file."""
    try:
        truth = truth_of(path)
    except (RasterioError, ValueError, MemoryError):
        if attempt(sheet, f"{path.name}, which rasterio cannot read", lambda: is_readable(path)):
            sheet.agree("only read here")
        return
    context = Context(scratch=scratch())
    for name, call in calls_of(path, truth, modules, context).items():
        how = attempt(sheet, f"{path.parent.name}/{path.name} {name}", call)
        if how == "":
            sheet.agree(name)
        elif how:
            sheet.differ(f"{path.parent.name}/{path.name} {name}", how)


def calls_of(
    path: Path, truth: Truth, modules: dict[str, Any], context: Context
) -> dict[str, Callable[[], str]]:
    """What can be done with a raster, by name."""
    calls: dict[str, Callable[[], str]] = {"crop": partial(cropped, path, truth, context)}
    if truth.stored.dtype.kind != "c":
        calls["raster-calculator"] = partial(calculated, modules["raster-calculator"], path, truth, context)
        calls["ndvi"] = partial(indexed, modules["ndvi"], path, truth, context)
        if truth.name:
            calls["zonal-statistics"] = partial(zoned, modules["zonal-statistics"], path, truth, context)
            calls["reproject home"] = partial(brought_home, modules["reproject"], path, truth, context)
        for target in TARGETS if truth.crs else ():
            look_up = partial(looked_up, modules["reproject"], path, truth, target, context)
            calls[f"reproject {target}"] = look_up
    return calls


def is_readable(path: Path) -> bool:
    """Read all of it as the processes do."""
    with open_raster(path) as raster:
        raster.read()
    return True


def files_of(places: list[str]) -> Iterator[Path]:
    """The rasters there, in order."""
    for place in map(Path, places):
        found = [place] if place.is_file() else sorted(place.rglob("*"))
        yield from (path for path in found if path.suffix.lower() in SUFFIXES and path.is_file())


def is_small(path: Path) -> bool:
    """Whether it can be compared pixel by pixel; what cannot be opened is."""
    try:
        with rasterio.open(path) as dataset:
            return bool(dataset.width * dataset.height * dataset.count <= LARGEST)
    except RasterioError:
        return path.stat().st_size < 50_000_000


def main() -> int:
    """Sweep as the command line says; 1 if anything differs or fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("places", nargs="+")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=1_000_000)
    options = parser.parse_args()
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    numexpr.set_num_threads(2)
    sheet = Sheet()
    modules = {name: load(name) for name in ("raster-calculator", "zonal-statistics", "reproject", "ndvi")}
    for path in list(files_of(options.places))[options.first : options.first + options.number]:
        sheet.verdicts["files"] += 1
        if is_small(path):
            examine(sheet, path, modules)
        else:
            sheet.agree("too large to compare")
    return sheet.end()


if __name__ == "__main__":
    sys.exit(main())
