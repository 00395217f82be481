"""What map clients write in a query or a form, read strictly. Contract: ncdjango.md, 5 and "Ours".

Every refusal is an InvalidQueryParameter that names the parameter, what came, and what is allowed.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from dragoman.errors import InvalidQueryParameter, InvalidRenderer, InvalidRequest
from dragoman.maps.places import Box, check_reference, transformed
from dragoman.maps.renderers import parse_renderer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.maps.drawing.orders import Encoding
    from dragoman.model.map_service import MapService, MapVariable
    from dragoman.model.process import JSON
    from dragoman.model.renderer import Renderer

MOST_PIXELS: Final = 4096
"""Along each side of a picture."""
DEFAULT_SIZE: Final = (400, 400)
ENCODINGS: Final = ("png", "png8", "png24", "png32", "gif", "jpg", "bmp", "webp")
WEB_MERCATOR: Final = frozenset({3857, 102100, 102113, 900913, 3785})
"""Numbers under which ArcGIS and others know web mercator."""
FIRST_OF_ESRI: Final = 32768
"""Numbers from here on are of Esri, those below of EPSG."""
LONGEST_STYLES: Final = 100_000
"""Characters."""
SELECTING: Final = ("show", "include")
OMITTING: Final = ("hide", "exclude")

type Arguments = Mapping[str, str]
"""The parameters that were sent, each once; one that is empty counts as left out."""

_NUMBER: Final = re.compile(r"\s*-?[0-9]{1,7}\s*", re.ASCII)


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


# -- places ----------------------------------------------------------------------------------------------


def frame_of(arguments: Arguments, service: MapService) -> Frame:
    """Of an export: its bbox in imageSR, widened to the shape of the picture."""
    size = size_of(arguments)
    bbox, embedded = box_of(arguments, "bbox")
    own = service.grid.crs_wkt
    source = reference_of(arguments, "bboxSR") or embedded or own
    target = reference_of(arguments, "imageSR") or source
    try:
        moved = transformed(bbox, source, target)
    except InvalidRequest as error:
        raise InvalidQueryParameter(f"bbox: {error.detail}") from error
    return Frame(bbox=widened(moved, size), reference=target, size=size)


def size_of(arguments: Arguments) -> tuple[int, int]:
    """Width and height of a picture."""
    text = arguments.get("size", "")
    if not text:
        return DEFAULT_SIZE
    allowed = f"width,height, each from 1 to {MOST_PIXELS}"
    parts = text.split(",")
    if len(parts) != 2 or not all(map(_NUMBER.fullmatch, parts)):
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
        envelope = _object(name, text, allowed)
        numbers = [envelope.get(each) for each in ("xmin", "ymin", "xmax", "ymax")]
        if "spatialReference" in envelope:
            reference = reference_named(name, envelope["spatialReference"])
    else:
        numbers = list(text.split(","))
    values = _finite(numbers)
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
    if text.lstrip().startswith("{"):
        point = _object("geometry", text, allowed)
        numbers = [point.get("x"), point.get("y")]
        if "spatialReference" in point:
            reference = reference_named("geometry", point["spatialReference"])
    else:
        numbers = list(text.split(","))
    values = _finite(numbers)
    if len(values) != 2:
        refuse("geometry", text, allowed)
    return values[0], values[1], reference


def reference_of(arguments: Arguments, name: str) -> str:
    """The reference system that a parameter names; empty where it is left out."""
    text = arguments.get(name, "").strip()
    if not text:
        return ""
    value: JSON = _object(name, text, "a wkid") if text.startswith("{") else text
    return reference_named(name, value)


def reference_named(name: str, value: JSON) -> str:
    """``EPSG:n`` or ``ESRI:n`` of a wkid, as number, text or ``{"wkid": n}``."""
    number = value.get("wkid", value.get("latestWkid", "")) if isinstance(value, dict) else value
    text = str(number).strip()
    authority, _, code = text.rpartition(":")
    if authority.upper() not in ("", "EPSG", "ESRI") or isinstance(number, bool):
        refuse(name, text, "a wkid, such as 4326 or 102100")
    if not _NUMBER.fullmatch(code) or int(code) <= 0:
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


def _finite(values: Sequence[Any], most: float = 1e12) -> list[float]:
    """As numbers; none where one is none, or beyond all places."""
    try:
        numbers = [math.nan if isinstance(value, bool) else float(value) for value in values]
    except (TypeError, ValueError):
        return []
    return numbers if all(math.isfinite(number) and abs(number) < most for number in numbers) else []


def _object(name: str, text: str, allowed: str) -> dict[str, JSON]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        refuse(name, text, allowed)
    if not isinstance(value, dict):
        refuse(name, text, allowed)
    return value


# -- what is drawn, and how ------------------------------------------------------------------------------


def encoding_of(arguments: Arguments) -> Encoding:
    """The format of a picture."""
    word = arguments.get("format", "png").strip().lower()
    word = "jpg" if word == "jpeg" else word
    if word not in ENCODINGS:
        refuse("format", arguments["format"], ", ".join(ENCODINGS))
    return cast("Encoding", word)


def transparent_of(arguments: Arguments) -> bool:
    """Whether what has no value shows what lies below; it does unless that is switched off."""
    word = arguments.get("transparent", "true").strip().lower()
    if word not in ("true", "false", "1", "0"):
        refuse("transparent", word, "true, false")
    return word in ("true", "1")


def layers_of(arguments: Arguments, service: MapService, *, identify: bool = False) -> list[MapVariable]:
    """The variables that are asked for, the one on top first; left out, the first of all."""
    text = arguments.get("layers", "").strip()
    known = {variable.index: variable for variable in service.variables}
    numbers = ",".join(map(str, known))
    word, colon, rest = text.partition(":")
    word = word.strip().lower()
    allowed = f"{'all, top, visible, or ' if identify else ''}show:, hide:, include: or exclude: with some of {numbers}"
    words = (*SELECTING, *OMITTING, *(("all", "top", "visible") if identify else ()))
    if not text or (identify and word == "top" and not colon):
        return [known[min(known)]] if known else []
    if word not in words or (not colon and word not in ("all", "visible")):
        refuse("layers", text, allowed)
    parts = [part for part in rest.split(",") if part.strip()]
    if not all(map(_NUMBER.fullmatch, parts)) or not {int(part) for part in parts} <= known.keys():
        refuse("layers", text, allowed)
    named = {int(part) for part in parts}
    if word in OMITTING:
        named = known.keys() - named
    elif word in ("all", "visible", "top") and not named:
        named = set(known)
    chosen = [known[number] for number in sorted(named)]
    return chosen[:1] if word == "top" else chosen


def instant_of(arguments: Arguments) -> float | None:
    """The instant that is asked for, in seconds; of a range the first end that is one. None: it is left out."""
    text = arguments.get("time", "").strip()
    if not text:
        return None
    parts = [part.strip() for part in text.split(",")]
    ends = [part for part in parts if part.lower() != "null"]
    values = _finite(ends, most=math.inf)
    if len(parts) > 2 or len(values) != len(ends) or (not ends and len(parts) != 2):
        refuse("time", text, "milliseconds since 1970, or two of them")
    return values[0] / 1000 if values else None


def step_of(variable: MapVariable, instant: float | None) -> int:
    """The step whose instant is nearest; of two the earlier. The first where none is asked for."""
    if instant is None or not variable.times:
        return 0
    return min(range(len(variable.times)), key=lambda step: (abs(variable.times[step] - instant), step))


def styles_of(arguments: Arguments, service: MapService) -> dict[int, Renderer]:
    """The renderers that go before those of the service, by layer."""
    text = arguments.get("styles", "").strip()
    if not text:
        return {}
    known = {str(variable.index): variable.index for variable in service.variables}
    allowed = f"an object of renderers by layer ({', '.join(known)})"
    if len(text) > LONGEST_STYLES:
        refuse("styles", f"{len(text)} characters", f"{LONGEST_STYLES} at most")
    styles = {}
    for layer, document in _object("styles", text, allowed).items():
        if layer not in known:
            refuse("styles", layer, allowed)
        try:
            styles[known[layer]] = parse_renderer(document, words=False)
        except (InvalidRenderer, RecursionError) as error:
            raise InvalidQueryParameter(f"styles[{layer}]: {error}") from error
    return styles
