"""Reducing stored numbers along one dimension, piece by piece: sums, extremes, deviations of what is not missing.

Sums are float64; extremes of integers are exact. A piece is worked through in parts that stay in the processor's
cache. Pieces are merged in their order, deviations by the pairwise update of Chan, Golub and LeVeque.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from dragoman.rasters.scaling import check_exact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dragoman.rasters.netcdf_decoding import Decoder

type Method = Literal["mean", "min", "max", "sum", "std", "count"]

PART: Final = 1 << 18
"""Numbers worked on at once."""


class Reduction:
    """What is known of each place, over the numbers seen so far; shape (before, after) the reduced dimension."""

    def __init__(self, method: Method, shape: tuple[int, int]) -> None:
        self.method = method
        self.count = np.zeros(shape, dtype=np.int64)
        """Valid numbers."""
        start = {"min": np.inf, "max": -np.inf}.get(method, 0.0)
        self.value = np.full(shape, start, dtype=np.float64)
        """The extreme; else the sum."""
        self.squares = np.zeros(shape if method == "std" else (0, 0), dtype=np.float64)
        """Of the deviations from the mean."""

    def add(self, stored: NDArray[Any], decoder: Decoder) -> None:
        """Take in stored numbers, shape (before, reduced, after).

        Raises InvalidRequest for integers that a float64 cannot tell.
        """
        for before, along, after in _parts(stored.shape):
            numbers = decoder.numbers_of(stored[before, along, after])
            values, mask = decoder.values_of(numbers, infinite=True)
            if values.dtype.kind != "f" and self.method != "count":
                check_exact(values, mask)
            self._add_part(values, mask, (before, after))

    def _add_part(
        self, values: NDArray[Any], mask: NDArray[np.bool_] | None, place: tuple[slice, slice]
    ) -> None:
        length = values.shape[1]
        count: Any = length if mask is None else length - np.count_nonzero(mask, axis=1)
        if self.method in ("min", "max"):
            extreme = _extreme(values, mask, self.method)
            here = self.value[place]
            (np.minimum if self.method == "min" else np.maximum)(here, extreme, out=here)
        elif self.method != "count":
            values = values if mask is None else np.where(mask, values.dtype.type(0), values)
            total = np.add.reduce(values, axis=1, dtype=np.float64)
            if self.method == "std":
                squares = _squares(values, mask, total / np.maximum(count, 1))
                self._merge_squares(squares, total, count, place)
            self.value[place] += total
        self.count[place] += count

    def merge(self, other: Reduction) -> None:
        """Take in what another has seen of the same places."""
        place = (slice(None), slice(None))
        if self.method in ("min", "max"):
            (np.minimum if self.method == "min" else np.maximum)(self.value, other.value, out=self.value)
        elif self.method != "count":
            if self.method == "std":
                self._merge_squares(other.squares, other.value, other.count, place)
            self.value += other.value
        self.count += other.count

    def _merge_squares(self, squares: Any, total: Any, count: Any, place: tuple[slice, slice]) -> None:
        mine = self.count[place]
        delta = total / np.maximum(count, 1) - self.value[place] / np.maximum(mine, 1)
        delta = np.where(mine > 0, delta, 0.0)  # a first number near the limit of float64 has no square
        share = count / np.maximum(mine + count, 1)
        self.squares[place] += squares + delta**2 * mine * share

    def result(self) -> NDArray[Any]:
        """The reduced values, float64 and NaN where no number was valid; of count, integers."""
        if self.method == "count":
            return self.count
        known = np.maximum(self.count, 1)
        value = self.value
        if self.method == "mean":
            value = value / known
        elif self.method == "std":
            value = np.sqrt(self.squares / known)
        return np.where(self.count > 0, value, np.nan)


def _parts(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice, slice]]:
    """Slices that cover (before, reduced, after) in parts of some ``PART`` numbers, the reduced ones in their order."""
    before, along, after = shape
    wide = min(after, max(PART // min(along, 16), 1))
    deep = min(along, max(PART // wide, 1))
    many = min(before, max(PART // (wide * deep), 1))
    for first in range(0, before, many):
        for left in range(0, after, wide):
            for start in range(0, along, deep):
                yield slice(first, first + many), slice(start, start + deep), slice(left, left + wide)


def _extreme(values: NDArray[Any], mask: NDArray[np.bool_] | None, method: str) -> NDArray[Any]:
    """The least or greatest valid number of each place; infinite where there is none."""
    ufunc, filler = (np.minimum, np.inf) if method == "min" else (np.maximum, -np.inf)
    if mask is not None:
        values = values if values.dtype.kind == "f" else values.astype(np.float64)
        values = np.where(mask, values.dtype.type(filler), values)
    extreme: NDArray[Any] = ufunc.reduce(values, axis=1)
    return extreme


def _squares(values: NDArray[Any], mask: NDArray[np.bool_] | None, mean: NDArray[Any]) -> NDArray[Any]:
    deviations = values - np.expand_dims(mean, 1)
    if mask is not None:
        deviations[mask] = 0.0
    np.square(deviations, out=deviations)
    squares: NDArray[Any] = np.add.reduce(deviations, axis=1)
    return squares
