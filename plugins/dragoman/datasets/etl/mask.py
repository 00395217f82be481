"""Entries of type ``pixelmask`` and ``depthmap``: pictures whose values are not mixed, 8 or 16 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dragoman.datasets.buffers import ELEMENT_TYPES, Buffer
from dragoman.datasets.etl.entry import Entry, Frame, buffer_name
from dragoman.datasets.etl.image import FIELDS, ImageSettings, image_settings
from dragoman.datasets.fields import read_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.elements import Element
    from dragoman.datasets.etl.entry import EtlSettings, RecordKey
    from dragoman.datasets.geometry import Geometry
    from dragoman.datasets.pictures import Picture
    from dragoman.model.process import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask(Entry):
    """See ``Entry``; the first channel of the picture, in every channel of the buffer."""

    settings: ImageSettings
    buffers: tuple[Buffer, ...]

    def decode(self, elements: Sequence[Element]) -> Picture:
        """The values, in the depth that the file has."""
        from dragoman.datasets.pictures import decode_depth

        return decode_depth(elements[0].content)

    def frame(self, decoded: Picture) -> Frame | None:
        """The mask itself."""
        return Frame(size=(decoded.shape[1], decoded.shape[0]), target=self.settings.target)

    def load(
        self, decoded: Picture, geometry: Geometry | None, rows: Sequence[NDArray[Any]], _key: RecordKey
    ) -> None:
        """See ``Entry``; what a type of 8 bits cannot hold of 16 is cut off at its ends."""
        from dragoman.datasets.pictures import saturated, transform_mask

        assert geometry is not None
        values = transform_mask(decoded, geometry)
        self.settings.store(saturated(values, rows[0].dtype), rows[0])


def read_pixelmask(members: Mapping[str, JSON], settings: EtlSettings) -> Mask:
    """The entry that its configuration says."""
    return _read(members, settings, "pixelmask")


def read_depthmap(members: Mapping[str, JSON], settings: EtlSettings) -> Mask:
    """The entry that its configuration says."""
    return _read(members, settings, "depthmap")


def _read(members: Mapping[str, JSON], settings: EtlSettings, kind: str) -> Mask:
    values = read_fields(members, FIELDS)
    image = image_settings(values, settings.without_normalisation())
    shape, axes = image.layout()
    buffer = Buffer(
        name=buffer_name(values["name"], kind),
        shape=shape,
        type=ELEMENT_TYPES[values["output_type"]],
        axes=axes,
    )
    return Mask(settings=image, buffers=(buffer,))
