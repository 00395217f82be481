"""Natural Earth's countries counted on rasters in CRSs of every kind, against pixels looked up one by one.

    python tools/sweeps/countries.py [--crs EPSG:3857 ...] [--seed 1] [--first 0] [--number 200]

CRSs are drawn from all that pyproj knows an area of use for, half of them from those that are wide or near a pole.
A raster of 60 x 60 pixels covers the area of use, or more. The oracle transforms points within each pixel to
longitude and latitude, drops those that do not come back to where they were, and asks which country they are in.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import rasterio
import shapely
from affine import Affine
from kit import ROOT, Context, Sheet, attempt, load, scratch
from rasterio.crs import CRS
from rasterio.errors import CRSError

from dragoman.rasters.opening import open_raster
from dragoman.rasters.transformation import period_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

COUNTRIES = ROOT / "tests" / "data" / "countries.geojson"
NUMBER = 200
"""CRSs that are drawn."""
SIDE = 60
"""Pixels along a side of a raster."""
FINE = 12
"""Points along a side of a pixel, each somewhere in its own cell."""
FINER = 60
"""The same for what seems to differ."""
PLACED = 0.1
"""Pixels by which a point may miss its place on the way there and back."""
NORTH = 89.0
"""Degrees; nearer to a pole Mercator's rows differ by less than a float64 tells."""
SLOW = 10.0
"""Seconds that are worth a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A CRS, and a raster's place in it."""

    name: str
    crs: CRS
    transform: Affine
    there: pyproj.Transformer
    """From longitude and latitude."""


