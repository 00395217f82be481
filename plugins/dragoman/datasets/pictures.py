"""Pictures as arrays: decode bytes, and take the steps of a geometry. Blue comes first, as in OpenCV.

Imported by the loader alone: OpenCV and simplejpeg come with the extra ``dragoman[aeon]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import simplejpeg

from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dragoman.datasets.geometry import Colours, Geometry, Size

MOST_PIXELS: Final = 100_000_000
"""Of one picture: what claims more is refused before it is decoded."""

type Picture = NDArray[Any]
"""(rows, columns) or (rows, columns, 3), uint8 unless said otherwise."""

_INTERPOLATION: Final = {
    "LINEAR": cv2.INTER_LINEAR,
    "NEAREST": cv2.INTER_NEAREST,
    "CUBIC": cv2.INTER_CUBIC,
    "AREA": cv2.INTER_AREA,
    "LANCZOS4": cv2.INTER_LANCZOS4,
}
_JPEG: Final = b"\xff\xd8\xff"
_EXIF: Final = b"Exif\0\0"
_HEAD: Final = 64 * 1024
_MARKER: Final = 0xFF
_APP1: Final = 0xE1
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""What the sizes of a picture stand in."""
_SEGMENTS: Final = frozenset(range(0xC0, 0xFF)) - frozenset(range(0xD0, 0xDA))
"""The markers that a segment with its length follows."""
_SCAN: Final = 0xDA
"""What pixels follow."""
_GRAY: Final = np.array([0.0820, 0.6094, 0.3086], dtype=np.float32)
"""Shares of blue, green and red in the grey that saturation is measured from."""
_COLOURS_OF_NOISE: Final = np.array(
    [
        [0.39731118, 0.70119634, -0.59200296],
        [-0.81698062, -0.02354167, -0.57618440],
        [0.41795513, -0.71257945, -0.56351045],
    ],
    dtype=np.float32,
)
"""Principal components of the colours of ImageNet, and below their deviations (Krizhevsky et al. 2012)."""
_DEVIATIONS: Final = np.array([19.72083305, 37.09388853, 121.78006099], dtype=np.float32)


def decode(content: bytes, *, channels: int, target: Size | None = None) -> Picture:
    """The picture in the bytes of an image file, with 1 or 3 channels; raises DatasetError for what is none.

    JPEGs are decoded as libjpeg-turbo does by default. ``target``: one at least twice as large may be decoded at a
    smaller scale, which is faster and not the same bit for bit.
    """
    turned, pixels = _sketch(content) if content.startswith(_JPEG) else (True, 0)
    if not turned:  # OpenCV alone turns what EXIF says is turned
        try:
            return _decode_jpeg(content, channels, target, pixels)
        except ValueError:
            pass  # CMYK, lossless, damaged: OpenCV reads some of them
    return _imdecode(content, cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR)


def decode_depth(content: bytes) -> Picture:
    """The first channel of a picture in its own depth, 8 or 16 bits: masks and depth maps."""
    picture = _imdecode(content, cv2.IMREAD_UNCHANGED)
    return np.ascontiguousarray(picture[..., 0]) if picture.ndim == 3 else picture


def transform(picture: Picture, geometry: Geometry, interpolation: str = "LINEAR") -> Picture:
    """The picture after all steps of the geometry."""
    flags = _INTERPOLATION[interpolation]
    moved = _reshape(picture, geometry, flags, cv2.INTER_LINEAR)
    moved = shift_colours(moved, geometry.colours)
    return cv2.flip(moved, 1) if geometry.flip else moved


def transform_mask(picture: Picture, geometry: Geometry) -> Picture:
    """A mask after the steps that move pixels, each value one of its own."""
    moved = _reshape(picture, geometry, cv2.INTER_NEAREST, cv2.INTER_NEAREST)
    return cv2.flip(moved, 1) if geometry.flip else moved


def saturated(values: Picture, dtype: np.dtype[Any]) -> Picture:
    """The values in a type of integers, those that it cannot hold at its ends; floats hold all."""
    if dtype.kind == "f" or values.dtype == dtype:
        return values
    limits = np.iinfo(dtype)
    return np.clip(values, max(0, limits.min), limits.max)


