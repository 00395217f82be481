"""Entries of type ``localization_rcnn``: what a region proposal network is trained on.

Source: Ren et al. 2015 (Faster R-CNN), sections 3.1.1 and 3.1.2, with aeon's buffers and defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.datasets.anchors import all_anchors, regression_targets, within
from dragoman.datasets.boxes import Boxes, areas, moved, overlap_areas, read_boxes
from dragoman.datasets.buffers import ELEMENT_TYPES, Buffer
from dragoman.datasets.etl.entry import Entry, Frame, buffer_name
from dragoman.datasets.etl.image import LARGEST
from dragoman.datasets.fields import Field, count, number, numbers, read_fields, text, texts
from dragoman.datasets.geometry import fit_scale, scaled
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.elements import Element
    from dragoman.datasets.etl.entry import EtlSettings, RecordKey
    from dragoman.datasets.geometry import Geometry, Size
    from dragoman.model.process import JSON

_MOST_ANCHORS: Final = 2_000_000
_SAMPLED: Final = 1
"""The purpose of the random numbers that choose anchors."""


def _positive(name: str, default: tuple[float, ...]) -> Field:
    field = numbers(name, default)
    return Field(
        name=name,
        kind="array",
        default=default,
        fits=lambda value: bool(value) and field.fits is not None and field.fits(value) and min(value) > 0,
        allowed="numbers above 0",
    )


_FIELDS: Final = (
    count("height", most=LARGEST),
    count("width", most=LARGEST),
    texts("class_names"),
    count("rois_per_image", 256, most=1_000_000),
    count("base_size", 16, most=LARGEST),
    number("scaling_factor", 1 / 16, least=1e-4, most=1),
    _positive("ratios", (0.5, 1.0, 2.0)),
    _positive("scales", (8.0, 16.0, 32.0)),
    number("negative_overlap", 0.3, least=0, most=1),
    number("positive_overlap", 0.7, least=0, most=1),
    number("foreground_fraction", 0.5, least=0, most=1),
    count("max_gt_boxes", 64),
    text("name", ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalizationRcnn(Entry):
    """See ``Entry``; for A anchors: bbtargets and its mask [4 A], labels_flat [1, 2 A], labels_mask [2 A, 1], truth."""

    classes: Mapping[str, int]
    target: Size
    anchors: NDArray[np.float32]
    """Shape (A, 4): corners in pixels, inclusive."""
    rois_per_image: int
    negative_overlap: float
    positive_overlap: float
    foreground_fraction: float
    etl: EtlSettings
    buffers: tuple[Buffer, ...]

    def decode(self, elements: Sequence[Element]) -> Boxes:
        """The boxes of the annotation."""
        return read_boxes(elements[0].content, self.classes)

    def frame(self, decoded: Boxes) -> Frame | None:
        """The picture that the annotation is of."""
        return Frame(size=decoded.size, target=self.target)

    def load(
        self, decoded: Boxes, geometry: Geometry | None, rows: Sequence[NDArray[Any]], key: RecordKey
    ) -> None:
        """See ``Entry``; without an anchor inside the picture labels_flat is ones, then zeros, and the rest 0."""
        assert geometry is not None
        for row in rows:
            row[...] = 0
        scale, size = self._scale(geometry)
        boxes = moved(decoded, geometry, self.etl.augmentation)
        self._store_truth(rows[4:], boxes, scale, size)
        rows[2].reshape(-1)[: len(self.anchors)] = 1
        inside = within(self.anchors, size)
        if len(inside) and len(boxes):
            self._store_anchors(rows[:4], inside, boxes, key)

    def _scale(self, geometry: Geometry) -> tuple[np.float32, Size]:
        """The factor from the region to its output, and that output's size."""
        fixed = self.etl.augmentation.fixed_scaling_factor
        crop = (geometry.crop.width, geometry.crop.height)
        scale = np.float32(fixed) if fixed > 0 else fit_scale(crop, self.target)
        return scale, scaled(crop, scale)

    def _store_truth(self, rows: Sequence[NDArray[Any]], boxes: Boxes, scale: np.float32, size: Size) -> None:
        shape, corners, number, labels, image_scale, difficult = rows
        kept = min(len(boxes), len(corners))
        shape[:, 0] = size
        corners[:kept] = boxes.corners[:kept]
        number[...] = kept
        labels[:kept, 0] = boxes.labels[:kept]
        image_scale[...] = scale
        difficult[:kept, 0] = boxes.difficult[:kept]

    def _store_anchors(
        self, rows: Sequence[NDArray[Any]], inside: NDArray[np.int64], boxes: Boxes, key: RecordKey
    ) -> None:
        """Labels and targets of the anchors that are sampled."""
        anchors = self.anchors[inside]
        overlaps = _overlaps(anchors, boxes.corners)
        labels = self._labels(overlaps)
        sampled = self._sample(labels, np.random.default_rng(key.numbers(_SAMPLED)))
        targets = regression_targets(anchors, boxes.corners[overlaps.argmax(axis=1)])
        count = len(self.anchors)
        bbtargets, mask = (row.reshape(4, count) for row in rows[:2])
        flat, flags = rows[2].reshape(2, count), rows[3].reshape(2, count)
        places = inside[sampled]
        bbtargets[:, places] = targets[sampled].T
        flags[:, places] = 1
        positive = places[labels[sampled] == 1]
        flat[0, positive], flat[1, positive] = 0, 1
        mask[:, positive] = 1

    def _labels(self, overlaps: NDArray[np.float32]) -> NDArray[np.int8]:
        """1 for an anchor on an object, 0 for one on none, -1 for what is between."""
        labels = np.full(len(overlaps), -1, dtype=np.int8)
        best = overlaps.max(axis=1)
        labels[best < self.negative_overlap] = 0
        nearest = overlaps.max(axis=0)
        labels[((overlaps == nearest) & (nearest > 0)).any(axis=1)] = 1
        labels[best >= self.positive_overlap] = 1
        return labels

    def _sample(self, labels: NDArray[np.int8], random: np.random.Generator) -> NDArray[np.int64]:
        """Which anchors count: a share of those on objects, and others up to ``rois_per_image``."""
        positive = random.permutation(np.flatnonzero(labels == 1))
        positive = positive[: int(self.foreground_fraction * self.rois_per_image)]
        negative = random.permutation(np.flatnonzero(labels == 0))
        return np.concatenate([positive, negative[: self.rois_per_image - len(positive)]])


