"""Layers in the order and with the transparency that a client chooses: ``dynamicLayers``, as ArcGIS sends it.

They do so once a user has moved a layer or made it transparent. What cannot be done is refused: a picture without it
would be another map than the user's. Every refusal is an InvalidQueryParameter. Contract: ncdjango.md, "Ours".
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dragoman.adapters.ncdjango.map_parameters import layers_of, styles_of
from dragoman.adapters.ncdjango.place_parameters import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dragoman.adapters.ncdjango.place_parameters import Arguments
    from dragoman.model.map_service import MapService, MapVariable
    from dragoman.model.process import JSON
    from dragoman.model.renderer import Renderer

NAME: Final = "dynamicLayers"
LONGEST: Final = 100_000
"""Characters."""
MOST: Final = 100
"""Layers, of which one may be there several times."""
ALLOWED: Final = (
    'a list of {"source": {"type": "mapLayer", "mapLayerId": n}, "drawingInfo": {"transparency": 0 to 100}}'
)


def drawn_layers(arguments: Arguments, service: MapService) -> list[tuple[MapVariable, Renderer]]:
    """What is drawn, the layer on top first, and how: of ``dynamicLayers``, else of ``layers``; in the ``styles``."""
    styles = styles_of(arguments, service)
    if arguments.get(NAME, "").strip():
        return [
            (variable, faded(styles.get(variable.index, variable.renderer), transparency))
            for variable, transparency in _dynamic_layers(arguments[NAME], service)
        ]
    return [
        (variable, styles.get(variable.index, variable.renderer))
        for variable in layers_of(arguments, service)
    ]


def faded(renderer: Renderer, transparency: float) -> Renderer:
    """The same colours, so many percent of which can be looked through."""
    if not transparency:
        return renderer
    colors = tuple((value, _faded_color(color, transparency)) for value, color in renderer.colors)
    return replace(renderer, colors=colors)


def _faded_color(color: str, transparency: float) -> str:
    digits = color.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    alpha = int(digits[6:] or "ff", 16)
    return f"#{digits[:6]}{round(alpha * (100 - transparency) / 100):02x}"


def _dynamic_layers(text: str, service: MapService) -> Iterator[tuple[MapVariable, float]]:
    """Each layer, the one on top first, and how transparent it is, in percent."""
    if len(text) > LONGEST:
        refuse(NAME, f"{len(text)} characters", f"{LONGEST} at most")
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        refuse(NAME, text, ALLOWED)
    if not isinstance(entries, list) or len(entries) > MOST:
        refuse(NAME, text, f"{ALLOWED}, {MOST} at most")
    known = {variable.index: variable for variable in service.variables}
    for place, entry in enumerate(entries):
        yield _dynamic_layer(f"{NAME}[{place}]", entry, known)


def _dynamic_layer(name: str, entry: JSON, known: Mapping[int, MapVariable]) -> tuple[MapVariable, float]:
    if not isinstance(entry, dict):
        refuse(name, entry, ALLOWED)
    source = entry.get("source")
    if not isinstance(source, dict) or source.get("type") != "mapLayer":
        refuse(f"{name}.source", source, '{"type": "mapLayer", "mapLayerId": n}')
    number = source.get("mapLayerId")
    if isinstance(number, bool) or not isinstance(number, int) or number not in known:
        refuse(f"{name}.source.mapLayerId", number, ", ".join(map(str, known)))
    if entry.get("definitionExpression"):
        refuse(f"{name}.definitionExpression", entry["definitionExpression"], "none: a raster has no fields")
    return known[number], _transparency(name, entry.get("drawingInfo"))


def _transparency(name: str, drawing: JSON) -> float:
    if drawing is None:
        return 0.0
    if not isinstance(drawing, dict):
        refuse(f"{name}.drawingInfo", drawing, "an object")
    if drawing.get("renderer"):
        refuse(f"{name}.drawingInfo.renderer", drawing["renderer"], "none; colours are given by 'styles'")
    transparency = drawing.get("transparency") or 0
    if (
        isinstance(transparency, bool)
        or not isinstance(transparency, int | float)
        or not 0 <= transparency <= 100
    ):
        refuse(f"{name}.drawingInfo.transparency", transparency, "0 to 100")
    return float(transparency)
