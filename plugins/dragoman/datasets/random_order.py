"""The random orders of aeon: libstdc++'s ``shuffle`` and ``bernoulli_distribution`` on its ``minstd_rand0``.

A session with a given seed must hand out the same records in the same order as the real service, so the arithmetic
follows ISO C++ [rand.eng.lcong] and, where the standard leaves it open, libstdc++.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FACTOR: Final = 16807
_MODULUS: Final = 2**31 - 1
_RANGE: Final = _MODULUS - 2
"""From the least number of the engine, 1, to its greatest."""


class Minstd:
    """The engine ``minstd_rand0``: each number is 16807 times the one before, modulo 2**31 - 1."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed % _MODULUS or 1

    def number(self) -> int:
        """The next number, counted from the engine's least: 0 to ``_RANGE``."""
        self._state = self._state * _FACTOR % _MODULUS
        return self._state - 1

    def below(self, bound: int) -> int:
        """A whole number from 0 to ``bound`` - 1, each as likely."""
        scaling = _RANGE // bound
        past = bound * scaling
        while (number := self.number()) >= past:
            pass
        return number // scaling

    def canonical(self) -> float:
        """A number in [0, 1) with 53 random bits, of two numbers of the engine."""
        width = float(_RANGE + 1)
        low = self.number()
        return (low + self.number() * width) / (width * width)


def shuffle(order: NDArray[np.int64], engine: Minstd) -> NDArray[np.int64]:
    """The same records in random order; the engine moves on."""
    items = order.tolist()
    size = len(items)
    if size and _RANGE // size >= size:
        _shuffle_by_pairs(items, engine)
    else:
        for i in range(1, size):
            other = engine.below(i + 1)
            items[i], items[other] = items[other], items[i]
    return np.array(items, dtype=np.int64)


def _shuffle_by_pairs(items: list[int], engine: Minstd) -> None:
    """One number of the engine decides two exchanges, where its range allows."""
    size = len(items)
    i = 1
    if size % 2 == 0:
        other = engine.below(2)
        items[i], items[other] = items[other], items[i]
        i += 1
    while i < size:
        first, second = divmod(engine.below((i + 1) * (i + 2)), i + 2)
        items[i], items[first] = items[first], items[i]
        items[i + 1], items[second] = items[second], items[i + 1]
        i += 2


def subset(count: int, fraction: float) -> NDArray[np.int64]:
    """Which of ``count`` records a session with this ``subset_fraction`` keeps, in order; the same for every seed."""
    probability = float(np.float32(fraction))
    needed = int(np.float32(count) * np.float32(fraction))
    engine = Minstd(0)
    kept: list[int] = []
    for index in range(count):
        if len(kept) == needed:
            break
        if needed - len(kept) == count - index or engine.canonical() < probability:
            kept.append(index)
    return np.array(kept, dtype=np.int64)
