"""A page with images on a map, and the same as GeoJSON."""

from __future__ import annotations

import base64
import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import dragoman
from dragoman.errors import InvalidRequest
from dragoman.rasters.thumbnails import Thumbnail, thumbnail

WIDTH, HEIGHT = 1200, 675
"""Of the map, in its own pixels."""
MARGIN = 0.14
"""Share of the map that is left around the places."""
SMALLEST = 0.002
"""Degrees that the map shows at least."""
OUTLINED = 4
"""Degrees from which on countries are drawn: their outlines are rounded to a tenth of one."""
NORTHMOST = 85.0
"""Degrees: no Mercator map shows the pole."""
ON_MAP = ((12, 130.0), (30, 90.0), (120, 60.0), (600, 44.0))
"""Up to so many images, the longer side of one on the map in its pixels; more than that are dots."""
LONGEST_TEXT = 500
STEPS = [step * 10.0**power for power in range(-4, 2) for step in (1, 2, 5)]
"""Between two lines of the map, in degrees."""
METRES = 111_320.0
"""Of a degree, along a meridian."""

type Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels of the map."""


class Place(NamedTuple):
    """One image and where it was taken."""

    number: int
    name: str
    longitude: float
    """Degrees east, -180 to 180."""
    latitude: float
    attributes: dict[str, Any]


class View(NamedTuple):
    """What the map shows: Mercator, in degrees of longitude at the equator."""

    west: float
    north: float
    """In projected degrees."""
    scale: float
    """Pixels for a degree."""

    def point(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Pixels from the upper left."""
        return (longitude - self.west) * self.scale, (self.north - mercator(latitude)) * self.scale


def run(
    images: list[Path], attributes: list[dict[str, Any]], title: str = "Images", *, context: dragoman.Context
) -> dict[str, Any]:
    """The page and the features."""
    places = located(attributes, len(images))
    pictures: list[Thumbnail | str] = []
    limit = int(context.config.get("max_pixels", 400_000_000))
    for place, image in zip(places, images, strict=True):
        try:
            pictures.append(thumbnail(image, max_pixels=limit))
        except InvalidRequest as error:
            pictures.append(error.detail)
            context.notice(f"{place.name} is not shown: {error.detail}")
        context.progress(95.0 * len(pictures) / len(images), f"{len(pictures)} of {len(images)} images")
    page = Path(context.scratch) / "report.html"
    page.write_text(written(title, places, pictures), "utf-8")
    return {"page": page, "features": features(places)}


# -- what is known of the images ------------------------------------------------------------------------------


def located(attributes: list[dict[str, Any]], count: int) -> list[Place]:
    """Where each image was taken; raises InputError that names the one of which it is not told."""
    if len(attributes) != count:
        raise dragoman.InputError(
            "attributes", f"has {len(attributes)} objects for {count} images; allowed: one for each"
        )
    places = []
    for number, known in enumerate(attributes, start=1):
        given = known.get("file_name")
        name = given if isinstance(given, str) and given.strip() else f"image {number}"
        longitude = degrees(known, "longitude", 360.0, number, name)
        latitude = degrees(known, "latitude", 90.0, number, name)
        if abs(longitude) > 180:
            longitude -= math.copysign(360.0, longitude)
        places.append(
            Place(number=number, name=name, longitude=longitude, latitude=latitude, attributes=known)
        )
    return places


def degrees(known: dict[str, Any], key: str, most: float, number: int, name: str) -> float:
    """A coordinate, which may also come as text."""
    value = known.get(key)
    try:
        angle = (
            float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
        )
    except (ValueError, OverflowError):
        angle = math.nan
    if not abs(angle) <= most:
        shown = "no" if value is None else f"the {key} {str(value)[:40]!r}, not a"
        raise dragoman.InputError(
            "attributes",
            f"image {number} ({name[:80]!r}) has {shown} {key}; allowed: degrees from {-most:g} to {most:g}",
        )
    return angle


