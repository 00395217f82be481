"""Points from one CRS to another, and the period after which a CRS tells the same place again."""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj

from dragoman.errors import InvalidRequest
from dragoman.rasters.crs import TRANSFORM_ERRORS, crs_label

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.crs import CRS

type Points = NDArray[np.float64]
"""Shape (..., 2): x before y, longitude before latitude."""

MERIDIANS = 24
"""Meridians on which it is tried whether a projection repeats itself."""


STRAY = 1000.0
"""Metres by which a point in a plane may miss itself there and back; beyond the edge of the world it misses by far."""


class Transformation:
    """Points between two CRSs; infinite where a point has no place in the other.

    Raises InvalidRequest where no transformation is known.
    """

    def __init__(self, source: CRS, target: CRS) -> None:
        self._source = source
        try:
            self._transformer = pyproj.Transformer.from_crs(
                horizontal(source), horizontal(target), always_xy=True
            )
        except TRANSFORM_ERRORS as error:
            where = f"from {crs_label(source)} to {crs_label(target)}"
            raise InvalidRequest(f"no transformation {where} is known here") from error

    def forward(self, points: Points) -> Points:
        """From source to target."""
        return self._changed(points, "FORWARD")

    def backward(self, points: Points) -> Points:
        """From target to source."""
        return self._changed(points, "INVERSE")

    def inward(self, points: Points) -> Points:
        """As ``forward``; infinite also for points of a plane that lie beyond the edge of the world.

        There some projections tell places anew. In a plane that repeats itself x has no such edge.
        """
        places = self.forward(points)
        if self._stray is None:
            return places
        with np.errstate(invalid="ignore"):
            off = self.backward(places) - points
            if self._period:
                off[..., 0] -= self._period * np.round(off[..., 0] / self._period)
            places[~(np.abs(off) <= self._stray).all(axis=-1)] = np.inf
        return places

    @cached_property
    def _stray(self) -> float | None:
        """``STRAY`` in units of the source; None for longitudes and latitudes."""
        axes = horizontal(self._source).axis_info
        return None if self._source.is_geographic or not axes else STRAY / axes[0].unit_conversion_factor

    @cached_property
    def _period(self) -> float | None:
        return period_of(self._source)

    def _changed(self, points: Points, direction: str) -> Points:
        flat = points.reshape(-1, 2)
        x, y = self._transformer.transform(flat[:, 0], flat[:, 1], direction=direction)
        return np.column_stack([x, y]).reshape(points.shape)


def horizontal(crs: CRS) -> Any:
    """The ``pyproj.CRS`` of a rasterio CRS, without its heights."""
    return _horizontal(_wkt(crs))


def _wkt(crs: CRS) -> str:
    try:
        wkt: str = crs.to_wkt(version="WKT2_2019")
    except TRANSFORM_ERRORS:
        wkt = crs.to_wkt()
    return wkt


def _horizontal(wkt: str) -> Any:
    own = pyproj.CRS.from_wkt(wkt)
    if own.is_compound:
        own = own.sub_crs_list[0]
    return own.to_2d() if len(own.axis_info) == 3 else own


def turn_of(crs: CRS) -> float:
    """A full turn of longitude in the units of a geographic CRS: 360 degrees, 400 grads."""
    return _turn(horizontal(crs))


def _turn(crs: Any) -> float:
    factor = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 0.0
    turn = 2 * math.pi / factor if factor > 0 else 360.0
    return round(turn, 9)


def period_of(crs: CRS) -> float | None:
    """By how much x grows once around the world, in units of the CRS; None where x does not repeat.

    A geographic CRS repeats itself after a turn, and so does a cylindrical projection (Mercator, equidistant).
    """
    return _period(_wkt(crs))


@lru_cache(maxsize=64)
def _period(wkt: str) -> float | None:
    """Of a CRS by its text; tried out once, for that takes some milliseconds."""
    own = _horizontal(wkt)
    if own.is_geographic:
        return _turn(own)
    try:
        around = [_spacing(own, share) for share in (1 / 36, 1 / 9)]
    except pyproj.exceptions.ProjError:
        return None
    first, second = around
    if first is None or second is None or abs(first - second) > 1e-6 * first:
        return None
    return MERIDIANS * first


def _spacing(crs: Any, latitude: float) -> float | None:
    """How far two meridians lie apart along a parallel (in shares of a turn); None unless all do alike."""
    base = crs.geodetic_crs
    turn = _turn(base)
    longitudes = (np.arange(MERIDIANS) / MERIDIANS + 0.0107) * turn - turn / 2
    to_plane = pyproj.Transformer.from_crs(base, crs, always_xy=True)
    x, y = to_plane.transform(longitudes, np.full(MERIDIANS, latitude * turn))
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or np.ptp(y) > 1e-6 * max(1.0, np.ptp(x)):
        return None
    steps = np.diff(x, append=x[0])
    usual = float(np.median(steps))
    odd = np.abs(steps - usual) > 1e-6 * abs(usual)
    return abs(usual) if usual and odd.sum() == 1 else None
