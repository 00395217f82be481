"""Statistics of a raster within polygons, each pixel weighted by the part of it that a polygon covers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import rasterio
import shapely
from exactextract import Operation, exact_extract
from exactextract.feature import Feature, FeatureSource
from exactextract.raster import RasterSource
from rasterio.crs import CRS
from rasterio.warp import transform, transform_geom
from rasterio.windows import Window

import dragoman
from dragoman.errors import InvalidRequest
from dragoman.rasters.crs import TRANSFORM_ERRORS, crs_label, parse_crs
from dragoman.rasters.extents import TURN
from dragoman.rasters.opening import check_band, gdal_env
from dragoman.rasters.windows import float_type, read_float

STATISTICS = ("count", "sum", "mean", "min", "max", "median", "stdev", "variety", "majority", "quantiles")
QUANTILES = (0.25, 0.5, 0.75)
KEEPING = frozenset({"median", "variety", "majority", "quantile"})
"""exactextract's statistics that keep every distinct value of a zone, about 160 bytes each."""
DISTINCT = 20_000_000
"""Pixels of a zone up to which these are possible where each may be distinct."""
CELLS = 1 << 22
"""Raster cells in memory at once."""
FEWEST, MOST = 8, 4096
"""Straight pieces per length of a zone's diagonal: an edge is bent into another CRS by its pieces."""
PER_PIXEL = 4
"""Pieces for a pixel of the diagonal: a parallel that becomes a circle loses a sixth of a pixel in all."""
NOTHING: dict[str, float] = {"count": 0.0, "sum": 0.0, "variety": 0}
"""What is told of a zone without valid pixels; None for all else."""
STRAIGHT = 0.001
"""Pixels by which an edge may bend and still be taken for straight."""
FEW_POINTS = 1000
"""Points of a zone up to which it is looked at whether it bends: that takes their square."""

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
        """Values of a window counted from the upper left; infinite ones are missing."""
        if nx == 0 or ny == 0:  # how exactextract asks for the type
            return np.empty((ny, nx), dtype=float_type(self.dataset, self.band))
        col = self.dataset.width - x0 - nx if self.mirrored else x0
        row = self.dataset.height - y0 - ny if self.flipped else y0
        values = read_float(self.dataset, self.band, Window(col, row, nx, ny))
        values[np.isinf(values)] = np.nan
        return np.ascontiguousarray(values[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1])


class Zone(Feature):  # type: ignore[misc]  # exactextract has no types
    """A polygon as exactextract reads it; as WKB, which is many times faster than its GeoJSON."""

    def __init__(self, wkb: bytes) -> None:
        super().__init__()
        self.wkb = wkb

    def geometry(self) -> bytes:
        """Well-known binary."""
        return self.wkb

    def fields(self) -> list[str]:
        """None besides the geometry."""
        return []


class Zones(FeatureSource):  # type: ignore[misc]  # exactextract has no types
    """The polygons, in the raster's CRS."""

    def __init__(self, shapes: Any) -> None:
        super().__init__()
        self.wkbs = shapely.to_wkb(shapes)

    def count(self) -> int:
        """How many there are."""
        return len(self.wkbs)

    def __iter__(self) -> Iterator[Zone]:
        return map(Zone, self.wkbs)

    def srs_wkt(self) -> None:
        """Not told, as the raster's."""


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
    crs = zones_crs(zones)
    shapes = {
        number: shape
        for number, feature in enumerate(features)
        if (shape := checked_shape(number, feature)) is not None
    }
    known = list(shapes)
    moved = in_crs_of(raster, crs, known, np.array(list(shapes.values()), dtype=object))
    limit = int(context.config.get("distinct", DISTINCT))
    check_distinct(raster, band, wanted, known, moved, limit)
    rows = extracted(Band(raster, band), moved, wanted, context)
    results: list[dict[str, Any]] = [{} for _ in features]
    for number, row in zip(known, rows, strict=True):
        results[number] = row
    return {"zones": {**zones, "features": list(joined(features, results, wanted))}}