def _overlaps(anchors: NDArray[np.float32], corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of each anchor with each box; shape (anchors, boxes)."""
    own = areas(anchors, 1)
    columns = []
    for corner in corners:
        common = overlap_areas(anchors, corner, 1)
        columns.append(common / (own + areas(corner[np.newaxis], 1) - common))
    return np.stack(columns, axis=1)


def read_localization_rcnn(members: Mapping[str, JSON], settings: EtlSettings) -> LocalizationRcnn:
    """The entry that its configuration says."""
    values = read_fields(members, _FIELDS)
    target = (values["width"], values["height"])
    columns, rows = (int(side * values["scaling_factor"]) for side in target)
    number_of_anchors = len(values["ratios"]) * len(values["scales"]) * columns * rows
    if not 0 < number_of_anchors <= _MOST_ANCHORS:
        raise DatasetError(
            f"localization_rcnn has {number_of_anchors} anchors; allowed: 1 to {_MOST_ANCHORS}, by width, height, "
            "scaling_factor, ratios and scales"
        )
    anchors = all_anchors(
        (columns, rows), values["scaling_factor"], values["base_size"], values["ratios"], values["scales"]
    )
    return LocalizationRcnn(
        classes={name: number for number, name in enumerate(values["class_names"])},
        target=target,
        anchors=anchors,
        rois_per_image=values["rois_per_image"],
        negative_overlap=values["negative_overlap"],
        positive_overlap=values["positive_overlap"],
        foreground_fraction=values["foreground_fraction"],
        etl=settings,
        buffers=_buffers(values["name"], len(anchors), values["max_gt_boxes"]),
    )


def _buffers(name: str, anchors: int, most: int) -> tuple[Buffer, ...]:
    shapes = (
        ("bbtargets", (4 * anchors,), "float"),
        ("bbtargets_mask", (4 * anchors,), "float"),
        ("labels_flat", (1, 2 * anchors), "int32_t"),
        ("labels_mask", (2 * anchors, 1), "int32_t"),
        ("image_shape", (2, 1), "int32_t"),
        ("gt_boxes", (most, 4), "float"),
        ("gt_box_count", (1, 1), "int32_t"),
        ("gt_class_count", (most, 1), "int32_t"),
        ("image_scale", (1, 1), "float"),
        ("difficult_flag", (most, 1), "int32_t"),
    )
    return tuple(
        Buffer(name=buffer_name(name, kind), shape=shape, type=ELEMENT_TYPES[type_])
        for kind, shape, type_ in shapes
    )
