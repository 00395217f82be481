"""From layers to the bytes of a picture: colours, one layer upon the other, and the formats of ArcGIS.

A picture of one layer has at most 256 colours, so it is encoded with its palette: a quarter of the bytes, and of the
time, for the same pixels. PNG at ZLEVEL 1.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from dragoman.maps.drawing.orders import read_renderer
from dragoman.maps.drawing.palettes import palette_of
from dragoman.maps.drawing.views import View, crs_of, read_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dragoman.maps.drawing.open_files import OpenFiles
    from dragoman.maps.drawing.orders import Draw, DrawnBand

OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "png": {"format": "PNG", "compress_level": 1},
    "gif": {"format": "GIF"},
    "jpg": {"format": "JPEG", "quality": 90, "subsampling": 0},
    "bmp": {"format": "BMP"},
    "webp": {"format": "WEBP", "lossless": True, "quality": 0, "method": 0},
}
"""What Pillow is told of each format."""
MANY_COLORS: Final = ("png24", "png32", "jpg", "bmp", "webp")
"""Encodings that have no palette."""
NO_ALPHA: Final = ("png24", "jpg", "bmp")
"""Encodings in which what has no value is white."""


def draw(order: Draw, files: OpenFiles) -> bytes:
    """The picture; raises InvalidRequest for an unknown CRS, and MapUnreadable."""
    view = View(bbox=order.bbox, crs=crs_of(order.crs), width=order.width, height=order.height)
    if len(order.layers) == 1 and order.encoding not in MANY_COLORS:
        paletted = _with_palette(order, order.layers[0], view, files)
        if paletted is not None:
            return paletted
    image = Image.new("RGBA", (view.width, view.height), (255, 255, 255, 0))
    for layer in reversed(order.layers):
        colors = _colors(layer, view, files)
        if colors is not None:
            image = Image.alpha_composite(image, Image.fromarray(colors, "RGBA"))
    return encode(image, order.encoding, transparent=order.transparent)


def _numbers(layer: DrawnBand, view: View, files: OpenFiles) -> tuple[NDArray[Any] | None, NDArray[np.uint8]]:
    """The number of each pixel's colour, None: there is nothing to be seen; and the colours."""
    palette = palette_of(read_renderer(layer.renderer))
    cells = read_view(files.get(layer.band.path), layer.band.number, layer.band.nodata, view)
    numbers = None if cells is None else palette.numbers(cells.values, cells.valid)
    return numbers, palette.colors


def _colors(layer: DrawnBand, view: View, files: OpenFiles) -> NDArray[np.uint8] | None:
    """(height, width, 4)."""
    numbers, colors = _numbers(layer, view, files)
    return None if numbers is None else colors[numbers]


def _with_palette(order: Draw, layer: DrawnBand, view: View, files: OpenFiles) -> bytes | None:
    """The picture of one layer; None where its colours, or their alphas, are more than the format can hold."""
    numbers, colors = _numbers(layer, view, files)
    gif, nothing = order.encoding == "gif", len(colors) - 1
    if nothing > 255 or (gif and set(np.unique(colors[:, 3])) - {0, 255}):
        return None
    if numbers is None:
        numbers = np.full((view.height, view.width), nothing, np.uint8)
    if not order.transparent:
        colors = _upon_white(colors)
    image = Image.fromarray(numbers.astype(np.uint8, copy=False), "P")
    options = dict(OPTIONS["gif" if gif else "png"])
    if gif and order.transparent:  # one colour alone can be transparent
        image = Image.fromarray(np.where(colors[numbers, 3] == 0, np.uint8(nothing), numbers), "P")
        options["transparency"] = nothing
    elif order.transparent:
        options["transparency"] = colors[:, 3].tobytes()
    image.putpalette(colors[:, :3].tobytes())
    return _saved(image, options)


def _upon_white(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    share = colors[:, 3:].astype(np.uint16)
    mixed = (colors[:, :3] * share + 255 * (255 - share) + 127) // 255
    return np.hstack([mixed.astype(np.uint8), np.full((len(colors), 1), 255, np.uint8)])


def encode(image: Image.Image, encoding: str, *, transparent: bool) -> bytes:
    """An RGBA image in a format."""
    if not transparent or encoding in NO_ALPHA:
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert(
            "RGB"
        )
    if encoding in ("png8", "gif"):
        image = image.quantize(256, method=Image.Quantize.FASTOCTREE)
    return _saved(image, OPTIONS["png" if encoding.startswith("png") else encoding])


def _saved(image: Image.Image, options: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()
