"""How the cells of a map are coloured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

type RendererKind = Literal["stretched", "classified", "unique"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renderer:
    """Colours by value: a ramp between stops, a colour for each class, or one for each value."""

    kind: RendererKind
    colors: tuple[tuple[float | str, str], ...]
    """(value, ``#rgb``, ``#rrggbb`` or ``#rrggbbaa``), in ascending order of the values.

    A value may be a word that is worked out from the data: ``min``, ``max``, ``mean``, or a percentile such as ``p2``.
    """
    fill_value: float | None = None
    """A further value that is not drawn."""
    color_space: Literal["hsv", "rgb"] = "hsv"
    """Where the colours between two stops lie."""
    labels: tuple[str, ...] = ()
    """Of the classes or values, for the legend; empty: their numbers."""

    @property
    def words(self) -> tuple[str, ...]:
        """Which values the data have to give yet, each once, in order."""
        return tuple(dict.fromkeys(value for value, _ in self.colors if isinstance(value, str)))
