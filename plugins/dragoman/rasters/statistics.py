"""Statistics of values that are seen piece by piece: one pass, stable, mergeable in any order.

Count, mean and squared deviations are merged by the pairwise update of Chan, Golub and LeVeque,
so that neither large offsets nor many pieces lose digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIECE = 1 << 17
"""Values summed at once: their float64 copy stays in the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What is known of the values seen so far.

    A missing value (NaN, infinite, masked) counts in ``total`` only.
    """

    total: int = 0
    """Values seen, missing ones included."""
    count: int = 0
    """Valid values."""
    mean: float = 0.0
    """0 where count is 0."""
    squares: float = 0.0
    """Sum of squared deviations from the mean."""
    minimum: float = math.inf
    maximum: float = -math.inf

    @classmethod
    def of(cls, values: NDArray[Any]) -> Statistics:
        """Statistics of an array of any shape; masked values are missing."""
        flat = np.ma.asanyarray(values).reshape(-1)
        result = cls()
        for start in range(0, flat.size, PIECE):
            result = result.merge(cls._of_piece(flat[start : start + PIECE]))
        return result

    @classmethod
    def _of_piece(cls, piece: np.ma.MaskedArray[Any, Any]) -> Statistics:
        values: NDArray[Any] = piece.data if piece.mask is np.ma.nomask else piece.compressed()
        low, high = _extremes(values)
        if not (math.isfinite(low) and math.isfinite(high)):
            values = values[np.isfinite(values)]
            low, high = _extremes(values)
        if not values.size:
            return cls(total=piece.size)
        deviations = values.astype(np.float64)
        mean = float(deviations.mean())
        deviations -= mean
        # einsum, not @: BLAS would share so short a product out to threads, and they cost more than it
        squares = float(np.einsum("i,i->", deviations, deviations))
        return cls(total=piece.size, count=values.size, mean=mean, squares=squares, minimum=low, maximum=high)

    def merge(self, other: Statistics) -> Statistics:
        """Statistics of both together."""
        total, count = self.total + other.total, self.count + other.count
        if not self.count or not other.count:
            known = self if self.count else other
            return Statistics(
                total=total,
                count=count,
                mean=known.mean,
                squares=known.squares,
                minimum=known.minimum,
                maximum=known.maximum,
            )
        delta = other.mean - self.mean
        return Statistics(
            total=total,
            count=count,
            mean=self.mean + delta * (other.count / count),
            squares=self.squares + other.squares + delta * delta * (self.count * (other.count / count)),
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
        )

    @property
    def std(self) -> float:
        """Standard deviation of the population (divided by count); NaN where count is 0."""
        return math.sqrt(self.squares / self.count) if self.count else math.nan

    def to_json(self) -> dict[str, float | int | None]:
        """Members min, max, mean, std (None where nothing is valid), valid_count and valid_fraction."""
        known = {"min": self.minimum, "max": self.maximum, "mean": self.mean, "std": self.std}
        return {
            **{name: value if self.count and math.isfinite(value) else None for name, value in known.items()},
            "valid_count": self.count,
            "valid_fraction": self.count / self.total if self.total else 0.0,
        }


def _extremes(values: NDArray[Any]) -> tuple[float, float]:
    """Least and greatest, NaN if there is one; without values what merging leaves as it is."""
    return (float(values.min()), float(values.max())) if values.size else (math.inf, -math.inf)


def merged(parts: list[Statistics]) -> Statistics:
    """Statistics of all parts together, merged in their order."""
    result = Statistics()
    for part in parts:
        result = result.merge(part)
    return result
