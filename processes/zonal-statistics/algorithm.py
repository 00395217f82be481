"""Statistics of a raster within polygons, each pixel weighted by the part of it that a polygon covers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import rasterio
from exactextract import Operation, exact_extract
from exactextract.feature import JSONFeatureSource
from exactextract.raster import RasterSource
from rasterio.crs import CRS
from rasterio.warp import transform_geom
from rasterio.windows import Window

import dragoman
from dragoman.errors import InvalidRequest
from dragoman.rasters.crs import TRANSFORM_ERRORS, crs_label, parse_crs
from dragoman.rasters.opening import check_band, gdal_env
from dragoman.rasters.windows import read_float

STATISTICS = ("count", "sum", "mean", "min", "max", "median", "stdev", "variety", "majority", "quantiles")
QUANTILES = (0.25, 0.5, 0.75)
KEEPING = frozenset({"median", "variety", "majority", "quantile"})
"""exactextract's statistics that keep every distinct value of a zone, about 160 bytes each."""
DISTINCT = 20_000_000
"""Pixels of a zone up to which these are possible where each may be distinct."""
CELLS = 1 << 22
"""Raster cells in memory at once."""
PIECES = 100
"""Straight pieces per length of a zone's diagonal: an edge is bent into another CRS by its pieces."""
MAX_BENT = 10_000
"""Points of a ring above which it is dense enough as it is."""

type Wanted = dict[str, tuple[str, dict[str, float]]]
"""Property -> name and options of exactextract's operation."""


