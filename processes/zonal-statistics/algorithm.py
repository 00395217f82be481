"""Statistics of a raster within polygons, each pixel weighted by the part of it that a polygon covers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import rasterio
import shapely

import dragoman
from dragoman.errors import InvalidRequest
from dragoman.rasters.grids import Grid
from dragoman.rasters.opening import check_band
from dragoman.rasters.zone_features import collection_crs, feature_shape
from dragoman.rasters.zone_statistics import Band, Operations, extracted
from dragoman.rasters.zones import on_raster

STATISTICS = ("count", "sum", "mean", "min", "max", "median", "stdev", "variety", "majority", "quantiles")
QUANTILES = (0.25, 0.5, 0.75)
KEEPING = frozenset({"median", "variety", "majority", "quantile"})
"""exactextract's statistics that keep every distinct value of a zone, about 160 bytes each."""
DISTINCT = 20_000_000
"""Pixels of a zone up to which these are possible where each may be distinct."""
CELLS = 1 << 22
"""Raster cells in memory at once."""
NOTHING: dict[str, float] = {"count": 0.0, "sum": 0.0, "variety": 0}
"""What is told of a zone without valid pixels; None for all else."""
NAMED = 5
"""Zones without a place that the job's message names; the log names all."""


def run(
    raster: rasterio.DatasetReader,
    zones: dict[str, Any],
    statistics: list[str] | None = None,
    quantiles: list[float] | None = None,
    band: int = 1,
    *,
    context: dragoman.Context,
) -> dict[str, Any]:
    """The zones, with the statistics among their properties; None where a zone holds no valid pixel."""
    check_band("raster", raster, band)
    if raster.transform.b != 0 or raster.transform.d != 0:
        raise dragoman.InputError("raster", "is rotated; bring it north up first (reproject)")
    if quantiles not in (None, list(QUANTILES)) and "quantiles" not in (statistics or ()):
        raise dragoman.InputError("quantiles", f"got {quantiles}; allowed: with quantiles in statistics")
    requested = operations(statistics or ["count", "mean", "min", "max"], quantiles or list(QUANTILES))
    features = zones["features"]
    shapes, faults = shapes_on(raster, zones)
    check_distinct(raster, band, requested, shapes, int(context.config.get("distinct", DISTINCT)))
    rows = extracted(
        Band(raster, band),
        np.array(list(shapes.values()), dtype=object),
        requested,
        cells=int(context.config.get("cells", CELLS)),
        progress=lambda done: context.progress(100.0 * done, f"{done:.0%} of the zones"),
    )
    results: list[dict[str, Any]] = [{} for _ in features]
    for number, row in zip(shapes, rows, strict=True):
        if row is None:
            faults[number] = "has edges that cannot be followed"
        else:
            results[number] = row
    report(faults, context)
    return {"zones": {**zones, "features": list(joined(features, results, requested))}}


def shapes_on(raster: rasterio.DatasetReader, zones: dict[str, Any]) -> tuple[dict[int, Any], dict[int, str]]:
    """The shapes of the features on the raster, by their number, and why some have no place; none is empty.

    Raises InputError where not one of the zones can have a place.
    """
    crs = collection_crs("zones", zones)
    read = {n: feature_shape("zones", n, feature) for n, feature in enumerate(zones["features"])}
    shapes = {number: shape for number, shape in read.items() if shape is not None}
    if not raster.crs:
        raise dragoman.InputError("raster", "has no CRS, so that zones cannot be placed on it")
    numbers = list(shapes)
    try:
        placed, misplaced = on_raster(np.array(list(shapes.values()), dtype=object), crs, Grid.of(raster))
    except InvalidRequest as error:
        raise dragoman.InputError("zones", error.detail) from error
    faults = {numbers[place]: reason for place, reason in misplaced.items()}
    if faults and len(faults) == len(shapes):
        number, reason = next(iter(faults.items()))
        raise dragoman.InputError(
            "zones",
            f"cannot be transformed to the raster's CRS: feature {number} {reason}, nor has any other a place",
        )
    faults |= {n: "has no area" for n, shape in shapes.items() if n not in faults and shape.area == 0}
    return {n: shape for n, shape in zip(numbers, placed, strict=True) if not shape.is_empty}, faults


def report(faults: dict[int, str], context: dragoman.Context) -> None:
    """Say in the job's message and log which zones have no place, and count as nothing for that."""
    if not faults:
        return
    reasons = [f"feature {number} {reason}" for number, reason in sorted(faults.items())]
    more = ""
    if len(reasons) > NAMED:
        context.log.warning("counted as nothing: %s", "; ".join(reasons))
        more = f"; and {len(reasons) - NAMED} more"
    context.notice(f"counted as nothing: {'; '.join(reasons[:NAMED])}{more}")


def operations(statistics: list[str], quantiles: list[float]) -> Operations:
    """What to calculate, by the property that it becomes."""
    requested: Operations = {}
    for name in statistics:
        if name not in STATISTICS:
            raise dragoman.InputError("statistics", f"{name!r} is none of {', '.join(STATISTICS)}")
        if name != "quantiles":
            requested[name] = (name, {})
            continue
        for share in quantiles:
            if not 0 <= share <= 1:
                raise dragoman.InputError("quantiles", f"{share} is not between 0 and 1")
            requested[f"quantile_{share * 100:g}"] = ("quantile", {"q": float(share)})
    return requested


def check_distinct(
    raster: rasterio.DatasetReader, band: int, requested: Operations, shapes: dict[int, Any], limit: int
) -> None:
    """Raise InputError where the distinct values of a zone may fill the memory."""
    keeping = [label for label, (name, _) in requested.items() if name in KEEPING]
    if not keeping or np.dtype(raster.dtypes[band - 1]).itemsize <= 2:
        return
    left, bottom, right, top = shapely.bounds(np.array(list(shapes.values()), dtype=object)).reshape(-1, 4).T
    area = abs(raster.transform.a * raster.transform.e)
    cells = np.minimum((right - left) * (top - bottom) / area, raster.width * raster.height)
    for number, count in zip(shapes, cells, strict=True):
        if count > limit:
            raise dragoman.InputError(
                "statistics",
                f"{', '.join(keeping)} keep every distinct value; feature {number} spans {count:.0f} pixels, "
                f"and at most {limit} are possible for {raster.dtypes[band - 1]}",
            )


def joined(
    features: list[dict[str, Any]], results: list[dict[str, Any]], requested: Operations
) -> Iterator[dict[str, Any]]:
    """Each feature as it came, its properties joined by the statistics, which win over the same names."""
    for feature, result in zip(features, results, strict=True):
        empty = {name: NOTHING.get(name) for name in requested}
        statistics = {name: plain(name, result[name]) for name in requested if name in result}
        yield {**feature, "properties": {**(feature.get("properties") or {}), **empty, **statistics}}


def plain(name: str, value: Any) -> Any:
    """A JSON number: whole where it counts kinds; where there is none what NOTHING says."""
    if value is None or math.isnan(float(value)):
        return NOTHING.get(name)
    if math.isinf(float(value)):
        return None
    return int(value) if name == "variety" else float(value)
