"""Rasters brought from one CRS to another, each pixel of the result against where its centre comes from.

    python tools/sweeps/warps.py [--pair EPSG:6931 EPSG:3413] [--seed 1] [--first 0] [--number 200]

Pairs are drawn as the CRSs of ``countries.py`` are. A raster of numbered pixels covers the source's area of use, or
more, or a part of it, and is brought to the target by ``reproject`` as it is called without an extent. Pixels whose
centre comes from near the edge of a pixel are not asked: GDAL places them to an eighth.
"""

from __future__ import annotations

import argparse
import random
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from affine import Affine
from countries import SIDE, Target, drawn, target_of
from kit import Context, Sheet, attempt, load, scratch

from dragoman.rasters.opening import open_raster
from dragoman.rasters.transformation import Transformation, period_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from rasterio.crs import CRS

NEAR = 0.2
"""Pixels of the source around the edges of its pixels that are not asked about."""
NUMBERS = np.arange(1, SIDE * SIDE + 1, dtype="int32").reshape(SIDE, SIDE)


def written(source: Target, share: float, folder: Path) -> Path:
    """The first ``share`` of the source's place, its pixels numbered."""
    path = folder / "numbers.tif"
    options = {"width": SIDE, "height": SIDE, "count": 1, "dtype": "int32", "driver": "GTiff", "nodata": 0}
    transform = source.transform @ Affine.scale(share)
    with rasterio.open(path, "w", crs=source.crs, transform=transform, **options) as dataset:
        dataset.write(NUMBERS, 1)
    return path


def out_of_place(result: NDArray[Any], source: Any, crs: CRS, transform: Affine) -> NDArray[np.bool_]:
    """Which pixels of a grid surely hold a number that does not belong there; 0 does where none else does.

    A raster wider than the world has several numbers for a place.
    """
    col, row = np.meshgrid(np.arange(result.shape[1]) + 0.5, np.arange(result.shape[0]) + 0.5)
    points = np.stack([transform.c + transform.a * col, transform.f + transform.e * row], axis=-1)
    change = Transformation(crs, source.crs)
    places, period = change.inward(points), period_of(crs)
    with np.errstate(invalid="ignore"):
        off = change.backward(places) - points
        if period:
            off[..., 0] -= period * np.round(off[..., 0] / period)
        places[~(np.abs(off) < (0.1 * transform.a, -0.1 * transform.e)).all(axis=-1)] = np.inf
        col, row = (np.array((~source.transform)[:6]).reshape(2, 3) @ _homogeneous(places)).reshape(
            2, *result.shape
        )
        unsure = (np.abs(col - np.round(col)) <= NEAR) | (np.abs(row - np.round(row)) <= NEAR)
        columns = [col]
        if period := period_of(source.crs):
            around = period / source.transform.a
            columns = [np.mod(col, around) + turn * around for turn in range(1 + int(SIDE / around))]
        right, some = np.zeros(result.shape, dtype=bool), np.zeros(result.shape, dtype=bool)
        for each in columns:
            there = (each >= 0) & (each < SIDE) & (row >= 0) & (row < SIDE)
            right |= there & (result == NUMBERS[_whole(row, there), _whole(each, there)])
            some |= there
    return np.asarray(~(right | (~some & (result == 0)) | unsure))


def _homogeneous(places: NDArray[Any]) -> NDArray[Any]:
    flat = places.reshape(-1, 2).T
    return np.concatenate([flat, np.ones((1, flat.shape[1]))])


def _whole(values: NDArray[Any], there: NDArray[Any]) -> NDArray[Any]:
    return np.where(there, values, 0).astype(int)


def examine(sheet: Sheet, source: Target, target: str, share: float, reproject: Any) -> None:
    """Compare one result with the oracle's."""
    folder, what = scratch(), f"{source.name} {target} {share}"
    with open_raster(written(source, share, folder)) as raster:
        if not raster.crs:
            return
        outputs = attempt(sheet, what, lambda: reproject.run(raster, target, context=Context(scratch=folder)))
        if outputs is None:
            return
        with rasterio.open(outputs["raster"]) as dataset:
            result = dataset.read(1)
            wrong = out_of_place(result, raster, dataset.crs, dataset.transform)
    if wrong.any():
        sheet.differ(
            what, f"{wrong.sum()} of {wrong.size} pixels, {(wrong & (result == 0)).sum()} of them empty"
        )
    else:
        sheet.agree("agree")


def main() -> int:
    """Try the pairs asked for; 1 if one differs or fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pair", nargs=2, metavar="CRS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=200)
    options = parser.parse_args()
    sheet, reproject = Sheet(), load("reproject")
    names = drawn(options.seed, 200)
    pairs = [options.pair] if options.pair else [random.Random(n).sample(names, 2) for n in range(10_000)]
    for number, (first, second) in list(enumerate(pairs))[options.first : options.first + options.number]:
        source = target_of(first)
        if isinstance(source, Target):
            examine(sheet, source, second, random.Random(number).choice([1, 1, 0.5, 0.2]), reproject)
    return sheet.end()


if __name__ == "__main__":
    sys.exit(main())
