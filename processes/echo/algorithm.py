"""Gives back what it was given, after a pause if asked: a process to try clients and servers with."""

from __future__ import annotations

import json
import time
from typing import Any

import dragoman

STEP = 0.2
"""Seconds between two reports of progress."""


def run(
    text: str,
    pause: float | None = None,
    numbers: list[int] | None = None,
    area: dict[str, Any] | None = None,
    value: Any = None,
    note: str | None = None,
    *,
    context: dragoman.Context,
) -> dict[str, Any]:
    """``text`` and ``value`` unchanged, and each input that was given as ``id=JSON``."""
    rest = {"pause": pause, "numbers": numbers, "area": area, "value": value, "note": note}
    inputs = {"text": text, **{name: item for name, item in rest.items() if item is not None}}
    wait(float(pause or 0), context)
    return {
        "text": text,
        "received": [f"{name}={json.dumps(item, ensure_ascii=False)}" for name, item in inputs.items()],
        "value": "" if value is None else value,
    }


def wait(seconds: float, context: dragoman.Context) -> None:
    """Sleep in steps, with progress."""
    start = time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        context.progress(100.0 * passed / seconds, f"pausing, {seconds - passed:.1f} s left")
        time.sleep(min(STEP, seconds - passed))