def drawn(seed: int, number: int) -> list[str]:
    """That many CRSs of this planet that PROJ can transform to, always the same for a seed."""
    kinds = [pyproj.enums.PJType.PROJECTED_CRS, pyproj.enums.PJType.GEOGRAPHIC_2D_CRS]
    known = [
        info
        for authority in ("EPSG", "ESRI")
        for kind in kinds
        for info in pyproj.database.query_crs_info(authority, kind)
        if info.area_of_use
    ]
    wide = [info for info in known if _is_wide(info.area_of_use)]
    rng = random.Random(seed)
    names: list[str] = []
    for infos, most in ((rng.sample(wide, len(wide)), number // 2), (rng.sample(known, len(known)), number)):
        for name in (f"{info.auth_name}:{info.code}" for info in infos):
            if len(names) == most:
                break
            if name not in names and isinstance(target := target_of(name), Target) and is_kept(target):
                names.append(name)
    return names


def _is_wide(area: Any) -> bool:
    return bool((area.east - area.west) % 360 > 100 or max(abs(area.north), abs(area.south)) > 85)


def target_of(name: str) -> Target | str:
    """A raster over the area of use of a CRS, or more, or why there is none."""
    grow = random.Random(name).choice([0, 0, 0.1, 1.0])
    try:
        own = pyproj.CRS.from_user_input(name)
        crs = CRS.from_user_input(name)
        there = pyproj.Transformer.from_crs(4326, own, always_xy=True)
    except (CRSError, pyproj.exceptions.ProjError) as error:
        return f"unknown to PROJ or GDAL: {str(error)[:80]}"
    area = own.area_of_use
    if area is None:
        return "has no area of use"
    east = area.east + (360 if area.east < area.west else 0)
    south, north = max(area.south, -NORTH), min(area.north, NORTH)
    lon, lat = np.meshgrid(np.linspace(area.west, east, 41), np.linspace(south, north, 41))
    x, y = there.transform(lon.ravel(), lat.ravel())
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 10:
        return "its own area of use has no place in it"
    (left, right), (bottom, top) = np.percentile(x[known], [1, 99]), np.percentile(y[known], [1, 99])
    width, height = (right - left) * (1 + 2 * grow), (top - bottom) * (1 + 2 * grow)
    if not (width > 0 and height > 0):
        return "its area of use has no area in it"
    left, top = left - grow * (right - left), top + grow * (top - bottom)
    return Target(
        name=name, crs=crs, transform=Affine(width / SIDE, 0, left, 0, -height / SIDE, top), there=there
    )


def is_kept(target: Target) -> bool:
    """Whether a GeoTIFF can say its CRS."""
    with open_raster(written(target, scratch())) as raster:
        return bool(raster.crs)


def looked_up(target: Target, shapes: NDArray[Any], fine: int) -> tuple[NDArray[Any], float]:
    """How many pixels of each country the raster has, and which part of its points have a place at all."""
    rng = np.random.default_rng(1)
    counts = np.zeros(len(shapes))
    placed = 0.0
    for row in range(0, SIDE, 10):
        u, v, known = _places(target, row, fine, rng)
        placed += known.mean() / (SIDE / 10)
        u, v = (u[known] + 180) % 360 - 180, v[known]
        for number, shape in enumerate(shapes):
            west, south, east, north = shape.bounds
            near = (u >= west) & (u <= east) & (v >= south) & (v <= north)
            if near.any():
                counts[number] += shapely.contains_xy(shape, u[near], v[near]).sum() / fine**2
    return counts, placed


def _places(target: Target, row: int, fine: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Longitudes, latitudes and validity of the points of ten rows of pixels."""
    cols, rows = np.meshgrid(np.arange(SIDE * fine), np.arange(row * fine, (row + 10) * fine))
    col, line = ((spots.ravel() + rng.random(spots.size)) / fine for spots in (cols, rows))
    a, _, c, _, e, f = target.transform[:6]
    x, y = a * col + c, e * line + f
    u, v = target.there.transform(x, y, direction="INVERSE")
    again_x, again_y = target.there.transform(u, v)
    period = period_of(target.crs)
    with np.errstate(invalid="ignore"):
        off = again_x - x
        if period:
            off -= period * np.round(off / period)
        known = (np.abs(off) <= PLACED * abs(a)) & (np.abs(again_y - y) <= PLACED * abs(e))
    return u, v, known & np.isfinite(u) & np.isfinite(v)


def written(target: Target, folder: Path) -> Path:
    """A raster of ones there."""
    path = folder / "ones.tif"
    options = {"width": SIDE, "height": SIDE, "count": 1, "dtype": "uint8", "driver": "GTiff"}
    with rasterio.open(path, "w", crs=target.crs, transform=target.transform, **options) as made:
        made.write(np.ones((1, SIDE, SIDE), "uint8"))
    return path


def slack(counts: NDArray[Any], fine: int) -> NDArray[Any]:
    """What points in cells leave open for areas of so many pixels, whose edges are as long as their roots or more."""
    return np.asarray(0.05 + 1.2 * np.sqrt(1 + counts) / fine)


def examine(sheet: Sheet, target: Target, zones: dict[str, Any], shapes: NDArray[Any], zonal: Any) -> None:
    """Compare one raster's counts with the oracle's."""
    folder = scratch()

    def counted() -> NDArray[Any]:
        with open_raster(written(target, folder)) as raster:
            result = zonal.run(raster, zones, ["count"], context=Context(scratch=folder))
        return np.array([feature["properties"]["count"] for feature in result["zones"]["features"]])

    begun = time.monotonic()
    try:
        counts = attempt(sheet, target.name, counted)
    finally:
        took = time.monotonic() - begun
    if counts is None:
        return
    for fine in (FINE, FINER):
        expected, placed = looked_up(target, shapes, fine)
        over = np.abs(counts - expected) / slack(expected, fine)
        if over.max() <= 1:
            break
    worst = [number for number in np.argsort(-over) if over[number] > 1][:4]
    told = f"{placed:.0%} of the points placed, {took:.1f} s"
    if took > SLOW:
        print(f"slow     {target.name}: {told}", flush=True)
    if not worst:
        sheet.agree("agree")
        return
    names = [zones["features"][number]["properties"]["name"] for number in worst]
    pairs = [
        f"{name} {counts[n]:.2f}, looked up {expected[n]:.2f}" for name, n in zip(names, worst, strict=True)
    ]
    sheet.differ(target.name, f"{'; '.join(pairs)} ({told})")


def main() -> int:
    """Sweep as the command line says; 1 if anything differs or fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--crs", nargs="*", help="these alone")
    for name, default in (("seed", 1), ("first", 0), ("number", NUMBER)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    zones = json.loads(COUNTRIES.read_text("utf-8"))
    shapes = shapely.make_valid(np.array([shapely.geometry.shape(f["geometry"]) for f in zones["features"]]))
    shapely.prepare(shapes)
    names = options.crs or drawn(options.seed, NUMBER)
    sheet, zonal = Sheet(), load("zonal-statistics")
    for name in names if options.crs else names[options.first : options.first + options.number]:
        target = target_of(name)
        if isinstance(target, str):
            sheet.verdicts["no raster"] += 1
            print(f"none     {name}: {target}", flush=True)
        else:
            examine(sheet, target, zones, shapes, zonal)
    return sheet.end()


if __name__ == "__main__":
    sys.exit(main())