def shift_colours(picture: Picture, colours: Colours) -> Picture:
    """The picture with its colours changed; a grey one has brightness, contrast and no more."""
    three = picture.ndim == 3
    if colours.brightness != 1 or (three and colours.saturation != 1):
        picture = cv2.transform(picture, _colour_matrix(colours, 3 if three else 1))
    if colours.hue and three:
        hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(np.int16) + colours.hue) % 180
        picture = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    if colours.contrast != 1:
        mean = np.array(cv2.mean(picture)[: 3 if three else 1], dtype=np.float32)
        picture = _bytes(picture.astype(np.float32) * colours.contrast + (1 - colours.contrast) * mean)
    if colours.lighting and three:
        noise = _COLOURS_OF_NOISE @ (_DEVIATIONS * np.array(colours.lighting, dtype=np.float32))
        picture = _bytes((picture.astype(np.float32) + noise) / (1 + colours.lighting_deviation))
    return picture


def _sketch(content: bytes) -> tuple[bool, int]:
    """Whether a JPEG has EXIF's segment, and its pixels, 0 where only a decoder can tell.

    Its segments are walked: to search for one costs far more, and each call of a library has threads take turns.
    """
    place, end, pixels = 2, len(content) - 9, 0
    while place < end and content[place] == _MARKER and content[place + 1] in _SEGMENTS:
        marker = content[place + 1]
        if marker == _SCAN:
            return False, pixels
        if marker == _APP1 and content.startswith(_EXIF, place + 4):
            return True, pixels
        if marker in _FRAMES:
            pixels = int.from_bytes(content[place + 5 : place + 7]) * int.from_bytes(
                content[place + 7 : place + 9]
            )
        place += 2 + (content[place + 2] << 8 | content[place + 3])
    return content.find(
        _EXIF, 0, _HEAD
    ) >= 0, 0  # something else between the segments, which decoders may skip


def _decode_jpeg(content: bytes, channels: int, target: Size | None, pixels: int) -> Picture:
    if not 0 < pixels <= MOST_PIXELS:
        height, width, _, _ = simplejpeg.decode_jpeg_header(content, strict=False)
        _check_size(width, height)
    smallest = {"min_height": target[1], "min_width": target[0]} if target else {}
    picture = simplejpeg.decode_jpeg(
        content,
        colorspace="GRAY" if channels == 1 else "BGR",
        fastdct=False,
        fastupsample=False,
        strict=False,
        **smallest,
    )
    return np.asarray(picture[..., 0] if channels == 1 else picture)


def _imdecode(content: bytes, flags: int) -> Picture:
    if not content:
        raise DatasetError("the image is empty")
    try:
        picture = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), flags)
    except cv2.error as error:  # what is larger than the loader allows OpenCV, too
        raise DatasetError(f"the image cannot be decoded, or has more than {MOST_PIXELS} pixels") from error
    if picture is None:
        raise DatasetError("the image cannot be decoded")
    return picture


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise DatasetError(f"the image has {width} x {height} pixels; allowed: {MOST_PIXELS} in all")


def _reshape(picture: Picture, geometry: Geometry, flags: int, rotation: int) -> Picture:
    rows, columns = picture.shape[:2]
    if geometry.angle:
        matrix = cv2.getRotationMatrix2D((columns // 2, rows // 2), geometry.angle, 1.0)
        picture = cv2.warpAffine(picture, matrix, (columns, rows), flags=rotation)
    if geometry.expansion is not None:
        (left, top), (width, height) = geometry.expansion.offset, geometry.expansion.size
        canvas = np.zeros((height, width, *picture.shape[2:]), dtype=picture.dtype)
        canvas[top : top + rows, left : left + columns] = picture
        picture = canvas
    elif geometry.resized != (columns, rows):
        picture = cv2.resize(picture, geometry.resized, interpolation=flags)
    crop = geometry.crop
    picture = picture[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
    picture = _padded(picture, geometry)
    if picture.shape[1::-1] != geometry.output:
        picture = cv2.resize(picture, geometry.output, interpolation=flags)
    return picture


def _padded(picture: Picture, geometry: Geometry) -> Picture:
    """A region of the picture's own size from the picture with a black margin."""
    margin, (x, y) = geometry.padding, geometry.padding_offset
    if not margin or (x, y) == (margin, margin):
        return picture
    rows, columns = picture.shape[:2]
    canvas = cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    return canvas[y : y + rows, x : x + columns]


def _colour_matrix(colours: Colours, channels: int) -> NDArray[np.float32]:
    if channels == 1:
        return np.array([[colours.brightness]], dtype=np.float32)
    grey = (1 - colours.saturation) * np.tile(_GRAY, (3, 1))
    return np.float32(colours.brightness) * (colours.saturation * np.eye(3, dtype=np.float32) + grey)


def _bytes(values: NDArray[Any]) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