class Band(RasterSource):
    """One band as exactextract reads it: by windows, north up, NaN for nodata."""

    def __init__(self, dataset: Any, band: int) -> None:
        super().__init__()
        self.dataset, self.band = dataset, band
        self.flipped = dataset.transform.e > 0
        self.mirrored = dataset.transform.a < 0

    def res(self) -> tuple[float, float]:
        """Width and height of a cell."""
        return abs(self.dataset.transform.a), abs(self.dataset.transform.e)

    def extent(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top."""
        left, bottom, right, top = self.dataset.bounds
        return min(left, right), min(bottom, top), max(left, right), max(bottom, top)

    def srs_wkt(self) -> None:
        """Not told: the zones come in the raster's CRS already."""

    def nodata_value(self) -> None:
        """None: NaN alone is nodata."""

    def read_window(self, x0: int, y0: int, nx: int, ny: int) -> Any:
        """Values of a window counted from the upper left."""
        if nx == 0 or ny == 0:
            return np.empty((ny, nx), dtype=np.float32)
        col = self.dataset.width - x0 - nx if self.mirrored else x0
        row = self.dataset.height - y0 - ny if self.flipped else y0
        values = read_float(self.dataset, self.band, Window(col, row, nx, ny))
        return np.ascontiguousarray(values[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1])


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
    wanted = operations(statistics or ["count", "mean", "min", "max"], quantiles or list(QUANTILES))
    features = zones["features"]
    geometries = [checked_geometry(number, feature) for number, feature in enumerate(features)]
    moved = in_crs_of(raster, geometries, zones_crs(zones))
    check_distinct(raster, band, wanted, moved, int(context.config.get("distinct", DISTINCT)))
    known = [number for number, geometry in enumerate(moved) if geometry is not None]
    results: list[dict[str, Any]] = [{} for _ in features]
    rows = extracted(Band(raster, band), [moved[number] for number in known], wanted, context)
    for number, row in zip(known, rows, strict=True):
        results[number] = row
    return {"zones": {**zones, "features": list(joined(features, results, wanted))}}


def extracted(
    band: Band, geometries: list[Any], wanted: Wanted, context: dragoman.Context
) -> list[dict[str, Any]]:
    """The statistics of each polygon, by the names of ``wanted``."""
    if not geometries:
        return []
    fields = {f"s{number}": label for number, label in enumerate(wanted)}
    with gdal_env():
        rows = exact_extract(
            band,
            JSONFeatureSource([{"type": "Feature", "geometry": g, "properties": {}} for g in geometries]),
            [Operation(wanted[x][0], field, band, None, wanted[x][1]) for field, x in fields.items()],
            max_cells_in_memory=int(context.config.get("cells", CELLS)),
            progress=lambda done, _: context.progress(100.0 * done, f"{done:.0%} of the zones"),
        )
    # exactextract hangs the rounded percentage onto the field of a quantile: s3_12
    return [
        {fields[key.partition("_")[0]]: value for key, value in row["properties"].items()} for row in rows
    ]


def operations(statistics: list[str], quantiles: list[float]) -> Wanted:
    """What to calculate, by the property that it becomes."""
    wanted: Wanted = {}
    for name in statistics:
        if name not in STATISTICS:
            raise dragoman.InputError("statistics", f"{name!r} is none of {', '.join(STATISTICS)}")
        if name != "quantiles":
            wanted[name] = (name, {})
            continue
        for share in quantiles:
            if not 0 <= share <= 1:
                raise dragoman.InputError("quantiles", f"{share} is not between 0 and 1")
            wanted[f"quantile_{share * 100:g}"] = ("quantile", {"q": float(share)})
    return wanted


def check_distinct(raster: Any, band: int, wanted: Wanted, shapes: list[Any], limit: int) -> None:
    """Raise InputError where the distinct values of a zone may fill the memory."""
    asked = [label for label, (name, _) in wanted.items() if name in KEEPING]
    if not asked or np.dtype(raster.dtypes[band - 1]).itemsize <= 2:
        return
    area = abs(raster.transform.a * raster.transform.e)
    for number, shape in enumerate(shapes):
        if shape is None:
            continue
        points = np.array([point for ring in rings(shape) for point in ring], dtype=float)
        width, height = np.ptp(points, axis=0)
        cells = min(width * height / area, raster.width * raster.height)
        if cells > limit:
            raise dragoman.InputError(
                "statistics",
                f"{', '.join(asked)} keep every distinct value; feature {number} spans {cells:.0f} pixels, "
                f"and at most {limit} are possible for {raster.dtypes[band - 1]}",
            )


def zones_crs(zones: dict[str, Any]) -> CRS:
    """The CRS of the collection: its ``crs`` member (GeoJSON 2008), else WGS 84, longitude first."""
    member = zones.get("crs")
    if member is None:
        return CRS.from_epsg(4326)
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        raise dragoman.InputError("zones", "its crs has to be {type: name, properties: {name: ...}}")
    try:
        return parse_crs(name)
    except InvalidRequest as error:
        raise dragoman.InputError("zones", error.detail) from error


def checked_geometry(number: int, feature: dict[str, Any]) -> dict[str, Any] | None:
    """The polygon of a feature; None where it has none. Raises InputError for other geometries."""
    geometry: dict[str, Any] | None = feature.get("geometry")
    if geometry is None or not geometry.get("coordinates"):
        return None
    if geometry.get("type") not in ("Polygon", "MultiPolygon"):
        raise dragoman.InputError(
            "zones", f"feature {number} is a {geometry.get('type')}; zones are Polygon or MultiPolygon"
        )
    for ring in rings(geometry):
        if len(ring) < 4 or ring[0][:2] != ring[-1][:2]:
            raise dragoman.InputError("zones", f"feature {number} has a ring that is not closed")
    return geometry


def rings(geometry: dict[str, Any]) -> Iterator[list[Any]]:
    """Every ring of a Polygon or MultiPolygon."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    for polygon in polygons:
        yield from polygon


def in_crs_of(raster: Any, geometries: list[dict[str, Any] | None], crs: CRS) -> list[dict[str, Any] | None]:
    """The geometries in the raster's CRS, their edges bent as the projection bends them."""
    if not raster.crs:
        raise dragoman.InputError("raster", "has no CRS, so that zones cannot be placed on it")
    if raster.crs == crs:
        return [geometry and flat(geometry) for geometry in geometries]
    moved: list[dict[str, Any] | None] = []
    for number, geometry in enumerate(geometries):
        try:
            shape = geometry and transform_geom(crs, raster.crs, bent(geometry))
        except TRANSFORM_ERRORS as error:
            raise cannot_place(number, crs, raster) from error
        if shape and not all(math.isfinite(x) for ring in rings(shape) for point in ring for x in point):
            raise cannot_place(number, crs, raster)
        moved.append(dict(shape) if shape else None)
    return moved


def cannot_place(number: int, crs: CRS, raster: Any) -> dragoman.InputError:
    """Feature ``number`` has no place in the raster's CRS."""
    where = f"from {crs_label(crs)} to {crs_label(raster.crs)}"
    return dragoman.InputError("zones", f"feature {number} cannot be transformed {where}")


def bent(geometry: dict[str, Any]) -> dict[str, Any]:
    """The geometry with points added along its edges, none longer than a hundredth of its diagonal."""
    points = np.array([point[:2] for ring in rings(geometry) for point in ring], dtype=float)
    longest = float(np.hypot(*np.ptp(points, axis=0))) / PIECES
    return on_rings(geometry, lambda ring: _with_points(ring, longest))


def flat(geometry: dict[str, Any]) -> dict[str, Any]:
    """The geometry without heights."""
    return on_rings(geometry, lambda ring: [point[:2] for point in ring])


def on_rings(geometry: dict[str, Any], change: Any) -> dict[str, Any]:
    """The geometry with every ring changed."""
    if geometry["type"] == "Polygon":
        coordinates = [change(ring) for ring in geometry["coordinates"]]
    else:
        coordinates = [[change(ring) for ring in polygon] for polygon in geometry["coordinates"]]
    return {"type": geometry["type"], "coordinates": coordinates}


def _with_points(ring: list[Any], longest: float) -> list[list[float]]:
    points = np.array([point[:2] for point in ring], dtype=float)
    if len(points) > MAX_BENT or longest <= 0:
        return [list(point) for point in points.tolist()]
    result = [points[:1]]
    for start, end in pairwise(points):
        count = max(1, math.ceil(float(np.hypot(*(end - start))) / longest))
        shares = np.arange(1, count + 1)[:, np.newaxis] / count
        result.append(start + (end - start) * shares)
    return [list(point) for point in np.concatenate(result).tolist()]


def joined(
    features: list[dict[str, Any]], results: list[dict[str, Any]], wanted: Wanted
) -> Iterator[dict[str, Any]]:
    """Each feature as it came, its properties joined by the statistics, which win over the same names."""
    for feature, result in zip(features, results, strict=True):
        empty = {name: 0 if name in ("count", "sum", "variety") else None for name in wanted}
        found = {name: plain(name, result[name]) for name in wanted if name in result}
        if found.get("sum", 0) is None:
            found["sum"] = 0
        yield {**feature, "properties": {**(feature.get("properties") or {}), **empty, **found}}


def plain(name: str, value: Any) -> Any:
    """A JSON number: whole where it counts kinds, None where there is none."""
    if value is None or not math.isfinite(float(value)):
        return None
    return int(value) if name == "variety" else float(value)
