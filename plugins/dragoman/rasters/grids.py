"""Grids: where the pixels of a raster lie, how two grids differ, and reading one raster on another's grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.transform import array_bounds
from rasterio.warp import transform_bounds

from dragoman.rasters.crs import TRANSFORM_ERRORS
from dragoman.rasters.crs_comparison import labels_apart, same_ground
from dragoman.rasters.raster import fits

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS

type Bounds = tuple[float, float, float, float]
"""Left, bottom, right, top, in units of a CRS."""

TOLERANCE = 0.01
"""Pixels by which a corner may be off and still be the same corner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Width times height pixels, north up or not, in a CRS."""

    crs: CRS | None
    """None: not known."""
    transform: Affine
    """From (col, row) to (x, y); (0, 0) is the outer corner of the first pixel."""
    width: int
    height: int

    @classmethod
    def of(cls, dataset: Any) -> Grid:
        """The grid of an open rasterio dataset."""
        return cls(
            crs=dataset.crs or None,
            transform=dataset.transform,
            width=dataset.width,
            height=dataset.height,
        )

    @property
    def bounds(self) -> Bounds:
        """The outer edges; of a rotated grid, the box around it."""
        a, b, c, d, e, f = self.transform[:6]
        if b == 0 and d == 0:
            left, bottom, right, top = array_bounds(self.height, self.width, self.transform)
            return (min(left, right), min(bottom, top), max(left, right), max(bottom, top))
        xs = [c, c + a * self.width, c + b * self.height, c + a * self.width + b * self.height]
        ys = [f, f + d * self.width, f + e * self.height, f + d * self.width + e * self.height]
        return (min(xs), min(ys), max(xs), max(ys))

    def bounds_in(self, crs: CRS) -> Bounds | None:
        """The box around the grid in another CRS; None where it cannot be told."""
        if self.crs is None:
            return None
        if self.crs == crs:
            return self.bounds
        try:
            left, bottom, right, top = transform_bounds(self.crs, crs, *self.bounds, densify_pts=21)
        except TRANSFORM_ERRORS:
            return None
        bounds = (left, bottom, right, top)
        return bounds if np.isfinite(bounds).all() else None

    def differences(self, other: Grid) -> list[str]:
        """How ``other`` differs, one phrase each; empty where every pixel lies on the same ground.

        Corners may be ``TOLERANCE`` of a pixel apart.
        """
        phrases = []
        if (self.width, self.height) != (other.width, other.height):
            phrases.append(f"size {other.width} x {other.height} against {self.width} x {self.height}")
        if not same_ground(self.crs, other.crs):
            phrases.append("CRS {} against {}".format(*labels_apart(other.crs, self.crs)))
            return phrases
        mine, theirs = self.transform, other.transform
        if not np.allclose(_steps(mine), _steps(theirs), rtol=0, atol=self._step_tolerance()):
            phrases.append(f"pixel size {_size(theirs)} against {_size(mine)}")
        size = max(abs(step) for step in _steps(mine)) or 1.0
        if max(abs(mine.c - theirs.c), abs(mine.f - theirs.f)) > TOLERANCE * size:
            phrases.append(f"upper left corner {_corner(theirs)} against {_corner(mine)}")
        return phrases

    def same_as(self, other: Grid) -> bool:
        """Whether every pixel lies on the same ground."""
        return not self.differences(other)

    def _step_tolerance(self) -> float:
        size = max(abs(step) for step in _steps(self.transform)) or 1.0
        return TOLERANCE * size / max(self.width, self.height)


def _steps(transform: Affine) -> tuple[float, float, float, float]:
    return (transform.a, transform.b, transform.d, transform.e)


def _size(transform: Affine) -> str:
    text = f"{transform.a:.10g} x {transform.e:.10g}"
    rotated = transform.b != 0 or transform.d != 0
    return f"{text} (rotated {transform.b:.6g}, {transform.d:.6g})" if rotated else text


def _corner(transform: Affine) -> str:
    return f"({transform.c:.10g}, {transform.f:.10g})"


def overlap(a: Bounds, b: Bounds) -> bool:
    """Whether two boxes share an area."""
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def missing_options(dataset: Any) -> dict[str, Any]:
    """How a warp is told which pixels of ``dataset`` to skip: what WarpedVRT is given for that.

    A mask of the file counts only where no nodata value is named; a NaN that it calls valid then makes
    NaN of each pixel calculated with it. Nodata counts in each band for itself: GDAL's default skips a
    pixel that has it in every band, and blends it into the others. Of an alpha band, 0 alone is missing.
    """
    masked = [MaskFlags.per_dataset] in dataset.mask_flag_enums
    return {
        "src_nodata": None if masked else source_nodata(dataset),
        "UNIFIED_SRC_NODATA": "NO",
        "SRC_ALPHA_MAX": 1,
    }


def source_nodata(dataset: Any) -> float | None:
    """The nodata value a warp shall skip: the declared one if the type can hold it, else NaN in floats."""
    kinds = [np.dtype(name) for name in dataset.dtypes]
    nodata = dataset.nodata
    if nodata is not None and all(fits(nodata, kind) for kind in kinds):
        return float(nodata)
    return float("nan") if all(kind.kind == "f" for kind in kinds) else None
