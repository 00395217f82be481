"""One call of numpy that takes many seconds."""

import numpy as np

import dragoman


def run(count: int = 60_000_000, *, context: dragoman.Context) -> dict[str, object]:
    """Sort; the progress says when the call begins."""
    numbers = np.random.default_rng(1).random(count)
    context.progress(1, "sorting")
    numbers.sort(kind="stable")
    return {"first": float(numbers[0])}
