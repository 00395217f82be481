"""A loop that never lets go of the interpreter for long."""

import time

import dragoman


def run(seconds: float = 60, *, context: dragoman.Context) -> dict[str, object]:
    """Count."""
    end = time.monotonic() + seconds
    turns = 0
    while time.monotonic() < end:
        turns += 1
        if turns % 100_000 == 0:
            context.progress(0, "looping")
    return {"turns": turns}
