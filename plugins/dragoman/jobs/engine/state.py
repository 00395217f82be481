"""What the engine is doing, written to ``HOME/engine-state.txt`` at SIGUSR1: for whoever wonders what a job waits for.

First the stack of every thread, by C code alone, which works in an engine that hangs as well; then, at its next tick,
what waits, what has a worker, and what each worker is about.
"""

from __future__ import annotations

import faulthandler
import json
import signal
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import FrameType

    from dragoman.workers.worker import Worker

STATE_FILE: Final = "engine-state.txt"


class StateFile:
    """The file, and whether somebody has asked for it."""

    def __init__(self, home: Path) -> None:
        self._file = (home / STATE_FILE).open("w", encoding="utf-8")
        self._asked = False
        signal.signal(signal.SIGUSR1, self._ask)
        faulthandler.register(signal.SIGUSR1, self._file, all_threads=True, chain=True)

    def _ask(self, _signum: int, _frame: FrameType | None) -> None:
        self._asked = True

    def tick(self, present: Callable[[], Mapping[str, Any]]) -> None:
        """Write the present state down, if it was asked for."""
        if self._asked:
            self._asked = False
            state = {"now": datetime.now(UTC).isoformat(), **present()}
            self._file.write(f"\n{json.dumps(state, indent=1)}\n")
            self._file.flush()


def worker_state(worker: Worker[Any, Any]) -> Mapping[str, Any]:
    """What there is to tell of a worker."""
    now = time.monotonic()
    return {
        "pid": worker.pid,
        "process": worker.key[0],
        "job": None if worker.task is None else worker.task.id,
        "ready": worker.ready,
        "begun": worker.begun,
        "connected": worker.connected(),
        "ending": worker.ending,
        "killed in": None if worker.kill_at is None else worker.kill_at - now,
        "idle for": now - worker.idle_since if worker.idle_since and worker.task is None else None,
        "outdated": worker.outdated,
    }
