"""What a stored number stands for: by scale and offset, as a person would write it, and with all its digits."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.errors import InvalidRequest

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXACT_INTEGERS: Final = 2**53
"""Up to here a float64 tells every integer from its neighbours."""

MAX_DIGITS: Final = 22
"""Decimal places at most: ten to that power is exact in float64."""

APART: Final = 4
"""Float32 numbers within one step of a packing, so that rounding does not move a value by a good part of a step."""


def distinct_in_float32(dtype: np.dtype[Any], scale: float, offset: float) -> bool:
    """Whether float32 tells apart all values of integers of ``dtype`` times ``scale`` plus ``offset``."""
    limits = np.iinfo(dtype)
    if scale == 0:
        return True
    largest = max(abs(int(limits.min) * scale + offset), abs(int(limits.max) * scale + offset))
    if not largest <= float(np.finfo(np.float32).max):
        return False
    return bool(np.spacing(np.float32(largest)) * APART <= abs(scale))


def check_exact(integers: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> None:
    """Raise InvalidRequest if a valid integer is beyond 2**53: a float64 does not tell it from its neighbours."""
    if integers.dtype.itemsize < 8 or not integers.size:
        return
    valid = integers if mask is None else integers[~mask]
    if valid.size and (int(valid.max()) > EXACT_INTEGERS or int(valid.min()) < -EXACT_INTEGERS):
        raise InvalidRequest(
            "holds integers beyond 2**53, which are not calculated with: they would lose digits"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """A value is ``(number * factor + shift) / divisor``, one rounding in all; see ``of``."""

    factor: float
    shift: float
    divisor: float

    @classmethod
    def of(cls, scale: float, offset: float, dtype: np.dtype[Any]) -> Scaling:
        """The scaling of numbers of ``dtype``.

        Where scale and offset are short decimals, 7000 times 0.0001 becomes 0.7, the float64 that a person who writes
        0.7 means, and not 0.7000000000000001: it is divided by 10000. Elsewhere as float64 has it.
        """
        plain = cls(factor=scale, shift=offset, divisor=1.0)
        if dtype.kind not in "iu" or not (np.isfinite(scale) and np.isfinite(offset)):
            return plain
        both = [Decimal(repr(float(item))) for item in (scale, offset)]
        digits = max(0, *(-int(item.as_tuple().exponent) for item in both))
        if digits > MAX_DIGITS:
            return plain
        factor, shift = (int(item.scaleb(digits)) for item in both)
        limits = np.iinfo(dtype)
        largest = max(abs(int(limits.min)), int(limits.max)) * abs(factor) + abs(shift)
        if largest > EXACT_INTEGERS:
            return plain
        return cls(factor=float(factor), shift=float(shift), divisor=float(10**digits))

    def apply(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn stored numbers into values, in place."""
        if self.factor != 1:
            numbers *= self.factor
        if self.shift != 0:
            numbers += self.shift
        if self.divisor != 1:
            numbers /= self.divisor
        return numbers
