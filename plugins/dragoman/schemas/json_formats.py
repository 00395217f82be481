"""The formats that inline values are checked for: JSON Schema's, and OGC's for bounding boxes and GeoJSON."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from jsonschema import Draft202012Validator, FormatChecker

from dragoman.schemas.crs_names import longitude_axes

if TYPE_CHECKING:
    from dragoman.model.process import JSON

_BORROWED: Final = ("date", "date-time", "time", "duration", "email", "uri", "uri-reference", "uuid", "regex")

_LEAP: Final = re.compile(r"(.*[0-9]{2}:[0-9]{2}:)60((?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?)")
_ANY_DAY: Final = "1972-06-30T"

_DEPTH: Final = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
"""How many arrays lie around a position in the coordinates of each GeoJSON geometry (RFC 7946, 3.1)."""


def format_checker() -> FormatChecker:
    """A new checker that knows the formats above; each raises ValueError that says why."""
    checker = FormatChecker(formats=())
    for name in _BORROWED:
        if name in Draft202012Validator.FORMAT_CHECKER.checkers:
            checker.checkers = {
                **checker.checkers,
                name: Draft202012Validator.FORMAT_CHECKER.checkers[name],
            }
    for name, day in (("date-time", ""), ("time", _ANY_DAY)):
        if name in checker.checkers:
            plain, raises = checker.checkers[name]
            checker.checkers = {**checker.checkers, name: (_or_leap_second(plain, day), raises)}
    own: Mapping[str, Callable[[JSON], None]] = {
        "ogc-bbox": check_bbox,
        "geojson-feature-collection": check_feature_collection,
        "geojson-feature": check_feature,
        "geojson-geometry": check_geometry,
    }
    for name, check in own.items():
        checker.checks(name, raises=ValueError)(_as_predicate(check))
    return checker


def _or_leap_second(plain: Callable[[object], bool], day: str) -> Callable[[object], bool]:
    """The check of a time, which knows no second 60, and that at the end of a month in UTC (RFC 3339, 5.7).

    ``day`` goes before a time that has none.
    """

    def holds(value: object) -> bool:
        match = _LEAP.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            return plain(value)
        if not plain(f"{match[1]}59{match[2]}"):
            return False
        try:
            moment = datetime.fromisoformat(f"{day}{match[1]}59{match[2]}".upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            return False
        next_day = moment + timedelta(seconds=1)
        return (next_day.hour, next_day.minute) == (0, 0) and (bool(day) or next_day.day == 1)

    return holds


def _as_predicate(check: Callable[[JSON], None]) -> Callable[[object], bool]:
    def holds(value: object) -> bool:
        check(value)
        return True

    return holds


def check_bbox(value: JSON) -> None:
    """Raise ValueError unless it is a bounding box of OGC 18-062r2, 9.3.

    ``bbox`` is minima, then maxima, in the axis order of ``crs`` (default CRS84: longitude, latitude).
    A minimum longitude greater than the maximum crosses the antimeridian, so only the other axes are
    held to their order. Where it cannot be told which is the longitude, one of the two may be it.
    """
    corners = value.get("bbox") if isinstance(value, Mapping) else None
    if not isinstance(corners, list) or len(corners) not in (4, 6) or not all(map(_is_finite, corners)):
        raise ValueError("bbox has to be 4 or 6 finite numbers")
    half = len(corners) // 2
    crs = value.get("crs", "")
    if crs is not None and not isinstance(crs, str):
        raise ValueError("crs has to be a URI")
    falling = [axis for axis in range(half) if corners[axis] > corners[axis + half]]
    longitudes = longitude_axes(crs or "") if falling else ()
    wrong = [axis for axis in falling if axis not in longitudes] or falling[1:]
    if wrong:
        axis = wrong[0]
        raise ValueError(f"the minimum {corners[axis]} is greater than the maximum {corners[axis + half]}")


def check_feature_collection(value: JSON) -> None:
    """Raise ValueError unless it is a GeoJSON FeatureCollection; the text names the feature."""
    features = _member(value, "FeatureCollection", "features")
    if not isinstance(features, list):
        raise ValueError("features has to be an array")  # noqa: TRY004  # what a format raises
    for index, feature in enumerate(features):
        try:
            check_feature(feature)
        except ValueError as error:
            raise ValueError(f"features[{index}]: {error}") from error


def check_feature(value: JSON) -> None:
    """Raise ValueError unless it is a GeoJSON Feature, of which geometry and properties may be null."""
    geometry = _member(value, "Feature", "geometry")
    if geometry is not None:
        check_geometry(geometry)
    if not isinstance(value.get("properties"), Mapping | None):
        raise ValueError("properties has to be an object or null")  # noqa: TRY004  # what a format raises


def check_geometry(value: JSON) -> None:
    """Raise ValueError unless it is a GeoJSON geometry with finite coordinates."""
    open_geometries = [value]
    while open_geometries:
        geometry = open_geometries.pop()
        kind = geometry.get("type") if isinstance(geometry, Mapping) else None
        if kind == "GeometryCollection":
            parts = geometry.get("geometries")
            if not isinstance(parts, list):
                raise ValueError("geometries has to be an array")
            open_geometries.extend(parts)
        elif isinstance(kind, str) and kind in _DEPTH:
            _check_coordinates(geometry.get("coordinates"), _DEPTH[kind], kind)
        else:
            raise ValueError("the geometry has no type of GeoJSON")


def _member(value: JSON, kind: str, name: str) -> JSON:
    if not isinstance(value, Mapping) or value.get("type") != kind:
        raise ValueError(f"type has to be {kind}")
    if name not in value:
        raise ValueError(f"{name} is missing")
    return value[name]


def _check_coordinates(value: JSON, depth: int, kind: str) -> None:
    if not isinstance(value, list):
        raise ValueError(f"the coordinates are not those of a {kind}")  # noqa: TRY004  # what a format raises
    if depth:
        for part in value:
            _check_coordinates(part, depth - 1, kind)
    elif value and (len(value) < 2 or not all(map(_is_finite, value))):
        raise ValueError(f"a position of the {kind} is not 2 or more finite numbers")


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def is_number(value: object) -> bool:
    """Whether it is a JSON number; NaN and infinities, which Python's parser lets in, are none."""
    return _is_finite(value)


def is_integer(value: object) -> bool:
    """Whether it is an integer in the sense of JSON Schema, where 1.0 is one."""
    return _is_finite(value) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
