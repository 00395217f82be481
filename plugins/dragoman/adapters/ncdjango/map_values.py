"""The handlers of values: identify, and what ``/data`` tells of a variable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from dragoman.adapters.ncdjango.map_documents import identify_document
from dragoman.adapters.ncdjango.map_parameters import instant_of, layers_of, step_of
from dragoman.adapters.ncdjango.map_pictures import band_of
from dragoman.adapters.ncdjango.map_views import arcgis_json, arguments_of, service_of, variable_of
from dragoman.adapters.ncdjango.place_parameters import (
    reference_named,
    reference_of_point,
    refuse,
)

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ncdjango.place_parameters import Arguments
    from dragoman.adapters.ncdjango.surface import Surface
    from dragoman.maps.drawing.orders import Band, Method
    from dragoman.model.map_service import MapVariable
    from dragoman.web.call import Call

METHODS: Final = ("equal", "quantile", "jenks")
MOST_BREAKS: Final = 100
COUNT: Final = re.compile(r"[0-9]{1,3}", re.ASCII)
"""How a number of breaks is written."""
MOST_UNIQUE: Final = 100
"""Different values that are told; the real server's NC_MAX_UNIQUE_VALUES."""


def identify(api: Surface, call: Call, name: str) -> Response:
    """GET or POST: what lies at a point."""
    service = service_of(api, call, name)
    arguments = arguments_of(call)
    _check_screen(arguments)
    x, y, reference = reference_of_point(arguments, service)
    instant = instant_of(arguments)
    variables = [each for each in layers_of(arguments, service, identify=True) if each.drawn]
    bands = [band_of(variable, step_of(variable, instant)) for variable in variables]
    return arcgis_json(identify_document(variables, _values(api, bands, x, y, reference)))


def _check_screen(arguments: Arguments) -> None:
    """What every identify has to tell; of a raster it changes nothing."""
    tolerance = arguments.get("tolerance", "")
    try:
        good = 0 <= float(tolerance) < 1e6
    except ValueError:
        good = False
    if not good:
        refuse("tolerance", tolerance, "a number of pixels")
    display = arguments.get("imageDisplay", "")
    try:
        numbers = [float(part) for part in display.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(0 < number < 1e6 for number in numbers):
        refuse("imageDisplay", display, "width,height,dpi")


def value_range(api: Surface, call: Call, name: str, variable: str) -> Response:
    """GET: the least and the greatest value, at all times."""
    asked = variable_of(service_of(api, call, name), variable)
    return arcgis_json({"min": _plain(asked.minimum), "max": _plain(asked.maximum)})


def classify(api: Surface, call: Call, name: str, variable: str) -> Response:
    """GET: where classes end."""
    asked = variable_of(service_of(api, call, name), variable)
    arguments = arguments_of(call)
    method = arguments.get("method", "")
    if method not in METHODS:
        refuse("method", method, ", ".join(METHODS))
    breaks = arguments.get("breaks", "")
    if not (COUNT.fullmatch(breaks) and 1 <= int(breaks) <= MOST_BREAKS):
        refuse("breaks", breaks, f"1 to {MOST_BREAKS}")
    with api.services.slots.slot(api.patience):
        document = api.drawing.classes(_bands(asked), cast("Method", method), int(breaks))
    return arcgis_json(document)


def unique(api: Surface, call: Call, name: str, variable: str) -> Response:
    """GET: how many different values there are, and the first of them."""
    asked = variable_of(service_of(api, call, name), variable)
    with api.services.slots.slot(api.patience):
        return arcgis_json(api.drawing.unique_values(_bands(asked), MOST_UNIQUE))


def values_at_point(api: Surface, call: Call, name: str, variable: str) -> Response:
    """GET: the value at a point, at each time."""
    service = service_of(api, call, name)
    asked = variable_of(service, variable)
    arguments = arguments_of(call)
    x, y = (_coordinate(arguments, each) for each in ("x", "y"))
    projection = arguments.get("projection", "")
    reference = reference_named("projection", projection) if projection else service.grid.crs_wkt
    return arcgis_json({"values": _values(api, _bands(asked), x, y, reference)})


def _coordinate(arguments: Arguments, name: str) -> float:
    text = arguments.get(name, "")
    try:
        number = float(text)
    except ValueError:
        refuse(name, text, "a number")
    if not abs(number) < 1e12:
        refuse(name, text, "a number")
    return number


def _bands(variable: MapVariable) -> list[Band]:
    return [band_of(variable, step) for step in range(len(variable.drawn))]


def _values(api: Surface, bands: list[Band], x: float, y: float, reference: str) -> list[float | None]:
    if not bands:
        return []
    with api.services.slots.slot(api.patience):
        return api.drawing.point_values(bands, x, y, reference)


def _plain(value: float | None) -> float | int | None:
    """One without a fraction is an integer, as the real server has it."""
    return int(value) if value is not None and float(value).is_integer() else value
