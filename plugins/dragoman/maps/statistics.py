"""What the values of a layer are, gathered window by window: what a renderer's words stand for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from dragoman.model.renderer import Renderer

SAMPLE = 4_000_000
"""Cells that percentiles are worked out from; of larger layers every second row and column, or every third, ..."""


class BandStatistics:
    """Minimum, maximum and mean of all valid cells, and percentiles of a regular sample of them."""

    def __init__(self, cells: int, *, sampled: bool) -> None:
        """``cells`` is how many there are in all; ``sampled``: whether percentiles will be asked for."""
        self._step = math.ceil(math.sqrt(max(1, cells) / SAMPLE))
        self._sampled = sampled
        self._samples: dict[tuple[int, int, int], NDArray[Any]] = {}
        self._parts: list[tuple[float, float, float, int]] = []

    def add(
        self, values: NDArray[Any], valid: NDArray[np.bool_] | None, corner: tuple[int, int], layer: int = 0
    ) -> None:
        """One window of cells, shape (rows, cols), whose first cell is (row, column) ``corner``.

        ``valid`` is which of them count; None: all. Infinite ones never do: no colour stands for them. Safe for
        threads; the order of windows does not matter. ``layer`` tells windows of several times apart.
        """
        if values.dtype.kind == "f":
            finite = np.isfinite(values)
            valid = finite if valid is None else valid & finite
        counted = values.ravel() if valid is None else values[valid]
        if counted.size:
            with np.errstate(over="ignore"):
                total = float(counted.sum(dtype=np.float64))
            self._parts.append((float(counted.min()), float(counted.max()), total, counted.size))
        if self._sampled:
            rows, cols = ((-start) % self._step for start in corner)
            thinned = np.s_[rows :: self._step, cols :: self._step]
            sample = values[thinned] if valid is None else values[thinned][valid[thinned]]
            self._samples[(layer, *corner)] = sample.ravel().copy()

    @property
    def minimum(self) -> float | None:
        """None: no cell is valid."""
        return min((part[0] for part in self._parts), default=None)

    @property
    def maximum(self) -> float | None:
        """None: no cell is valid."""
        return max((part[1] for part in self._parts), default=None)

    def words(self, words: Iterable[str]) -> dict[str, float]:
        """The value of each word of a renderer; none where no cell is valid, or one is beyond float64."""
        if not self._parts:
            return {}
        values = {word: self._word(word) for word in words}
        return values if all(map(math.isfinite, values.values())) else {}

    def _word(self, word: str) -> float:
        match word:
            case "min":
                return min(part[0] for part in self._parts)
            case "max":
                return max(part[1] for part in self._parts)
            case "mean":
                count = sum(part[3] for part in self._parts)
                return math.fsum(part[2] for part in self._parts) / count
        sample = np.concatenate([self._samples[key] for key in sorted(self._samples)])
        if not sample.size:  # a few valid cells between the rows of the sample
            return self._word("mean")
        return float(np.percentile(sample, float(word[1:])))


def needs_sample(renderer: Renderer) -> bool:
    """Whether a renderer asks for a percentile."""
    return any(word.startswith("p") for word in renderer.words)
