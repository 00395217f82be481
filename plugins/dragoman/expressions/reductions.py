"""Reducing an array window by window: what is kept of each window, and how that becomes the value of the whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.expressions.blocks import Block

if TYPE_CHECKING:
    from collections.abc import Iterable

BY_WINDOWS: Final = frozenset({"min", "max", "mean", "std", "var"})
"""Functions of a whole array that need one look at each window; the median needs the whole array."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """What is known of some cells, those aside that are masked or NaN."""

    count: int = 0
    least: Any = None
    most: Any = None
    mean: float = 0.0
    spread: float = 0.0
    """The sum of the squared differences from the mean."""

    def plus(self, other: Partial) -> Partial:
        """Of both (Chan, Golub and LeVeque 1979, which loses no digits)."""
        if not other.count or not self.count:
            return self if self.count else other
        count = self.count + other.count
        step = other.mean - self.mean
        return Partial(
            count=count,
            least=min(self.least, other.least),
            most=max(self.most, other.most),
            mean=self.mean + step * other.count / count,
            spread=self.spread + other.spread + step * step * self.count * other.count / count,
        )


def partial(function: str, block: Block) -> Partial:
    """What a function needs to know of a block."""
    values = block.data.ravel() if block.mask is None else block.data[~block.mask]
    if values.dtype.kind == "f":
        missing = np.isnan(values)
        values = values[~missing] if missing.any() else values
    if not values.size:
        return Partial()
    if function in ("min", "max"):
        return Partial(count=values.size, least=values.min(), most=values.max())
    mean = float(values.mean(dtype=np.float64))
    spread = 0.0
    if function != "mean" and math.isfinite(mean):
        spread = float(np.square(values - mean, dtype=np.float64).sum())
    return Partial(count=values.size, least=0, most=0, mean=mean, spread=spread)


def total(function: str, partials: Iterable[Partial], dtype: np.dtype[Any]) -> Block:
    """The value of the whole, of no dimension, from its windows in their order; masked where no cell counts."""
    whole = Partial()
    for each in partials:
        whole = whole.plus(each)
    kind = dtype if function in ("min", "max") or dtype.kind == "f" else np.dtype(np.float64)
    if not whole.count:
        return Block(data=np.zeros((), kind), mask=np.ones((), bool))
    variance = whole.spread / whole.count
    values = {"min": whole.least, "max": whole.most, "mean": whole.mean, "var": variance}
    value = math.sqrt(variance) if function == "std" else values[function]
    return Block(data=np.asarray(value, dtype=kind))
