"""How each region of a grid is warped: by the scale that the transformation has there, and whether it is torn there.

GDAL guesses how far its kernel reaches from the box around what a block needs of the source. Across the
antimeridian, at a pole or between turned grids that box is far too large, and bilinear becomes a mean over half
the world. So the scale is told: it is measured on the target, which is divided into regions of nearly one scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.windows import Window

from dragoman.errors import InvalidRequest
from dragoman.rasters.transformation import Transformation, period_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from affine import Affine
    from numpy.typing import NDArray

    from dragoman.rasters.grids import Grid
    from dragoman.rasters.transformation import Points

KERNELS = frozenset({"bilinear", "cubic", "cubic_spline", "lanczos"})
"""Resamplings whose reach depends on the scale; all others look at the pixel's own outline, or at one point."""

SAMPLES = 17
"""Points along a side by which a region is judged."""

ALIKE = 2 ** (1 / 4)
"""Factor between two scales that are told apart."""

EXACT = 1e-6
"""Source pixels by which GDAL may simplify the way along a row that is torn; 0 it does not take."""

CURLED = 0.06
"""Source pixels by which a row may swing to one side and to the other of a straight line."""

EDGE_SAMPLES = 257
"""Points along a side of a region by which it is seen whether the edge of the world goes through."""

TORN_PARTS = 16
"""Torn regions along the longer side of a target at least: they take GDAL the longest."""

SMALLEST = 128
"""Pixels along a side of a region that is divided no further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a region is warped."""

    scale: tuple[float, float] | None = None
    """Target pixels for one of the source, along its columns and rows; None: of no matter."""
    torn: bool = False
    """Whether neighbours here may be far apart in the source."""
    curled: bool = False
    """Whether a row swings around a straight line: GDAL looks at its middle alone, and takes it for straight."""
    edged: bool = False
    """Whether the edge of the world goes through (see ``reading.checking``)."""

    def options(self) -> dict[str, Any]:
        """For ``WarpedVRT``."""
        options: dict[str, Any] = {}
        if self.scale:
            options |= {"XSCALE": repr(self.scale[0]), "YSCALE": repr(self.scale[1])}
        if self.torn:
            options |= {"SAMPLE_GRID": "YES", "SAMPLE_STEPS": "ALL"}
        if self.torn or self.curled:
            options["tolerance"] = EXACT
        return options


type Regions = list[tuple[Window, Way]]
"""Windows that cover a grid once, and how each is warped."""


