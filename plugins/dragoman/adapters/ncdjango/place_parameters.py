"""The places that map clients write in a query or a form: boxes, points, sizes, reference systems.

Every refusal is an InvalidQueryParameter that names the parameter, what came, and what is allowed. Contract:
ncdjango.md, 5 and "Ours".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from dragoman.errors import InvalidQueryParameter, InvalidRequest
from dragoman.maps.places import WEB_MERCATOR as MERCATOR
from dragoman.maps.places import (
    Box,
    check_reference,
    is_geographic,
    may_be_degrees,
    mercator_extent,
    own_extent,
    region_of,
    transformed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.model.map_service import MapService
    from dragoman.model.process import JSON

MOST_PIXELS: Final = 4096
"""Along each side of a picture."""
DEFAULT_SIZE: Final = (400, 400)
WEB_MERCATOR: Final = frozenset({3857, 102100, 102113, 900913, 3785})
"""Numbers under which ArcGIS and others know web mercator."""
MOST_DEGREES: Final = 1800.0
"""A view of the whole world in longitudes and latitudes may be a few times as wide and high."""
FIRST_OF_ESRI: Final = 32768
"""Numbers from here on are of Esri, those below of EPSG."""
WHOLE: Final = re.compile(r"\s*-?[0-9]{1,7}\s*", re.ASCII)
"""A whole number."""
_BARE: Final = re.compile(r"([{,]\s*)([a-zA-Z]{1,40})\s*:", re.ASCII)
"""A member's name without quotes."""

type Arguments = Mapping[str, str]
"""The parameters that were sent, each once; one that is empty counts as left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Which part of the world a picture shows."""

    bbox: Box
    reference: str
    """``EPSG:n``, ``ESRI:n``, or the WKT of the service."""
    size: tuple[int, int]
    """Width and height in pixels."""


def refuse(name: str, value: object, allowed: str) -> NoReturn:
    """Raise what is wrong with a parameter."""
    shown = str(value)
    cut = shown if len(shown) <= 80 else f"{shown[:80]}..."
    raise InvalidQueryParameter(f"{name}: {f'got {cut!r}' if cut else 'is missing'}; allowed: {allowed}")


def frame_of(arguments: Arguments, service: MapService) -> Frame:
    """Of an export: its bbox in imageSR, widened to the shape of the picture."""
    size = size_of(arguments)
    bbox, embedded = box_of(arguments, "bbox")
    source = reference_of(arguments, "bboxSR") or embedded or unnamed_reference(bbox, service)
    target = reference_of(arguments, "imageSR") or source
    try:
        moved = transformed(bbox, source, target)
    except InvalidRequest as error:
        raise InvalidQueryParameter(f"bbox: {error.detail}") from error
    return Frame(bbox=widened(moved, size), reference=target, size=size)