def extracted(band: Band, shapes: Any, wanted: Wanted, context: dragoman.Context) -> list[dict[str, Any]]:
    """The statistics of each polygon, by the names of ``wanted``."""
    if not len(shapes):
        return []
    fields = {f"s{number}": label for number, label in enumerate(wanted)}
    with gdal_env():
        rows = exact_extract(
            band,
            Zones(shapes),
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


def check_distinct(
    raster: Any, band: int, wanted: Wanted, numbers: list[int], shapes: Any, limit: int
) -> None:
    """Raise InputError where the distinct values of a zone may fill the memory."""
    asked = [label for label, (name, _) in wanted.items() if name in KEEPING]
    if not asked or np.dtype(raster.dtypes[band - 1]).itemsize <= 2:
        return
    left, bottom, right, top = shapely.bounds(shapes).reshape(-1, 4).T
    area = abs(raster.transform.a * raster.transform.e)
    cells = np.minimum((right - left) * (top - bottom) / area, raster.width * raster.height)
    for number, count in zip(numbers, cells, strict=True):
        if count > limit:
            raise dragoman.InputError(
                "statistics",
                f"{', '.join(asked)} keep every distinct value; feature {number} spans {count:.0f} pixels, "
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


def checked_shape(number: int, feature: dict[str, Any]) -> Any:
    """The polygons of a feature as one shape; None where it has none. Raises InputError for other kinds."""
    polygons = list(polygons_of(number, feature.get("geometry")))
    for polygon in polygons:
        for ring in polygon:
            if len(ring) < 4 or ring[0][:2] != ring[-1][:2]:
                raise dragoman.InputError("zones", f"feature {number} has a ring that is not closed")
    if not polygons:
        return None
    parts = [shapely.Polygon(_flat(rings[0]), [_flat(ring) for ring in rings[1:]]) for rings in polygons]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _flat(ring: list[Any]) -> list[Any]:
    return [point[:2] for point in ring]


def polygons_of(number: int, geometry: dict[str, Any] | None, verb: str = "is") -> Iterator[list[Any]]:
    """The coordinates of every polygon, those within collections too."""
    if geometry is None:
        return
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        for part in geometry.get("geometries") or []:
            yield from polygons_of(number, part, "holds")
    elif kind not in ("Polygon", "MultiPolygon"):
        raise dragoman.InputError(
            "zones", f"feature {number} {verb} a {kind}; zones are Polygon or MultiPolygon"
        )
    elif geometry.get("coordinates"):
        yield from [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]


def in_crs_of(raster: Any, crs: CRS, numbers: list[int], shapes: Any) -> Any:
    """The shapes of the features ``numbers`` in the raster's CRS, valid, their edges bent as it bends them."""
    if not raster.crs:
        raise dragoman.InputError("raster", "has no CRS, so that zones cannot be placed on it")
    if not len(shapes):
        return shapes
    if raster.crs != crs:
        shapes = bent(raster, crs, numbers, shapes)
    wrong = ~shapely.is_valid(shapes)
    # "structure": what is covered counts once, where GeoJSON's overlapping parts would cut holes
    shapes[wrong] = shapely.make_valid(shapes[wrong], method="structure", keep_collapsed=False)
    return in_its_longitudes(raster, shapes)


def bent(raster: Any, crs: CRS, numbers: list[int], shapes: Any) -> Any:
    """The shapes in the raster's CRS; an edge gets points closer than the raster's pixels."""
    left, bottom, right, top = shapely.bounds(shapes).T
    diagonals = np.hypot(right - left, top - bottom)
    rough = transformed(raster, crs, numbers, shapely.segmentize(shapes, _lengths(diagonals, FEWEST)))
    west, south, east, north = shapely.bounds(rough).T
    pixels = np.hypot((east - west) / raster.transform.a, (north - south) / raster.transform.e)
    fine = PER_PIXEL * pixels > FEWEST
    few = fine & (shapely.get_num_coordinates(shapes) < FEW_POINTS)
    straight = transformed(raster, crs, list(np.array(numbers)[few]), shapes[few])
    pixel = min(abs(raster.transform.a), abs(raster.transform.e))
    fine[few] = shapely.hausdorff_distance(straight, rough[few]) > STRAIGHT * pixel
    if fine.any():
        pieces = np.minimum(np.ceil(PER_PIXEL * pixels[fine]), MOST)
        more = shapely.segmentize(shapes[fine], _lengths(diagonals[fine], pieces))
        rough[fine] = transformed(raster, crs, list(np.array(numbers)[fine]), more)
    return rough


def _lengths(diagonals: Any, pieces: Any) -> Any:
    return np.where(diagonals > 0, diagonals, 1.0) / pieces


def transformed(raster: Any, crs: CRS, numbers: list[int], shapes: Any) -> Any:
    """The shapes in the raster's CRS, point by point; cut at the antimeridian where it tells longitudes."""
    change = _cut if raster.crs.is_geographic else _pointwise
    try:
        found = change(shapes, crs, raster.crs)
    except TRANSFORM_ERRORS as error:
        raise cannot_place(_first_wrong(raster, crs, numbers, shapes), crs, raster) from error
    points, owners = shapely.get_coordinates(found, return_index=True)
    wrong = owners[~np.isfinite(points).all(axis=1)]
    if wrong.size:
        raise cannot_place(numbers[wrong[0]], crs, raster)
    return found


def _pointwise(shapes: Any, crs: CRS, target: CRS) -> Any:
    def change(points: Any) -> Any:
        return np.array(transform(crs, target, points[:, 0], points[:, 1])).T

    return shapely.transform(shapes, change)


def _cut(shapes: Any, crs: CRS, target: CRS) -> Any:
    made = transform_geom(crs, target, [shape.__geo_interface__ for shape in shapes])
    return np.array([shapely.geometry.shape(geometry) for geometry in made], dtype=object)


def _first_wrong(raster: Any, crs: CRS, numbers: list[int], shapes: Any) -> int:
    for number, shape in zip(numbers, shapes, strict=True):
        try:
            transform_geom(crs, raster.crs, shape.__geo_interface__)
        except TRANSFORM_ERRORS:
            return number
    return numbers[0]


def cannot_place(number: int, crs: CRS, raster: Any) -> dragoman.InputError:
    """Feature ``number`` has no place in the raster's CRS."""
    where = f"from {crs_label(crs)} to {crs_label(raster.crs)}"
    return dragoman.InputError("zones", f"feature {number} cannot be transformed {where}")


def in_its_longitudes(raster: Any, shapes: Any) -> Any:
    """The shapes, told again a turn further for a geographic raster that reaches beyond 180 degrees."""
    if not raster.crs.is_geographic:
        return shapes
    left, _, right, _ = Band(raster, 1).extent()
    for turn, beyond in ((TURN, right > TURN / 2), (-TURN, left < -TURN / 2)):
        if beyond:
            shapes = shapely.union(shapes, shapely.transform(shapes, partial(np.add, (turn, 0.0))))
    return shapes


def joined(
    features: list[dict[str, Any]], results: list[dict[str, Any]], wanted: Wanted
) -> Iterator[dict[str, Any]]:
    """Each feature as it came, its properties joined by the statistics, which win over the same names."""
    for feature, result in zip(features, results, strict=True):
        empty = {name: NOTHING.get(name) for name in wanted}
        found = {name: plain(name, result[name]) for name in wanted if name in result}
        yield {**feature, "properties": {**(feature.get("properties") or {}), **empty, **found}}


def plain(name: str, value: Any) -> Any:
    """A JSON number: whole where it counts kinds; where there is none what NOTHING says."""
    if value is None or math.isnan(float(value)):
        return NOTHING.get(name)
    if math.isinf(float(value)):
        return None
    return int(value) if name == "variety" else float(value)
