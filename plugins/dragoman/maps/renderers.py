"""Renderers as JSON and back: the form of the YAML, of ``publish`` and of the ``styles`` of a map export.

``{"type": "stretched", "colors": [[0, "#000"], [255, "#ffffff"]], "options": {"color_space": "rgb"}}``, or ``min-max``.
Contract: config.md, after trefoil's ``serialize``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, cast

from dragoman.errors import InvalidRenderer
from dragoman.model.renderer import Renderer, RendererKind
from dragoman.schemas.messages import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.model.process import JSON

KINDS: Final = ("stretched", "classified", "unique")
MEMBERS: Final = ("type", "colors", "options")
OPTIONS: Final = ("fill_value", "color_space", "labels")
COLOR_SPACES: Final[Mapping[str, Literal["hsv", "rgb"]]] = {"hsv": "hsv", "rgb": "rgb"}
MOST_COLORS: Final = 4096
MIN_MAX: Final = Renderer(kind="stretched", colors=(("min", "#000000"), ("max", "#ffffff")))
"""Black to white, from the least to the greatest value of the data."""
WORDS: Final = "min, max, mean or a percentile such as p2"

_COLOR: Final = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE | re.ASCII)
_WORD: Final = re.compile(r"min|max|mean|p(100|[0-9]{1,2})(\.[0-9]{1,6})?", re.ASCII)


def load_renderer(value: JSON) -> Renderer:
    """The inverse of dump_renderer for one whose words have been worked out: several may be of the same value."""
    return _parsed(value, words=False, repeated=True)


def parse_renderer(value: JSON, *, words: bool) -> Renderer:
    """The renderer that a client or the operator has written; raises InvalidRenderer, which says where.

    ``words``: whether values may be words that are worked out from the data, and all of it ``min-max``.
    """
    return _parsed(value, words=words, repeated=False)


def _parsed(value: JSON, *, words: bool, repeated: bool) -> Renderer:
    if words and value == "min-max":
        return MIN_MAX
    if not isinstance(value, Mapping):
        also = ", or min-max" if words else ""
        raise InvalidRenderer(f"{_shown(value)} is no renderer; allowed: {{type, colors, options}}{also}")
    _refuse_unknown("", value, MEMBERS)
    kind = value.get("type")
    if kind not in KINDS:
        raise InvalidRenderer(f"{_shown(kind)}; allowed: {', '.join(KINDS)}", "type")
    colors = _colors(value.get("colors"), kind, words)
    if not repeated:
        _refuse_repeated(colors)
    options = value.get("options")
    if options is not None and not isinstance(options, Mapping):
        raise InvalidRenderer(f"{_shown(options)}; allowed: an object", "options")
    _refuse_unknown("options", options or {}, OPTIONS)
    return _with_options(Renderer(kind=kind, colors=colors), options or {})


def dump_renderer(renderer: Renderer) -> dict[str, JSON]:
    """The renderer as JSON, in the form that ``parse_renderer`` reads."""
    options: dict[str, JSON] = {}
    if renderer.fill_value is not None:
        options["fill_value"] = renderer.fill_value
    if renderer.kind == "stretched":
        options["color_space"] = renderer.color_space
    if renderer.labels:
        options["labels"] = list(renderer.labels)
    colors = [list(color) for color in renderer.colors]
    return {"type": renderer.kind, "colors": colors, **({"options": options} if options else {})}


def resolved(renderer: Renderer, statistics: Mapping[str, float]) -> Renderer:
    """The renderer with numbers alone; ``statistics`` has the value of each of its words.

    A word that the data have no value for (no cell of them is valid, so nothing is drawn) becomes 0.
    """
    if not renderer.words:
        return renderer
    colors = [
        (statistics.get(value, 0.0) if isinstance(value, str) else value, color)
        for value, color in renderer.colors
    ]
    return _ascending(replace(renderer, colors=tuple(colors)))


def _colors(value: JSON, kind: RendererKind, words: bool) -> tuple[tuple[float | str, str], ...]:
    least = 2 if kind == "stretched" else 1
    if not isinstance(value, list | tuple) or not least <= len(value) <= MOST_COLORS:
        allowed = f"a list of {least} to {MOST_COLORS} pairs [value, color]"
        raise InvalidRenderer(f"{_shown(value)}; allowed: {allowed}", "colors")
    return tuple(_color(f"colors[{place}]", pair, words) for place, pair in enumerate(value))


def _refuse_repeated(colors: Sequence[tuple[float | str, str]]) -> None:
    known: set[float | str] = set()
    for place, (each, _) in enumerate(colors):
        if each in known:
            raise InvalidRenderer(f"{each} has a color already", f"colors[{place}][0]")
        known.add(each)


def _color(place: str, pair: JSON, words: bool) -> tuple[float | str, str]:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise InvalidRenderer(f"{_shown(pair)}; allowed: [value, color]", place)
    value, color = pair
    if not isinstance(color, str) or not _COLOR.fullmatch(color):
        raise InvalidRenderer(f"{_shown(color)}; allowed: #rgb, #rrggbb, #rrggbbaa", f"{place}[1]")
    if words and isinstance(value, str) and _is_word(value):
        return value, color
    return _number(f"{place}[0]", value, f"a number, {WORDS}" if words else "a number"), color


def _is_word(value: str) -> bool:
    return _WORD.fullmatch(value) is not None and (value[0] != "p" or float(value[1:]) <= 100)


def _number(place: str, value: JSON, allowed: str = "a number") -> float:
    """A finite number, which clients of the real server send as text as well."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidRenderer(f"{_shown(value)}; allowed: {allowed}", place)
    return number


def _with_options(renderer: Renderer, options: Mapping[str, JSON]) -> Renderer:
    fill_value = options.get("fill_value")
    if fill_value is not None:
        renderer = replace(renderer, fill_value=_number("options.fill_value", fill_value))
    space = options.get("color_space")
    if space is not None:
        word = space.strip().lower() if isinstance(space, str) else ""
        if word not in COLOR_SPACES:
            raise InvalidRenderer(f"{_shown(space)}; allowed: hsv, rgb", "options.color_space")
        renderer = replace(renderer, color_space=COLOR_SPACES[word])
    labels = options.get("labels")
    if labels:
        renderer = replace(renderer, labels=_labels(labels, len(renderer.colors)))
    return renderer if renderer.words else _ascending(renderer)


def _labels(value: JSON, colors: int) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(label, str) for label in value):
        raise InvalidRenderer(f"{_shown(value)}; allowed: a list of texts", "options.labels")
    if len(value) != colors:
        raise InvalidRenderer(
            f"{len(value)} labels for {colors} colors; allowed: one for each", "options.labels"
        )
    return tuple(value)


def _ascending(renderer: Renderer) -> Renderer:
    """Colors by their values, each label with its color."""
    values = cast("Sequence[tuple[float, str]]", renderer.colors)
    order = sorted(range(len(values)), key=lambda place: values[place][0])
    labels = tuple(renderer.labels[place] for place in order) if renderer.labels else ()
    return replace(renderer, colors=tuple(values[place] for place in order), labels=labels)


def _refuse_unknown(place: str, value: Mapping[str, JSON], known: Sequence[str]) -> None:
    unknown = [name for name in value if name not in known]
    if unknown:
        raise InvalidRenderer(f"unknown member {_shown(unknown[0])}; allowed: {', '.join(known)}", place)


def _shown(value: JSON) -> str:
    return "nothing" if value is None else cut(repr(value))
