"""Entries of type ``boundingbox``: the corners of the objects in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dragoman.datasets.boxes import Boxes, moved, read_boxes
from dragoman.datasets.buffers import ELEMENT_TYPES, Buffer
from dragoman.datasets.etl.entry import Entry, Frame, buffer_name
from dragoman.datasets.etl.image import LARGEST
from dragoman.datasets.fields import choice, count, read_fields, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.elements import Element
    from dragoman.datasets.etl.entry import EtlSettings, RecordKey
    from dragoman.datasets.geometry import Geometry, Size
    from dragoman.model.process import JSON

_FIELDS: Final = (
    count("height", most=LARGEST),
    count("width", most=LARGEST),
    count("max_bbox_count"),
    texts("class_names"),
    choice("output_type", "float", ("float",)),
    text("name", ""),
)
_ROW: Final = 16
"""Numbers of the buffer for each box: aeon counts bytes where it means numbers. The first four are of use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundingBox(Entry):
    """See ``Entry``; shape [max_bbox_count, 16], of which the first 4 * max_bbox_count numbers are the corners."""

    classes: Mapping[str, int]
    target: Size
    etl: EtlSettings
    buffers: tuple[Buffer, ...]

    def decode(self, elements: Sequence[Element]) -> Boxes:
        """The boxes of the annotation."""
        return read_boxes(elements[0].content, self.classes)

    def frame(self, decoded: Boxes) -> Frame | None:
        """The picture that the annotation is of."""
        return Frame(size=decoded.size, target=self.target)

    def load(
        self, decoded: Boxes, geometry: Geometry | None, rows: Sequence[NDArray[Any]], _key: RecordKey
    ) -> None:
        """See ``Entry``; zeros where there are fewer boxes than there is place."""
        assert geometry is not None
        most = self.buffers[0].shape[0]
        corners = moved(decoded, geometry, self.etl.augmentation).corners[:most]
        numbers = rows[0].reshape(-1)
        numbers[:] = 0
        numbers[: corners.size] = corners.reshape(-1)


def read_boundingbox(members: Mapping[str, JSON], settings: EtlSettings) -> BoundingBox:
    """The entry that its configuration says."""
    values = read_fields(members, _FIELDS)
    buffer = Buffer(
        name=buffer_name(values["name"], "boundingbox"),
        shape=(values["max_bbox_count"], _ROW),
        type=ELEMENT_TYPES["float"],
    )
    return BoundingBox(
        classes={name: number for number, name in enumerate(values["class_names"])},
        target=(values["width"], values["height"]),
        etl=settings,
        buffers=(buffer,),
    )
