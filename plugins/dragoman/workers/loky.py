"""The processes of loky, joblib's pool: kept after a call for the next one, and harmless, so they cost no worker.

loky makes them again when it is next asked, unlike a pool that an algorithm keeps itself.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, Final

_NAMES: Final = ("joblib.externals.loky", "loky")
"""Under which it may be loaded: joblib brings its own."""


def executors() -> tuple[Any, ...]:
    """Those that are kept in this process."""
    kept = [_attribute("reusable_executor", "_executor", name) for name in _NAMES]
    return tuple(executor for executor in kept if executor is not None)


def end_executors(keep: tuple[Any, ...]) -> None:
    """End the pools that are kept, except ``keep``."""
    for executor in executors():
        if not any(executor is each for each in keep):
            with suppress(Exception):  # of one that is broken: what is left of it is ended as any other
                executor.shutdown(wait=True, kill_workers=True)


def trackers() -> frozenset[int]:
    """The pids of what loky keeps running for this process beside its pools: one that cleans up after it."""
    candidates = [_attribute("backend.resource_tracker", "_resource_tracker", name) for name in _NAMES]
    return frozenset(tracker._pid for tracker in candidates if getattr(tracker, "_pid", None) is not None)


def _attribute(module: str, attribute: str, name: str) -> Any:
    return getattr(sys.modules.get(f"{name}.{module}"), attribute, None)
