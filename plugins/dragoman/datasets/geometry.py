"""What is done to one record's picture, and so to the boxes and masks that belong to it.

Arithmetic is in float32 where aeon's is, so that regions fall on the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator

    from dragoman.datasets.augmentation import Augmentation, Span

type Size = tuple[int, int]
"""Width and height in pixels."""

_ONE = np.float32(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle of whole pixels, from its upper left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """A larger black canvas, and where the picture lies on it."""

    offset: tuple[int, int]
    size: Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """Factors and shifts of a picture's colours."""

    contrast: float = 1.0
    brightness: float = 1.0
    saturation: float = 1.0
    hue: int = 0
    """Steps of 2 degrees."""
    lighting: tuple[float, ...] = ()
    """Weights of the three principal colours of noise; none: no noise."""
    lighting_deviation: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """The steps for one record, in order: rotate, expand, resize, crop, pad, resize to ``output``, colour, flip."""

    resized: Size
    """Size before the crop."""
    crop: Region
    output: Size
    angle: int = 0
    flip: bool = False
    expansion: Expansion | None = None
    padding: int = 0
    padding_offset: tuple[int, int] = (0, 0)
    colours: Colours = field(default_factory=Colours)


def geometry_of(settings: Augmentation, size: Size, target: Size, random: Generator) -> Geometry:
    """The steps for a picture of ``size`` that is to become one of ``target``, with what is random drawn."""
    resized = _resized(size, settings.resize_short_size)
    angle, hue = _whole(settings.angle, random), _whole(settings.hue, random)
    colours = Colours(
        contrast=_drawn(settings.contrast, random),
        brightness=_drawn(settings.brightness, random),
        saturation=_drawn(settings.saturation, random),
        hue=hue,
        lighting=_lighting(settings.lighting, random),
        lighting_deviation=settings.lighting[1],
    )
    geometry = Geometry(
        resized=resized,
        crop=Region(x=0, y=0, width=resized[0], height=resized[1]),
        output=target,
        angle=angle,
        flip=bool(settings.flip_enable and random.random() < 0.5),
        colours=colours,
    )
    if settings.crop_enable:
        return replace(geometry, crop=_crop(settings, resized, target, random))
    scale = settings.fixed_scaling_factor
    return replace(
        geometry,
        output=fitted(resized, target) if scale <= 0 else scaled(resized, np.float32(scale)),
        padding=settings.padding,
        padding_offset=_padding_offset(settings.padding, random),
    )


def fit_scale(size: Size, target: Size) -> np.float32:
    """The factor by which a picture of ``size`` just fits ``target``."""
    scale = np.float32(target[0]) / np.float32(size[0])
    if np.float32(size[1]) * scale > target[1]:
        scale = np.float32(target[1]) / np.float32(size[1])
    return np.float32(scale)


def fitted(size: Size, target: Size) -> Size:
    """The size of a picture that was scaled to just fit ``target``."""
    return scaled(size, fit_scale(size, target))


def scaled(size: Size, scale: np.float32) -> Size:
    """A size times a factor, each side rounded (a half to even), one pixel at least."""
    width, height = (int(np.rint(np.float32(side) * scale)) for side in size)
    return max(1, width), max(1, height)


def _resized(size: Size, short: int) -> Size:
    """The size whose shorter side is ``short``; 0: as it is."""
    return size if not short else scaled(size, np.float32(short) / np.float32(min(size)))


def _crop(settings: Augmentation, size: Size, target: Size, random: Generator) -> Region:
    """The region with the target's shape that is cut out, the largest there is where ``scale`` is 1."""
    width, height = np.float32(size[0]), np.float32(size[1])
    scale = np.float32(_drawn(settings.scale, random))
    distortion = np.float32(_drawn(settings.horizontal_distortion, random))
    crop_width, crop_height = np.float32(target[0]) * distortion, np.float32(target[1])
    factor = width / crop_width
    crop_width, crop_height = crop_width * factor, crop_height * factor
    if crop_height > height:
        factor = height / crop_height
        crop_width, crop_height = crop_width * factor, crop_height * factor
    if not settings.do_area_scale:
        crop_width, crop_height = crop_width * scale, crop_height * scale
    elif crop_width * crop_height / (width * height) > scale:
        area = width * height * scale
        crop_width = np.float32(np.sqrt(area * (crop_width / crop_height)))
        crop_height = area / crop_width
    across, down = (0.5, 0.5) if settings.center else (random.random(), random.random())
    left, top = (width - crop_width) * np.float32(across), (height - crop_height) * np.float32(down)
    return _region(left, top, crop_width, crop_height, size)


def _region(left: np.float32, top: np.float32, width: np.float32, height: np.float32, size: Size) -> Region:
    """Whole pixels within the picture: the corner cut, as aeon cuts it, the size at least a pixel."""
    columns = min(max(1, int(width)), size[0])
    rows = min(max(1, int(height)), size[1])
    x, y = min(max(0, int(left)), size[0] - columns), min(max(0, int(top)), size[1] - rows)
    return Region(x=x, y=y, width=columns, height=rows)


def _padding_offset(padding: int, random: Generator) -> tuple[int, int]:
    if not padding:
        return 0, 0
    return int(random.integers(0, 2 * padding + 1)), int(random.integers(0, 2 * padding + 1))


def _lighting(settings: Span, random: Generator) -> tuple[float, ...]:
    mean, deviation = settings
    return tuple(map(float, random.normal(mean, deviation, 3))) if deviation else ()


def _drawn(span: Span, random: Generator) -> float:
    return float(span[0]) if span[0] == span[1] else float(random.uniform(*span))


def _whole(span: Span, random: Generator) -> int:
    low, high = int(span[0]), int(span[1])
    return low if low == high else int(random.integers(low, high + 1))