def features(places: list[Place]) -> dict[str, Any]:
    """GeoJSON (RFC 7946): a point for each image."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [place.longitude, place.latitude]},
                "properties": place.attributes,
            }
            for place in places
        ],
    }


# -- the map ------------------------------------------------------------------------------------------------


def mercator(latitude: float) -> float:
    """The projected latitude, in degrees of longitude at the equator."""
    held = math.radians(max(-NORTHMOST, min(NORTHMOST, latitude)))
    return math.degrees(math.asinh(math.tan(held)))


def unwrapped(longitudes: list[float]) -> list[float]:
    """Told so that the widest gap between two of them, around the world, lies outside."""
    ordered = sorted(longitudes)
    gaps = [(after - before, after) for before, after in pairwise(ordered)]
    gap, start = max([*gaps, (ordered[0] + 360 - ordered[-1], ordered[0])], key=lambda pair: pair[0])
    return [each if each >= start or not gap else each + 360 for each in longitudes]


def view_of(points: list[tuple[float, float]]) -> View:
    """The map that shows all places, given as longitude and latitude."""
    xs, ys = [x for x, _ in points], [mercator(y) for _, y in points]
    wide, high = max(max(xs) - min(xs), SMALLEST), max(max(ys) - min(ys), SMALLEST)
    scale = min(WIDTH / wide, HEIGHT / high) * (1 - 2 * MARGIN)
    scale = max(scale, WIDTH / 360)
    x, y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return View(west=x - WIDTH / scale / 2, north=y + HEIGHT / scale / 2, scale=scale)


def outlines(view: View) -> str:
    """The countries in view, as an SVG path; they are Natural Earth's, 1:110 million, in the public domain."""
    if WIDTH / view.scale < OUTLINED:
        return ""
    rings = json.loads(Path(__file__).with_name("countries.json").read_bytes())
    pieces = []
    for ring in rings:
        xs, ys = [x for x, _ in ring], [mercator(y) for _, y in ring]
        for turn in (-360, 0, 360):
            left, right = ((each + turn - view.west) * view.scale for each in (min(xs), max(xs)))
            top, bottom = ((view.north - each) * view.scale for each in (max(ys), min(ys)))
            if right >= 0 and left <= WIDTH and bottom >= 0 and top <= HEIGHT:
                corners = [view.point(x + turn, y) for x, y in ring]
                pieces.append("M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in corners) + "Z")
    return "".join(pieces)


def lines(view: View) -> list[dict[str, Any]]:
    """Meridians and parallels in view, with their names."""
    wide = WIDTH / view.scale
    step = next((step for step in STEPS if wide / step <= 7), STEPS[-1])
    digits = max(0, -math.floor(math.log10(step)))
    drawn: list[dict[str, Any]] = []
    for number in range(math.ceil(view.west / step), math.floor((view.west + wide) / step) + 1):
        longitude = (number * step + 180) % 360 - 180
        x = (number * step - view.west) * view.scale
        drawn.append({"x": round(x, 1), "name": named(longitude, digits, "E", "W")})
    for number in range(math.ceil(-NORTHMOST / step), math.floor(NORTHMOST / step) + 1):
        _, y = view.point(0, number * step)
        if 0 < y < HEIGHT and len(drawn) < 60:
            drawn.append({"y": round(y, 1), "name": named(number * step, digits, "N", "S")})
    return drawn


def named(angle: float, digits: int, positive: str, negative: str) -> str:
    """An angle as a map shows it."""
    shown = f"{abs(angle):.{digits}f}°"
    if float(f"{abs(angle):.{digits}f}") in (0.0, 180.0):
        return shown
    return shown + (positive if angle > 0 else negative)


def scale_bar(view: View, latitude: float) -> dict[str, Any]:
    """A round length in the middle of the map."""
    metres = METRES * math.cos(math.radians(max(-NORTHMOST, min(NORTHMOST, latitude)))) / view.scale
    length = next(
        step * 10.0**power
        for power in range(8, -3, -1)
        for step in (5, 2, 1)
        if step * 10.0**power <= 200 * metres or power == -2
    )
    name = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    return {"width": round(length / metres, 1), "name": name}


def spread(dots: list[tuple[float, float]], sizes: list[tuple[float, float]]) -> list[Box | None]:
    """Where on the map each thumbnail goes: near its dot, on no other and no dot; None where there is no room."""
    boxes: list[Box | None] = []
    for (x, y), (wide, high) in zip(dots, sizes, strict=True):
        choices = (_around(x, y, wide, high, distance) for distance in range(10, 240, 14))
        free = (box for ring in choices for box in ring if _free(box, dots, boxes))
        boxes.append(next(free, None))
    return boxes


def _around(x: float, y: float, wide: float, high: float, distance: float) -> list[Box]:
    boxes = []
    for number in range(16):
        angle = math.tau * (number / 16 - 0.25)
        middle_x = x + math.cos(angle) * (distance + wide / 2)
        middle_y = y + math.sin(angle) * (distance + high / 2)
        boxes.append((middle_x - wide / 2, middle_y - high / 2, middle_x + wide / 2, middle_y + high / 2))
    return boxes


def _free(box: Box, dots: list[tuple[float, float]], taken: list[Box | None]) -> bool:
    left, top, right, bottom = box
    if left < 4 or top < 4 or right > WIDTH - 4 or bottom > HEIGHT - 4:
        return False
    if any(left - 7 < x < right + 7 and top - 7 < y < bottom + 7 for x, y in dots):
        return False
    return not any(
        other
        and left < other[2] + 4
        and right > other[0] - 4
        and top < other[3] + 4
        and bottom > other[1] - 4
        for other in taken
    )


# -- the page -------------------------------------------------------------------------------------------------


def written(title: str, places: list[Place], pictures: list[Thumbnail | str]) -> str:
    """The page; whatever a stranger wrote is escaped by the template."""
    from jinja2 import Environment, StrictUndefined

    east = unwrapped([place.longitude for place in places])
    view = view_of([(x, place.latitude) for x, place in zip(east, places, strict=True)])
    dots = [view.point(x, place.latitude) for x, place in zip(east, places, strict=True)]
    cards = [card(place, picture, dot) for place, picture, dot in zip(places, pictures, dots, strict=True)]
    longest = next((side for most, side in ON_MAP if len(cards) <= most), None)
    if longest is not None:
        sizes = [fitted(each, longest) for each in pictures]
        for each, box in zip(cards, spread(dots, sizes), strict=True):
            each["box"] = box
    latitude = sum(place.latitude for place in places) / len(places)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(Path(__file__).with_name("page.html").read_text("utf-8"))
    return template.render(
        title=clean(title),
        cards=cards,
        width=WIDTH,
        height=HEIGHT,
        outlines=outlines(view),
        lines=lines(view),
        bar=scale_bar(view, latitude),
    )


def fitted(picture: Thumbnail | str, longest: float) -> tuple[float, float]:
    """Width and height of a thumbnail on the map."""
    if isinstance(picture, str):
        return longest / 2, longest / 2
    share = longest / max(picture.width, picture.height)
    return picture.width * share, picture.height * share


def card(place: Place, picture: Thumbnail | str, dot: tuple[float, float]) -> dict[str, Any]:
    """What the template shows of one image."""
    shown = None
    if isinstance(picture, Thumbnail):
        shown = {
            "source": "data:image/jpeg;base64," + base64.b64encode(picture.jpeg).decode("ascii"),
            "width": picture.width,
            "height": picture.height,
            "full": f"{picture.full_width} by {picture.full_height} px",
        }
    return {
        "number": place.number,
        "name": clean(place.name),
        "where": f"{named(place.latitude, 5, 'N', 'S')}, {named(place.longitude, 5, 'E', 'W')}",
        "dot": (round(dot[0], 1), round(dot[1], 1)),
        "box": None,
        "picture": shown,
        "reason": picture if isinstance(picture, str) else "",
        "rows": [(clean(str(key)), clean(value)) for key, value in place.attributes.items()],
    }


def clean(value: Any) -> str:
    """A value as text for a page: no control characters, and not without end."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
    return "".join(each if each.isprintable() or each in "\n\u200d" else "\ufffd" for each in text)
