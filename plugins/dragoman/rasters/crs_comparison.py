"""Whether two CRS put the same numbers on the same ground, as far as pixels of a map are concerned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyproj

from dragoman.rasters.crs import crs_label

if TYPE_CHECKING:
    from rasterio.crs import CRS


def same_ground(one: CRS | None, other: CRS | None) -> bool:
    """Whether both have the same x and y.

    A vertical CRS beside the horizontal one, or a way to WGS 84 written into it (``+towgs84``), moves no pixel.
    """
    if one == other:
        return True
    if not one or not other:
        return False
    try:
        first, second = _horizontal(one), _horizontal(other)
    except pyproj.exceptions.ProjError:
        return False
    return bool(first.equals(second, ignore_axis_order=True))


def labels_apart(one: CRS | None, other: CRS | None) -> tuple[str, str]:
    """Short names of two CRS that differ; what is different where they have the same name."""
    labels = crs_label(one), crs_label(other)
    if labels[0] != labels[1] or not one or not other:
        return labels
    return _described(one, labels[0]), _described(other, labels[1])


def _horizontal(crs: CRS) -> pyproj.CRS:
    horizontal = pyproj.CRS.from_wkt(crs.to_wkt(version="WKT2_2019"))
    while True:
        if horizontal.is_compound:
            horizontal = horizontal.sub_crs_list[0]
        elif horizontal.is_bound and horizontal.source_crs is not None:
            horizontal = horizontal.source_crs
        else:
            return horizontal


def _described(crs: CRS, label: str) -> str:
    """The name with the projection and datum behind it."""
    told = " ".join(crs.to_proj4().split()[:12])
    return f"{label} ({told})"
