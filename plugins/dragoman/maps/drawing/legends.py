"""The legend of a renderer: labels and small pictures, as ArcGIS' legend has them. Contract: ncdjango.md, 5."""

from __future__ import annotations

import base64
import io
import math
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from dragoman.maps.drawing.palettes import palette_of, parse_color

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.model.process import JSON
    from dragoman.model.renderer import Renderer

SIDE: Final = 20
"""Pixels of a picture's sides."""
UNIQUE_WIDTH: Final = 36
MOST_DIGITS: Final = 6
"""After the point."""


def legend_of(renderer: Renderer) -> list[dict[str, JSON]]:
    """The entries, each with ``label``, ``url``, ``imageData`` (a PNG in base64), its type and size."""
    if renderer.kind == "stretched":
        return _stretched(renderer)
    labels = renderer.labels or _labels(renderer)
    width = UNIQUE_WIDTH if renderer.kind == "unique" else SIDE
    return [
        _entry(label, Image.new("RGBA", (width, SIDE), parse_color(color)))
        for label, (_, color) in zip(labels, renderer.colors, strict=True)
    ]


def _stretched(renderer: Renderer) -> list[dict[str, JSON]]:
    """Three pieces of one ramp, the greatest value on top."""
    values = [float(value) for value, _ in renderer.colors]
    palette = palette_of(renderer)
    ramp = np.linspace(values[-1], values[0], 3 * SIDE)
    numbers = palette.numbers(ramp, np.ones(ramp.shape, bool))
    if renderer.labels:
        top, bottom = renderer.labels[-1], renderer.labels[0]
    else:
        bottom, *_, top = _formatted(values)
    entries = []
    for part, label in enumerate((top, "", bottom)):
        column = palette.colors[numbers[part * SIDE : (part + 1) * SIDE]]
        pixels = np.ascontiguousarray(np.broadcast_to(column[:, None], (SIDE, SIDE, 4)))
        entries.append(_entry(label, Image.fromarray(pixels, "RGBA")))
    return entries


def _labels(renderer: Renderer) -> list[str]:
    texts = _formatted([float(value) for value, _ in renderer.colors])
    if renderer.kind == "unique":
        return texts
    if len(texts) == 1:
        return [f"<= {texts[0]}"]
    between = [f"{texts[each - 1]} - {texts[each]}" for each in range(1, len(texts) - 1)]
    return [f"<= {texts[0]}", *between, f"> {texts[-2]}"]


def _formatted(values: Sequence[float]) -> list[str]:
    """The values with as many digits after the point as tell them as they are, but few."""
    for digits in range(MOST_DIGITS + 1):
        if all(math.isclose(round(value, digits), value, rel_tol=1e-9, abs_tol=1e-12) for value in values):
            break
    return [f"{value:.{digits}f}" for value in values]


def _entry(label: str, image: Image.Image) -> dict[str, JSON]:
    file = io.BytesIO()
    image.save(file, format="PNG", compress_level=6)
    return {
        "label": label,
        "url": None,
        "imageData": base64.b64encode(file.getvalue()).decode("ascii"),
        "contentType": "image/png",
        "height": image.height,
        "width": image.width,
    }
