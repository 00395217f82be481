"""Entries of type ``image``: a picture, cut and scaled to one size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.datasets.buffers import ELEMENT_TYPES, Buffer
from dragoman.datasets.etl.entry import Entry, Frame, buffer_name
from dragoman.datasets.fields import choice, count, flag, out_of_range, read_fields, text
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.elements import Element
    from dragoman.datasets.etl.entry import EtlSettings, RecordKey
    from dragoman.datasets.geometry import Geometry, Size
    from dragoman.datasets.pictures import Picture
    from dragoman.model.process import JSON

LARGEST: Final = 32_768
"""Pixels of a side."""
FIELDS: Final = (
    count("height", most=LARGEST),
    count("width", most=LARGEST),
    count("channels", 3),
    flag("channel_major", default=True),
    flag("bgr_to_rgb", default=False),
    choice("output_type", "uint8_t", tuple(ELEMENT_TYPES)),
    text("name", ""),
    count("seed", 0, least=0),  # the documentation of 1.3.3 has it
)
_FLOATS: Final = ("float", "double")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """What one picture becomes."""

    target: Size
    channels: int
    channel_major: bool
    """Shape [channels, height, width], else [height, width, channels]."""
    bgr_to_rgb: bool
    etl: EtlSettings

    def layout(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Shape and names of the axes."""
        width, height = self.target
        if self.channel_major:
            return (self.channels, height, width), ("channels", "height", "width")
        return (height, width, self.channels), ("height", "width", "channels")

    def _fits_as_it_is(self, picture: Picture, row: NDArray[Any]) -> bool:
        """Whether the picture's planes only have to be copied: most training does no more."""
        augmentation = self.etl.augmentation
        plain = not (self.bgr_to_rgb or augmentation.mean or augmentation.stddev)
        return (
            plain
            and self.channel_major
            and row.dtype == picture.dtype
            and row.shape[:0:-1] == self.target
            and (picture.shape == (self.target[1], self.target[0], self.channels))
            and row.flags.c_contiguous
        )

    def store(self, picture: Picture, row: NDArray[Any]) -> None:
        """Write a picture of 8 or 16 bits to a record's part of a buffer, zeros where it is smaller."""
        if self._fits_as_it_is(picture, row):
            split_channels(picture, row)
            return
        augmentation = self.etl.augmentation
        values = normalised(picture, augmentation.mean, augmentation.stddev)
        pixels = values[..., np.newaxis] if values.ndim == 2 else values
        if self.bgr_to_rgb:
            pixels = pixels[..., ::-1]
        rows, columns = pixels.shape[:2]
        width, height = self.target
        if rows > height or columns > width:
            raise DatasetError(
                f"the image has {columns} x {rows} pixels after fixed_scaling_factor; allowed: {width} x {height}"
            )
        if (columns, rows) != self.target:
            row[...] = 0
            if self.etl.packed_fit:
                row = _packed(row, rows, columns, self.channels, channel_major=self.channel_major)
        if self.channel_major:
            row[:, :rows, :columns] = pixels.transpose(2, 0, 1)
        else:
            row[:rows, :columns] = pixels


def split_channels(picture: Picture, row: NDArray[Any]) -> None:
    """Copy a picture of several channels to planes, (channels, rows, columns)."""
    import cv2

    cv2.split(picture, list(row))


@dataclass(frozen=True, slots=True, kw_only=True)
class Image(Entry):
    """See ``Entry``."""

    settings: ImageSettings
    buffers: tuple[Buffer, ...]

    def decode(self, elements: Sequence[Element]) -> Picture:
        """The picture, blue first."""
        from dragoman.datasets.pictures import decode

        settings = self.settings
        target = settings.target if settings.etl.fast_decode else None
        return decode(elements[0].content, channels=settings.channels, target=target)

    def frame(self, decoded: Picture) -> Frame | None:
        """The picture itself."""
        return Frame(size=(decoded.shape[1], decoded.shape[0]), target=self.settings.target)

    def load(
        self, decoded: Picture, geometry: Geometry | None, rows: Sequence[NDArray[Any]], _key: RecordKey
    ) -> None:
        """See ``Entry``."""
        from dragoman.datasets.pictures import transform

        assert geometry is not None
        method = self.settings.etl.augmentation.interpolation_method
        self.settings.store(transform(decoded, geometry, method), rows[0])


def normalised(picture: Picture, mean: Sequence[float], stddev: Sequence[float]) -> Picture:
    """The picture less a mean and by a deviation, of values from 0 to 1; as it is where there are neither.

    Three steps, each in double and rounded to float32: so does the real service.
    """
    if not mean and not stddev:
        return picture
    values = (picture.astype(np.float64) * (1 / 255)).astype(np.float32)
    if mean:
        values = (values.astype(np.float64) - np.array(mean)).astype(np.float32)
    if stddev:
        values = (values.astype(np.float64) / np.array(stddev)).astype(np.float32)
    return values


def read_image(members: Mapping[str, JSON], settings: EtlSettings) -> Image:
    """The entry that its configuration says."""
    values = read_fields(members, FIELDS)
    image = image_settings(values, settings)
    check_normalisation(values["output_type"], image)
    shape, axes = image.layout()
    buffer = Buffer(
        name=buffer_name(values["name"], "image"),
        shape=shape,
        type=ELEMENT_TYPES[values["output_type"]],
        axes=axes,
    )
    return Image(settings=image, buffers=(buffer,))


def image_settings(values: Mapping[str, Any], settings: EtlSettings) -> ImageSettings:
    """From the members that all types of picture have."""
    if values["channels"] not in (1, 3):
        raise out_of_range("channels", values["channels"], "1, 3")
    return ImageSettings(
        target=(values["width"], values["height"]),
        channels=values["channels"],
        channel_major=values["channel_major"],
        bgr_to_rgb=values["bgr_to_rgb"],
        etl=settings,
    )


def check_normalisation(output_type: str, image: ImageSettings) -> None:
    """Mean and deviation need a type with fractions, and a number for each channel."""
    augmentation = image.etl.augmentation
    for name, numbers in (("mean", augmentation.mean), ("stddev", augmentation.stddev)):
        if numbers and output_type not in _FLOATS:
            raise out_of_range("output_type", output_type, f"float, double (there is a {name})")
        if len(numbers) not in (0, image.channels):
            raise out_of_range(name, list(numbers), f"{image.channels} numbers, one for each channel")


def _packed(
    row: NDArray[Any], rows: int, columns: int, channels: int, *, channel_major: bool
) -> NDArray[Any]:
    """The first values of a buffer as a picture of this size."""
    start = row.reshape(-1)[: rows * columns * channels]
    return start.reshape((channels, rows, columns) if channel_major else (rows, columns, channels))
