"""Colours by value, in numpy: each cell gets the number of a colour, as trefoil's renderers give it.

A stretched ramp has 90 colours, 255 where there are more than 20 stops; a value beyond an end has that end's colour. A
class ends at its value and holds it; what lies above the last is not drawn. A unique value that is not named is not
drawn. Contract: ncdjango.md, "Rendering" and "Ours".
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dragoman.model.renderer import Renderer

SHORT_RAMP: Final = 90
LONG_RAMP: Final = 255
MANY_STOPS: Final = 20
BLOCK: Final = 2**20
"""Cells that are looked at together: their places in the ramp take eight bytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of a renderer."""

    renderer: Renderer
    values: NDArray[np.float64]
    """Of the renderer's colours, ascending."""
    colors: NDArray[np.uint8]
    """(colours + 1, 4): red, green, blue, alpha; the last is of what is not drawn."""

    @property
    def nothing(self) -> int:
        """The number of what is not drawn."""
        return len(self.colors) - 1

    def numbers(self, values: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
        """The number of each cell's colour, in the shape of ``values``."""
        numbers = np.empty(values.shape, np.uint8 if self.nothing < 256 else np.uint16)
        flat, shown = numbers.reshape(-1), self._shown(values, valid).reshape(-1)
        cells = values.reshape(-1)
        for start in range(0, cells.size, BLOCK):
            part = slice(start, start + BLOCK)
            flat[part] = np.where(shown[part], self._places(cells[part], shown[part]), self.nothing)
        return numbers

    def _shown(self, values: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
        fill = self.renderer.fill_value
        return valid if fill is None else valid & np.asarray(values != fill)

    def _places(self, cells: NDArray[Any], shown: NDArray[np.bool_]) -> NDArray[Any]:
        values = self.values
        exact = np.where(shown, cells, 0).astype(np.float64)
        if self.renderer.kind == "stretched":
            span = float(values[-1] - values[0])
            factor = (self.nothing - 1) / span if span else 1.0
            return np.asarray(np.clip((exact - values[0]) * factor, 0, self.nothing - 1).astype(np.intp))
        if cells.dtype.kind == "f":  # 0.1 is the value of a cell that is as near to 0.1 as its type can be
            values = values.astype(cells.dtype).astype(np.float64)
        places = np.searchsorted(values, exact, side="left")  # past the end: not drawn
        if self.renderer.kind == "unique":
            hit: NDArray[np.bool_] = values[np.minimum(places, len(values) - 1)] == exact
            places[~hit] = self.nothing
        return np.asarray(places)


@lru_cache(256)
def palette_of(renderer: Renderer) -> Palette:
    """The palette of a renderer whose values are numbers, in ascending order."""
    values = np.array([float(value) for value, _ in renderer.colors])
    stops = [parse_color(color) for _, color in renderer.colors]
    colors = np.array(
        list(_ramp(values, stops, renderer)) if renderer.kind == "stretched" else stops, np.uint8
    )
    with_nothing = np.vstack([colors, np.array([[255, 255, 255, 0]], np.uint8)])
    return Palette(renderer=renderer, values=values, colors=with_nothing)


def parse_color(text: str) -> tuple[int, int, int, int]:
    """Red, green, blue and alpha of ``#rgb``, ``#rrggbb`` or ``#rrggbbaa``."""
    digits = text.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
    return red, green, blue, alpha


def _ramp(
    values: NDArray[np.float64], stops: Sequence[tuple[int, int, int, int]], renderer: Renderer
) -> Iterator[list[int]]:
    """The colours of a ramp, evenly spaced from the first value to the last."""
    size = LONG_RAMP if len(stops) > MANY_STOPS else SHORT_RAMP
    span = float(values[-1] - values[0])
    places = (values - values[0]) * ((size - 1) / span if span else 1.0)
    across = np.arange(size)
    alpha = np.interp(across, places, [stop[3] for stop in stops])
    if renderer.color_space == "rgb":
        channels = [np.interp(across, places, [stop[each] for stop in stops]) for each in range(3)]
        for each in range(size):
            yield [int(channel[each]) for channel in (*channels, alpha)]
        return
    hsv = [colorsys.rgb_to_hsv(*(part / 255 for part in stop[:3])) for stop in stops]
    saturation = np.interp(across, places, [each[1] for each in hsv])
    brightness = np.interp(across, places, [each[2] for each in hsv])
    hues = _hues(across, places, hsv)
    for each in range(size):
        rgb = colorsys.hsv_to_rgb(hues[each], saturation[each], brightness[each])
        yield [*(int(part * 255 + 1e-6) for part in rgb), int(alpha[each])]


def _hues(
    across: NDArray[Any], places: NDArray[np.float64], hsv: Sequence[tuple[float, float, float]]
) -> NDArray[np.float64]:
    """The hue between two stops goes straight, not around the circle; a grey has the hue of its neighbour."""
    hues = np.zeros(len(across))
    for left in range(len(hsv) - 1):
        low, high = hsv[left], hsv[left + 1]
        first = high[0] if low[1] == 0 else low[0]
        last = low[0] if high[1] == 0 else high[0]
        inside = (across >= places[left]) & (across <= places[left + 1])
        hues[inside] = np.interp(across[inside], [places[left], places[left + 1]], [first, last])
    return hues
