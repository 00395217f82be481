"""Entries of type ``localization_ssd``: the boxes in a picture as shares of it, for single-shot detectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dragoman.datasets.boxes import Boxes, moved, read_boxes, shares
from dragoman.datasets.buffers import ELEMENT_TYPES, Buffer
from dragoman.datasets.etl.entry import Entry, Frame, buffer_name
from dragoman.datasets.etl.image import LARGEST
from dragoman.datasets.fields import count, flag, out_of_range, read_fields, text, texts

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
    texts("class_names"),
    count("max_gt_boxes", 64),
    flag("gt_boxes_normalized", default=False),
    text("name", ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalizationSsd(Entry):
    """See ``Entry``; image_shape [2, 1], gt_boxes [n, 4], their count [1, 1], classes and difficult_flag [n, 1]."""

    classes: Mapping[str, int]
    target: Size
    normalized: bool
    etl: EtlSettings
    buffers: tuple[Buffer, ...]

    def decode(self, elements: Sequence[Element]) -> Boxes:
        """The boxes of the annotation."""
        return read_boxes(elements[0].content, self.classes, normalized=self.normalized)

    def frame(self, decoded: Boxes) -> Frame | None:
        """The picture that the annotation is of, whose region is chosen by these boxes."""
        return Frame(size=decoded.size, target=self.target, boxes=decoded)

    def load(
        self, decoded: Boxes, geometry: Geometry | None, rows: Sequence[NDArray[Any]], _key: RecordKey
    ) -> None:
        """See ``Entry``; zeros where there are fewer boxes than there is place."""
        assert geometry is not None
        shape, corners, number, labels, difficult = rows
        boxes = moved(decoded, geometry, self.etl.augmentation)
        kept = min(len(boxes), len(corners))
        shape[:, 0] = self.target
        for buffer in (corners, labels, difficult):
            buffer[...] = 0
        corners[:kept] = shares(boxes.corners, geometry.output)[:kept]
        number[...] = kept
        labels[:kept, 0] = boxes.labels[:kept]
        difficult[:kept, 0] = boxes.difficult[:kept]


def read_localization_ssd(members: Mapping[str, JSON], settings: EtlSettings) -> LocalizationSsd:
    """The entry that its configuration says."""
    values = read_fields(members, _FIELDS)
    if not values["class_names"]:
        raise out_of_range("class_names", [], "one name at least")
    return LocalizationSsd(
        classes={name: number for number, name in enumerate(values["class_names"])},
        target=(values["width"], values["height"]),
        normalized=values["gt_boxes_normalized"],
        etl=settings,
        buffers=truth_buffers(values["name"], values["max_gt_boxes"]),
    )


def truth_buffers(name: str, most: int) -> tuple[Buffer, ...]:
    """The buffers that say what is in a picture, for at most this many boxes."""
    shapes = (
        ("image_shape", (2, 1), "int32_t"),
        ("gt_boxes", (most, 4), "float"),
        ("gt_box_count", (1, 1), "int32_t"),
        ("gt_class_count", (most, 1), "int32_t"),
        ("difficult_flag", (most, 1), "int32_t"),
    )
    return tuple(
        Buffer(name=buffer_name(name, kind), shape=shape, type=ELEMENT_TYPES[type_])
        for kind, shape, type_ in shapes
    )
