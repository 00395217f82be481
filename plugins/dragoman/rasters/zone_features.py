"""Zones as GeoJSON tells them: features, their polygons, and the CRS of the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from rasterio.crs import CRS

from dragoman.errors import InputError, InvalidRequest
from dragoman.rasters.crs import parse_crs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def collection_crs(input_id: str, zones: dict[str, Any]) -> CRS:
    """The CRS of the collection: its ``crs`` member (GeoJSON 2008), else WGS 84, longitude first."""
    member = zones.get("crs")
    if member is None:
        return CRS.from_epsg(4326)
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        raise InputError(input_id, "its crs has to be {type: name, properties: {name: ...}}")
    try:
        return parse_crs(name)
    except InvalidRequest as error:
        raise InputError(input_id, error.detail) from error


def feature_shape(input_id: str, number: int, feature: dict[str, Any]) -> Any:
    """The polygons of a feature as one shape, perhaps an empty or an invalid one; None where it has none.

    Raises InputError for other kinds of geometry, and for rings that are none.
    """
    geometry = feature.get("geometry")
    polygons = list(_polygons(input_id, number, geometry))
    if not polygons:
        return None
    parts = [
        shapely.Polygon(
            _ring(input_id, number, rings[0]),
            [hole for ring in rings[1:] if len(hole := _ring(input_id, number, ring))],
        )
        for rings in polygons
        if rings and rings[0]
    ]
    if len(parts) == 1:
        return parts[0]
    return shapely.MultiPolygon(parts)


def _polygons(
    input_id: str, number: int, geometry: dict[str, Any] | None, verb: str = "is"
) -> Iterator[list[Any]]:
    """The coordinates of every polygon, those within collections too."""
    if geometry is None:
        return
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        for part in geometry.get("geometries") or []:
            yield from _polygons(input_id, number, part, "holds")
    elif kind not in ("Polygon", "MultiPolygon"):
        raise InputError(input_id, f"feature {number} {verb} a {kind}; zones are Polygon or MultiPolygon")
    elif geometry.get("coordinates"):
        yield from [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]


def _ring(input_id: str, number: int, ring: list[Any]) -> NDArray[np.float64]:
    """Shape (n, 2), without what is repeated, so long as four points are left; n is 0 for an empty ring."""
    if not ring:
        return np.empty((0, 2))
    try:
        points = np.array([position[:2] for position in ring], dtype=np.float64)
    except (TypeError, ValueError, OverflowError, IndexError) as error:
        raise InputError(input_id, f"feature {number} has a position that is no pair of numbers") from error
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(input_id, f"feature {number} has a position that is no pair of numbers")
    if len(points) < 4 or (points[0] != points[-1]).any():
        raise InputError(input_id, f"feature {number} has a ring that is not closed")
    fresh = np.append(True, (points[1:] != points[:-1]).any(axis=1))
    return points[fresh] if fresh.sum() >= 4 else points
