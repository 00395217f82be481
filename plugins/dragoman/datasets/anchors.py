"""The anchors of a region proposal network: boxes of several shapes and sizes at every place of its feature map.

Source: Ren et al. 2015 (Faster R-CNN), section 3.1.1. Corners are inclusive, in pixels, float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.geometry import Size


def all_anchors(
    places: Size, scaling_factor: float, base_size: int, ratios: Sequence[float], scales: Sequence[float]
) -> NDArray[np.float32]:
    """Shape (ratios * scales * rows * columns, 4): shape by shape, and for each the places row by row."""
    columns, rows = places
    across, down = np.meshgrid(np.arange(columns) / scaling_factor, np.arange(rows) / scaling_factor)
    shifts = np.stack([across, down, across, down], axis=-1).reshape(1, -1, 4)
    shapes = np.array(_shapes(base_size, ratios, scales)).reshape(-1, 1, 4)
    anchors: NDArray[np.float32] = (shapes + shifts).reshape(-1, 4).astype(np.float32)
    return anchors


def within(anchors: NDArray[np.float32], size: Size) -> NDArray[np.int64]:
    """The numbers of the anchors that lie wholly in a picture of this size."""
    width, height = size
    low = (anchors[:, :2] >= 0).all(axis=1)
    return np.flatnonzero(low & (anchors[:, 2] < width) & (anchors[:, 3] < height))


def regression_targets(anchors: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """How each anchor has to be moved and stretched to become its box: dx, dy, dw, dh (section 3.1.2, equation 2)."""
    sizes, box_sizes = anchors[:, 2:] - anchors[:, :2] + 1, boxes[:, 2:] - boxes[:, :2] + 1
    shift = (_centres(boxes) - _centres(anchors)) / sizes
    targets: NDArray[np.float32] = np.concatenate(
        [shift, np.log(box_sizes / sizes)], axis=1, dtype=np.float32
    )
    return targets


def _centres(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    return (corners[:, :2] + corners[:, 2:]) * np.float32(0.5)


def _shapes(base_size: int, ratios: Sequence[float], scales: Sequence[float]) -> list[list[float]]:
    """Corners around the middle of the first place, for each ratio (height by width) and scale."""
    centre = (base_size - 1) / 2
    shapes = []
    for ratio in ratios:
        width = np.floor(np.sqrt(base_size * base_size / ratio) + 0.5)
        height = np.floor(width * ratio + 0.5)
        for scale in scales:
            half = ((width * scale - 1) / 2, (height * scale - 1) / 2)
            shapes.append([centre - half[0], centre - half[1], centre + half[0], centre + half[1]])
    return shapes
