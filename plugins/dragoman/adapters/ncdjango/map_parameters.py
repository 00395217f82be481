"""What is drawn, and how, as map clients write it in a query or a form. Contract: ncdjango.md, 5 and "Ours".

Every refusal is an InvalidQueryParameter that names the parameter, what came, and what is allowed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, cast

from dragoman.adapters.ncdjango.place_parameters import WHOLE, finite_numbers, json_object, refuse
from dragoman.errors import InvalidQueryParameter, InvalidRenderer
from dragoman.maps.renderers import parse_renderer

if TYPE_CHECKING:
    from dragoman.adapters.ncdjango.place_parameters import Arguments
    from dragoman.maps.drawing.orders import Encoding
    from dragoman.model.map_service import MapService, MapVariable
    from dragoman.model.renderer import Renderer

ENCODINGS: Final = ("png", "png8", "png24", "png32", "gif", "jpg", "bmp", "webp")
LONGEST_STYLES: Final = 100_000
"""Characters."""
SELECTING: Final = ("show", "include")
OMITTING: Final = ("hide", "exclude")


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
    if not all(map(WHOLE.fullmatch, parts)) or not {int(part) for part in parts} <= known.keys():
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
    values = finite_numbers(ends, most=math.inf)
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
    for layer, document in json_object("styles", text, allowed).items():
        if layer not in known:
            refuse("styles", layer, allowed)
        try:
            styles[known[layer]] = parse_renderer(document, words=False)
        except (InvalidRenderer, RecursionError) as error:
            raise InvalidQueryParameter(f"styles[{layer}]: {error}") from error
    return styles