class Survey:
    """The target as it lies on the source: how large its pixels are there, and where it is torn."""

    def __init__(self, source: Grid, target: Grid, resampling: str) -> None:
        assert source.crs is not None
        assert target.crs is not None
        self._target, self._kernel = target, resampling in KERNELS
        self._to_source = None if source.crs == target.crs else Transformation(target.crs, source.crs)
        self._to_pixels = ~source.transform
        self._size = (source.width, source.height)
        period = None if self._to_source is None else period_of(source.crs)
        self._has_edge = not (target.crs.is_geographic or period_of(target.crs))
        self._torn_size = max(SMALLEST, max(target.width, target.height) // TORN_PARTS)
        self._period = period / math.hypot(source.transform.a, source.transform.d) if period else None

    def regions(self) -> Regions:
        """All of the target."""
        whole = Window(0, 0, self._target.width, self._target.height)
        if self._to_source is None:
            across, down, _ = self._scales(whole, self._places(self._spots(whole)))
            return [(whole, Way(scale=self._scale_of(across, down)))]
        return [*self._divided(whole, whole)]

    def _divided(self, window: Window, whole: Window) -> Iterator[tuple[Window, Way]]:
        here = self._places(self._spots(window))
        across, down, torn = self._scales(window, here)
        edged = self._is_edged(window)
        if not len(across):
            yield window, Way(torn=True, edged=edged)
            return
        torn = torn or edged
        alike = not self._kernel or max(_spread(across), _spread(down)) <= ALIKE**2
        curled = not torn and _swing(here[..., 0]) + _swing(here[..., 1]) > CURLED
        size = max(window.width, window.height)
        if size <= SMALLEST or (alike and not curled and not (torn and size > self._torn_size)):
            scale = self._scale_of(across, down, stepped=window is not whole)
            yield window, Way(scale=scale, torn=torn, curled=curled, edged=edged)
            return
        for part in _quarters(window):
            yield from self._divided(part, whole)

    def _scale_of(self, across: Any, down: Any, *, stepped: bool = False) -> tuple[float, float] | None:
        if not self._kernel:
            return None
        scale = float(np.median(across)), float(np.median(down))
        return (_stepped(scale[0]), _stepped(scale[1])) if stepped else scale

    @staticmethod
    def _spots(window: Window) -> Points:
        """(col, row) of points of the target from edge to edge of a window: (SAMPLES, SAMPLES, 2)."""
        cols = window.col_off + np.linspace(0, 1, SAMPLES) * window.width
        rows = window.row_off + np.linspace(0, 1, SAMPLES) * window.height
        return np.stack(np.meshgrid(cols, rows), axis=-1)

    def _scales(self, window: Window, here: Points) -> tuple[NDArray[Any], NDArray[Any], bool]:
        """Scales along the source's columns and rows where the window's points have a place; and if it is torn."""
        spots = self._spots(window)
        steps = [self._places(spots + step) - here for step in ((1.0, 0.0), (0.0, 1.0))]
        if self._period:
            for step in steps:
                step[..., 0] -= self._period * np.round(step[..., 0] / self._period)
        with np.errstate(invalid="ignore", divide="ignore"):
            across = 1 / np.hypot(steps[0][..., 0], steps[1][..., 0])
            down = 1 / np.hypot(steps[0][..., 1], steps[1][..., 1])
        known = np.isfinite(across) & np.isfinite(down) & (across > 0) & (down > 0)
        torn = self._to_source is not None and (not known.all() or self._is_torn(here))
        near = known & self._near(here)
        return across[near if near.any() else known], down[near if near.any() else known], torn

    def _near(self, places: Points) -> NDArray[np.bool_]:
        """Which places lie on the source, or not far beside it."""
        with np.errstate(invalid="ignore"):
            x, y = places[..., 0] / self._size[0], places[..., 1] / self._size[1]
            level = (y > -0.1) & (y < 1.1)
            return np.asarray(level if self._period else level & (x > -0.1) & (x < 1.1))

    def _is_torn(self, places: Points) -> bool:
        """Whether two neighbours lie further apart than the way between them can be."""
        if self._period:
            steps = [np.abs(np.diff(places[..., 0], axis=axis)) for axis in (0, 1)]
            return any(bool((step > self._period / 3).any()) for step in steps)
        return False

    def _places(self, spots: Points) -> Points:
        """(col, row) of the source for those of the target; not finite where there is none."""
        points = _applied(self._target.transform, spots)
        if self._to_source is not None:
            points = self._to_source.inward(points)
        with np.errstate(invalid="ignore"):
            return _applied(self._to_pixels, points)

    def _is_edged(self, window: Window) -> bool:
        """Whether a side of the window, or a corner, has no place. A plane that repeats itself has no such edge."""
        if not self._has_edge:
            return False
        share = np.linspace(0, 1, EDGE_SAMPLES)
        zero, one = np.zeros(EDGE_SAMPLES), np.ones(EDGE_SAMPLES)
        sides = np.concatenate([[share, zero], [share, one], [zero, share], [one, share]], axis=1).T
        spots = sides * (window.width, window.height) + (window.col_off, window.row_off)
        return not np.isfinite(self._places(spots)).all()


def _applied(transform: Affine, points: Points) -> Points:
    a, b, c, d, e, f = transform[:6]
    x, y = points[..., 0], points[..., 1]
    return np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1)


def _spread(scales: Any) -> float:
    """Greatest to least, where upsampling counts alike: the kernel is the same then."""
    capped = np.minimum(scales, 1.0)
    return float(capped.max() / capped.min())


def _swing(values: Points) -> float:
    """By how much (rows, SAMPLES) values swing to one side of a straight line in a row's first half, and back."""
    share = np.linspace(0, 1, SAMPLES)
    off = values - values[:, :1] * (1 - share) - values[:, -1:] * share
    return float(np.abs(off - off[:, ::-1]).max()) / 2


def _stepped(scale: float) -> float:
    return float(ALIKE ** round(math.log(scale, ALIKE)))


def _quarters(window: Window) -> Iterator[Window]:
    for col, width in _halves(window.col_off, window.width):
        for row, height in _halves(window.row_off, window.height):
            yield Window(col, row, width, height)


def _halves(start: int, length: int) -> list[tuple[int, int]]:
    if length <= SMALLEST:
        return [(start, length)]
    half = -(-length // 2 // SMALLEST) * SMALLEST
    return [(start, half), (start + half, length - half)] if half < length else [(start, length)]


def surveyed(source: Grid, target: Grid, resampling: str) -> Regions:
    """How each region of ``target`` is warped; raises InvalidRequest where a CRS or transformation is missing."""
    if source.crs is None or target.crs is None:
        raise InvalidRequest("without a CRS it cannot be brought onto another grid")
    return Survey(source, target, resampling).regions()