def unnamed_reference(box: Box, service: MapService, *, asked_for: str = "") -> str:
    """What a box is in whose reference system is left out: that of the service.

    A box that cannot be meant in that, and that the service lies in by web mercator, is in web mercator, in which a
    service tells its extent: QGIS goes by that. So is one that could be in either but lies beside the service in its
    own, where a picture would be empty; for values, which nobody sees to be from elsewhere, the parameter ``asked_for``
    must say it. What could be in degrees is, of a service in degrees: -120 may be asked of one told in 0 to 360.
    """
    grid = service.grid
    seen = _meet(box, own_extent(grid))
    in_mercator = MERCATOR if _meet(box, mercator_extent(grid)) else grid.crs_wkt
    if is_geographic(grid.crs_wkt):
        degrees = may_be_degrees(box) or (seen and max(map(abs, box)) <= MOST_DEGREES)
        return grid.crs_wkt if degrees else in_mercator
    possible = _holds(region_of(grid), _middle(box))
    if in_mercator != MERCATOR or (possible and seen):
        return grid.crs_wkt
    if possible and asked_for:
        allowed = "a wkid: this box could be in the service's own reference system, or in web mercator"
        refuse(asked_for, "", allowed)
    return MERCATOR


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _holds(box: Box, point: tuple[float, float]) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _meet(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def size_of(arguments: Arguments) -> tuple[int, int]:
    """Width and height of a picture."""
    text = arguments.get("size", "")
    if not text:
        return DEFAULT_SIZE
    allowed = f"width,height, each from 1 to {MOST_PIXELS}"
    parts = text.split(",")
    if len(parts) != 2 or not all(map(WHOLE.fullmatch, parts)):
        refuse("size", text, allowed)
    width, height = map(int, parts)
    if not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
        refuse("size", text, allowed)
    return width, height


def box_of(arguments: Arguments, name: str) -> tuple[Box, str]:
    """A box, and the reference system that it names, empty if it names none."""
    text = arguments.get(name, "")
    allowed = "xmin,ymin,xmax,ymax or an envelope in JSON, the greater after the less"
    reference = ""
    if text.lstrip().startswith("{"):
        envelope = json_object(name, text, allowed)
        numbers = [envelope.get(each) for each in ("xmin", "ymin", "xmax", "ymax")]
        if "spatialReference" in envelope:
            reference = reference_named(name, envelope["spatialReference"])
    else:
        numbers = list(text.split(","))
    values = finite_numbers(numbers)
    if len(values) != 4 or values[0] >= values[2] or values[1] >= values[3]:
        refuse(name, text, allowed)
    west, south, east, north = values
    return (west, south, east, north), reference


def point_of(arguments: Arguments) -> tuple[float, float, str]:
    """The point of an identify, and the reference system that it names, empty if it names none."""
    kind = arguments.get("geometryType", "esriGeometryPoint")
    if kind != "esriGeometryPoint":
        refuse("geometryType", kind, "esriGeometryPoint")
    text, allowed, reference = arguments.get("geometry", ""), 'x,y or {"x": x, "y": y}', ""
    text = _BARE.sub(r'\1"\2":', text)  # QGIS writes {x: 1, y: 2}
    if text.lstrip().startswith("{"):
        point = json_object("geometry", text, allowed)
        numbers = [point.get("x"), point.get("y")]
        if "spatialReference" in point:
            reference = reference_named("geometry", point["spatialReference"])
    else:
        numbers = list(text.split(","))
    values = finite_numbers(numbers)
    if len(values) != 2:
        refuse("geometry", text, allowed)
    return values[0], values[1], reference


def reference_of_point(arguments: Arguments, service: MapService) -> tuple[float, float, str]:
    """The point of an identify, and its reference system: that of the map that was looked at, if none is named."""
    x, y, embedded = point_of(arguments)
    extent, of_extent = box_of(arguments, "mapExtent")
    reference = reference_of(arguments, "sr") or embedded or of_extent
    if not reference:
        looked_at = extent if _holds(extent, (x, y)) else (x, y, x, y)
        reference = unnamed_reference(looked_at, service, asked_for="sr")
    return x, y, reference


def reference_of(arguments: Arguments, name: str) -> str:
    """The reference system that a parameter names; empty where it is left out."""
    text = arguments.get(name, "").strip()
    if not text:
        return ""
    value: JSON = json_object(name, text, "a wkid") if text.startswith("{") else text
    return reference_named(name, value)


def reference_named(name: str, value: JSON) -> str:
    """``EPSG:n`` or ``ESRI:n`` of a wkid, as number, text or ``{"wkid": n}``."""
    number = value.get("wkid", value.get("latestWkid", "")) if isinstance(value, dict) else value
    text = str(number).strip()
    authority, _, code = text.rpartition(":")
    if authority.upper() not in ("", "EPSG", "ESRI") or isinstance(number, bool):
        refuse(name, text, "a wkid, such as 4326 or 102100")
    if not WHOLE.fullmatch(code) or int(code) <= 0:
        refuse(name, text, "a wkid, such as 4326 or 102100")
    wkid = int(code)
    if wkid in WEB_MERCATOR:
        return "EPSG:3857"
    reference = f"{authority.upper() or ('EPSG' if wkid < FIRST_OF_ESRI else 'ESRI')}:{wkid}"
    try:
        check_reference(reference)
    except InvalidRequest as error:
        raise InvalidQueryParameter(f"{name}: {error.detail}") from error
    return reference


def widened(box: Box, size: tuple[int, int]) -> Box:
    """The box made wider or higher, around its middle, to the shape of the picture."""
    west, south, east, north = box
    wide, high = east - west, north - south
    cell = max(wide / size[0], high / size[1])
    more_x, more_y = (cell * size[0] - wide) / 2, (cell * size[1] - high) / 2
    return west - more_x, south - more_y, east + more_x, north + more_y


def finite_numbers(values: Sequence[Any], most: float = 1e12) -> list[float]:
    """As numbers; an empty list where one is none, or beyond all places."""
    try:
        numbers = [math.nan if isinstance(value, bool) else float(value) for value in values]
    except (TypeError, ValueError, OverflowError):  # the last: a whole number of hundreds of digits
        return []
    return numbers if all(math.isfinite(number) and abs(number) < most for number in numbers) else []


def json_object(name: str, text: str, allowed: str) -> dict[str, JSON]:
    """An object that was written as JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        refuse(name, text, allowed)
    if not isinstance(value, dict):
        refuse(name, text, allowed)
    return value
