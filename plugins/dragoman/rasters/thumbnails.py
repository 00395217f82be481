"""Small pictures of images of any kind, upright and in eight bits, for a page to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import MemoryFile

from dragoman.rasters.crop import creating
from dragoman.rasters.opening import gdal_env, open_raster
from dragoman.rasters.orientation import orientation_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LONGEST: Final = 320
"""Pixels along the longer side."""
QUALITY: Final = 82
WHITE: Final = 255
STRETCH: Final = (2, 98)
"""Percentiles of what is no eight-bit picture that become black and white."""

_COLOURS: Final = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
_INKS: Final = (ColorInterp.cyan, ColorInterp.magenta, ColorInterp.yellow, ColorInterp.black)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small picture."""

    jpeg: bytes
    width: int
    """Pixels of the small picture, as it is seen."""
    height: int
    full_width: int
    """Pixels of the image itself, as it is seen."""
    full_height: int


def thumbnail(path: Path, *, longest: int = LONGEST, max_pixels: int | None = None) -> Thumbnail:
    """Of a local image; it is turned as its EXIF data says, and white where it has nothing.

    Raises InvalidRequest for what is no image of a format that is read, is larger than ``max_pixels`` (width times
    height times bands), made to explode when decoded, or damaged.
    """
    with open_raster(path, max_pixels=max_pixels) as dataset, gdal_env():
        scale = min(1.0, longest / max(dataset.width, dataset.height))
        shape = (max(1, round(dataset.height * scale)), max(1, round(dataset.width * scale)))
        turn = orientation_of(dataset, path)
        picture = upright(_eight_bits(dataset, shape), turn)
        full = (dataset.height, dataset.width)
    height, width = picture.shape[1:]
    full_height, full_width = full if turn < 5 else full[::-1]
    return Thumbnail(
        jpeg=_jpeg(picture), width=width, height=height, full_width=full_width, full_height=full_height
    )


def upright(picture: NDArray[Any], orientation: int) -> NDArray[Any]:
    """(bands, rows, cols) as it is to be seen; ``orientation`` is EXIF's, from 1 (as it is) to 8."""
    if orientation in (5, 6, 7, 8):
        picture = picture.transpose(0, 2, 1)
    if orientation in (3, 4, 7, 8):
        picture = picture[:, ::-1]
    if orientation in (2, 3, 6, 7):
        picture = picture[:, :, ::-1]
    return np.ascontiguousarray(picture)


def _eight_bits(dataset: Any, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """One band, or red, green and blue; (bands, rows, cols)."""
    kinds = tuple(dataset.colorinterp)
    if kinds[0] == ColorInterp.palette:
        values = dataset.read(1, out_shape=shape, resampling=Resampling.nearest)
        return _of_palette(values, dataset.colormap(1))
    bands = _bands(kinds)
    data = dataset.read(bands, out_shape=(len(bands), *shape), resampling=Resampling.average)
    valid = dataset.read_masks(bands, out_shape=(len(bands), *shape)).min(axis=0) / 255
    picture = data.astype(np.float32) if data.dtype == np.uint8 else _stretched(data, valid > 0)
    if kinds[:4] == _INKS and len(bands) == 4:
        picture = np.clip(255 - picture[:3] - picture[3], 0, 255)
    picture = np.nan_to_num(picture, nan=float(WHITE))
    return np.asarray(np.rint(picture * valid + WHITE * (1 - valid)), np.uint8)


def _bands(kinds: tuple[ColorInterp, ...]) -> list[int]:
    """Those that are shown."""
    if kinds[:4] == _INKS:
        return [1, 2, 3, 4]
    if all(colour in kinds for colour in _COLOURS):
        return [kinds.index(colour) + 1 for colour in _COLOURS]
    plain = [number for number, kind in enumerate(kinds, start=1) if kind != ColorInterp.alpha] or [1]
    return plain[:3] if len(plain) >= 3 else plain[:1]


def _of_palette(values: NDArray[Any], table: dict[int, tuple[int, int, int, int]]) -> NDArray[np.uint8]:
    colours = np.full((max(256, int(values.max()) + 1), 4), WHITE, np.float32)
    for value, colour in table.items():
        if 0 <= value < len(colours):
            colours[value] = colour
    picture, alpha = colours[values][..., :3], colours[values][..., 3:] / 255
    return np.asarray(np.rint(picture * alpha + WHITE * (1 - alpha)), np.uint8).transpose(2, 0, 1)


def _stretched(data: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values of any type as 0 to 255; NaN where they are no numbers."""
    values = data.astype(np.float64)
    values[:, ~valid] = np.nan
    values[~np.isfinite(values)] = np.nan
    if np.isnan(values).all():
        return values.astype(np.float32)
    low, high = np.nanpercentile(values, STRETCH)
    with np.errstate(over="ignore", invalid="ignore"):
        shades = (values - low) / (high - low) if high > low else np.where(np.isnan(values), np.nan, 0.5)
    return np.asarray(np.clip(shades, 0, 1) * 255, np.float32)


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    count, height, width = picture.shape
    with creating(), MemoryFile() as memory:
        with rasterio.open(
            memory.name,
            "w",
            driver="JPEG",
            width=width,
            height=height,
            count=count,
            dtype="uint8",
            quality=QUALITY,
        ) as target:
            target.write(picture)
        return bytes(memory.read())
