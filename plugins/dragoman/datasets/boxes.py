"""Boxes of objects in a picture, as annotations name them: pixels from ``xmin`` to ``xmax``, both inclusive.

Source: contracts/aeon.md ("Boxes are inclusive"), and the annotations of aeon's manifests: JSON with ``object`` and
``size``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dragoman.datasets.augmentation import Augmentation
    from dragoman.datasets.geometry import Geometry, Size

_CORNERS: Final = ("xmin", "ymin", "xmax", "ymax")
_NEAR: Final = 1e-4
"""By how much a share of the picture may lie outside 0 to 1, from rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """The objects of one picture."""

    size: Size
    corners: NDArray[np.float32]
    """Shape (objects, 4): xmin, ymin, xmax, ymax, in pixels."""
    labels: NDArray[np.int32]
    """Number of each one's class."""
    difficult: NDArray[np.int32]
    """1 for what is hard to see, else 0."""

    def __len__(self) -> int:
        return len(self.corners)

    def only(self, kept: NDArray[Any]) -> Boxes:
        """Some of them, by a mask or by numbers."""
        return replace(
            self, corners=self.corners[kept], labels=self.labels[kept], difficult=self.difficult[kept]
        )


def read_boxes(content: bytes, classes: Mapping[str, int], *, normalized: bool = False) -> Boxes:
    """The boxes of an annotation; ``normalized``: all corners are shares of the picture, not only where a box says so.

    Raises DatasetError for what is missing, a class that is unknown, and a box outside its picture.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DatasetError("the annotation is not JSON") from error
    size = _member(document, "size")
    width, height, _ = (_number(size, name) for name in ("width", "height", "depth"))
    objects = _member(document, "object")
    if not isinstance(objects, list):
        raise DatasetError("'object' of the annotation is not a list")
    rows = [_corners(each, (int(width), int(height)), normalized=normalized) for each in objects]
    return Boxes(
        size=(int(width), int(height)),
        corners=np.array(rows, dtype=np.float32).reshape(-1, 4),
        labels=np.array([_label(each, classes) for each in objects], dtype=np.int32),
        difficult=np.array([bool(each.get("difficult")) for each in objects], dtype=np.int32),
    )


def moved(boxes: Boxes, geometry: Geometry, augmentation: Augmentation) -> Boxes:
    """The boxes after the steps of a geometry, without those that have left the picture; in its output's pixels.

    A box cannot follow a rotation: DatasetError.
    """
    if geometry.angle:
        raise DatasetError("boxes cannot be rotated; allowed: angle [0, 0] beside boxes")
    corners = boxes.corners.astype(np.float32, copy=True)
    if geometry.expansion is not None:
        corners += np.array(geometry.expansion.offset * 2, dtype=np.float32)
    elif geometry.resized != boxes.size:
        corners = rescaled(corners, geometry.resized, boxes.size)
    crop = geometry.crop
    left, top, right, bottom = crop.x, crop.y, crop.x + crop.width, crop.y + crop.height
    inside = (
        (corners[:, 2] >= left) & (corners[:, 0] < right) & (corners[:, 3] >= top) & (corners[:, 1] < bottom)
    )
    inside &= _emitted(corners, geometry, augmentation)
    corners = corners[inside] - np.array([left, top, left, top], dtype=np.float32)
    most = np.array([crop.width - 1, crop.height - 1] * 2, dtype=np.float32)
    corners = np.clip(corners, 0, most)
    if geometry.flip:
        corners[:, [0, 2]] = crop.width - corners[:, [2, 0]] - 1
    corners = rescaled(corners, geometry.output, (crop.width, crop.height))
    return replace(boxes.only(inside), corners=corners)


def rescaled(corners: NDArray[np.float32], target: Size, source: Size) -> NDArray[np.float32]:
    """Corners in a picture of another size: the far edge of the last pixel is what is scaled."""
    factors = np.array([target[0] / source[0], target[1] / source[1]], dtype=np.float32)
    low, high = corners[:, :2] * factors, (corners[:, 2:] + 1) * factors - 1
    return np.concatenate([low, high], axis=1).astype(np.float32)


def shares(corners: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Corners as shares of a picture of ``size``, from 0 to 1."""
    sides = np.array(size, dtype=np.float32)
    return np.concatenate([corners[:, :2] / sides, (corners[:, 2:] + 1) / sides], axis=1).astype(np.float32)


def overlap_areas(
    corners: NDArray[np.float32], other: NDArray[np.float32], pixel: float
) -> NDArray[np.float32]:
    """The area that each box shares with ``other``; ``pixel`` is 1 where corners are inclusive, else 0."""
    low = np.maximum(corners[:, :2], other[:2])
    high = np.minimum(corners[:, 2:], other[2:])
    return np.prod(np.maximum(high - low + np.float32(pixel), 0), axis=1)


def areas(corners: NDArray[np.float32], pixel: float) -> NDArray[np.float32]:
    """The area of each box."""
    return np.prod(np.maximum(corners[:, 2:] - corners[:, :2] + np.float32(pixel), 0), axis=1)


def _emitted(
    corners: NDArray[np.float32], geometry: Geometry, augmentation: Augmentation
) -> NDArray[np.bool_]:
    """Which boxes meet ``emit_constraint_type``."""
    crop = geometry.crop
    region = np.array([crop.x, crop.y, crop.x + crop.width - 1, crop.y + crop.height - 1], dtype=np.float32)
    if augmentation.emit_constraint_type == "center":
        centre = (corners[:, :2] + corners[:, 2:]) / 2
        return np.all((centre >= region[:2]) & (centre <= region[2:]), axis=1)
    if augmentation.emit_constraint_type == "min_overlap":
        whole = areas(corners, 1)
        share = overlap_areas(corners, region, 1) / np.where(whole > 0, whole, 1)
        return share >= augmentation.emit_constraint_min_overlap
    return np.ones(len(corners), dtype=bool)


def _corners(entry: Any, size: Size, *, normalized: bool) -> list[float]:
    box = _member(entry, "bndbox")
    corners = [float(_number(box, name)) for name in _CORNERS]
    if normalized or entry.get("normalized"):
        if not all(-_NEAR <= corner <= 1 + _NEAR for corner in corners):
            raise DatasetError(f"box {corners} is normalized, but not within 0 to 1")
        width, height = size
        corners = [corners[0] * width, corners[1] * height, corners[2] * width - 1, corners[3] * height - 1]
    xmin, ymin, xmax, ymax = corners
    if xmin > xmax or ymin > ymax or xmin < 0 or ymin < 0 or xmax >= size[0] + 1 or ymax >= size[1] + 1:
        raise DatasetError(f"box {corners} lies outside its picture of {size[0]} x {size[1]} pixels")
    return corners


def _label(entry: Any, classes: Mapping[str, int]) -> int:
    name = _member(entry, "name")
    number = classes.get(name) if isinstance(name, str) else None
    if number is None:
        known = ", ".join(list(classes)[:20])
        raise DatasetError(f"label '{str(name)[:100]}' not found in metadata label list; allowed: {known}")
    return number


def _member(document: Any, name: str) -> Any:
    if not isinstance(document, dict) or document.get(name) is None:
        raise DatasetError(f"'{name}' missing from metadata")
    return document[name]


def _number(document: Any, name: str) -> float:
    value = _member(document, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e6:
        raise DatasetError(f"'{name}' of the annotation is not a number of pixels")
    return float(value)
