"""Regions of pictures that are chosen by the boxes in them, for localization_ssd.

A region is tried at random and kept where it meets the limits of its sampler; one of those kept is cut out. Source:
Liu et al. 2016 (SSD), "Data augmentation", with the members that aeon gives it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from dragoman.datasets.boxes import areas, overlap_areas, shares
from dragoman.datasets.geometry import Expansion, Region, geometry_of

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from dragoman.datasets.augmentation import Augmentation, Sampler
    from dragoman.datasets.boxes import Boxes
    from dragoman.datasets.geometry import Geometry, Size

_KINDS: Final = ("jaccard_overlap", "sample_coverage", "object_coverage")


def geometry_by_boxes(settings: Augmentation, boxes: Boxes, target: Size, random: Generator) -> Geometry:
    """The steps for the picture of some boxes: expanded, then cut to a region, then warped to ``target``."""
    geometry = replace(geometry_of(settings, boxes.size, target, random), output=target)
    expansion = _expansion(settings, geometry.resized, random)
    canvas = geometry.resized
    corners = shares(boxes.corners, boxes.size)
    if expansion is not None:
        canvas = expansion.size
        moved = boxes.corners + np.array(expansion.offset * 2, dtype=np.float32)
        corners = shares(moved, canvas)
    region = _chosen(settings.batch_samplers, corners, random)
    return replace(geometry, expansion=expansion, crop=_pixels(region, canvas), padding=0)


def _expansion(settings: Augmentation, size: Size, random: Generator) -> Expansion | None:
    ratio = float(random.uniform(*settings.expand_ratio))
    if random.random() >= settings.expand_probability or ratio <= 1 or settings.resize_short_size:
        return None
    width, height = (int(side * ratio) for side in size)
    offset = (int(random.random() * (width - size[0])), int(random.random() * (height - size[1])))
    return Expansion(offset=offset, size=(width, height))


def _chosen(
    samplers: tuple[Sampler, ...], corners: NDArray[np.float32], random: Generator
) -> NDArray[np.float64]:
    """One of the regions that meet their limits, as shares of the picture; the whole where there is none."""
    regions = [region for sampler in samplers for region in _regions(sampler, corners, random)]
    if not regions:
        return np.array([0.0, 0.0, 1.0, 1.0])
    return regions[int(random.integers(len(regions)))]


def _regions(sampler: Sampler, corners: NDArray[np.float32], random: Generator) -> list[NDArray[np.float64]]:
    regions: list[NDArray[np.float64]] = []
    for _ in range(sampler.max_trials):
        if len(regions) == sampler.max_sample:
            break
        region = _tried(sampler, random)
        if _meets(sampler, region, corners):
            regions.append(region)
    return regions


def _tried(sampler: Sampler, random: Generator) -> NDArray[np.float64]:
    scale = random.uniform(*sampler.scale)
    low = max(sampler.aspect_ratio[0], scale**2)
    ratio = random.uniform(low, max(low, min(sampler.aspect_ratio[1], 1 / scale**2)))
    width, height = min(1.0, scale * np.sqrt(ratio)), min(1.0, scale / np.sqrt(ratio))
    left, top = random.uniform(0, 1 - width), random.uniform(0, 1 - height)
    return np.array([left, top, left + width, top + height])


def _meets(sampler: Sampler, region: NDArray[np.float64], corners: NDArray[np.float32]) -> bool:
    """Whether one of the boxes has with the region what the limits ask for; each kind of limit is met by one box."""
    if not sampler.limits:
        return True
    common = overlap_areas(corners, region.astype(np.float32), 0)
    own = areas(corners, 0)
    whole = float(np.prod(region[2:] - region[:2]))
    measures = {
        "jaccard_overlap": common / np.maximum(own + whole - common, 1e-12),
        "sample_coverage": common / max(whole, 1e-12),
        "object_coverage": common / np.maximum(own, 1e-12),
    }
    meets = np.ones(len(corners), dtype=bool)
    for kind in _KINDS:
        meets &= measures[kind] >= sampler.limits.get(f"min_{kind}", 0.0)
        meets &= measures[kind] <= sampler.limits.get(f"max_{kind}", np.inf)
    return bool(meets.any())


def _pixels(region: NDArray[np.float64], size: Size) -> Region:
    left, top = round(float(region[0]) * size[0]), round(float(region[1]) * size[1])
    width = round(float(region[2] - region[0]) * size[0])
    height = round(float(region[3] - region[1]) * size[1])
    left, top = min(left, size[0] - 1), min(top, size[1] - 1)
    return Region(
        x=left, y=top, width=max(1, min(width, size[0] - left)), height=max(1, min(height, size[1] - top))
    )
