"""How far render processes stand behind all others: as far as can be, while the machine has time left for them.

    idle class ──► one gets next to no time while it draws: all are replaced ──► nice ──► 120 s later ──► idle class

Where that comes again soon, they stay nice for twice as long, and so on: each change costs who draws half a second.

Whoever wakes up takes the processor from a process of Linux's idle class at once; from one that is merely nice often
only after a millisecond or two, and a small job wakes others up six times. But beside jobs that use every processor
the idle class gets a three hundredth of the time. Without privileges a process may enter it and never leave it.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.workers.worker import Worker

LATE: Final = 0.3
"""Seconds with one picture from which it is asked how much of them a process got."""
SHARE: Final = 0.1
"""Of the time, what it should have got: about what nice processes get beside others."""
CROWDED: Final = 120.0
"""Seconds for which no process enters the idle class again."""
LONGEST: Final = 3600.0
"""The same, at most, where it did not go well for as long as they had been kept out of it."""

type Process = Worker[str, Any]
type Usage = tuple[bool, float]
"""Whether a process wants the processor, and the seconds of it that it has had."""


@dataclass(eq=False, slots=True, kw_only=True)
class RenderPriority:
    """Puts the processes of one pool into the idle class, and says when they have to be replaced."""

    usage: Callable[[int], Usage | None] = field(default=lambda pid: usage_of(pid))
    lower: Callable[[int], bool] = field(default=lambda pid: enter_idle_class(pid))
    clock: Callable[[], float] = time.monotonic
    _low: set[Process] = field(default_factory=set)
    _begun: dict[Process, tuple[Any, float, float]] = field(default_factory=dict)
    """The task of each that draws, when it was first looked at, and the seconds of the processor until then."""
    _crowded_until: float = 0.0
    _pause: float = 0.0
    """Seconds that they were kept out of the class for the last time."""

    def heard(self, worker: Process) -> None:
        """It has drawn something, so it has loaded what it needs: that must not take it a minute."""
        if worker in self._low or worker.ending or worker.pid is None or self.clock() < self._crowded_until:
            return
        if self.lower(worker.pid):
            self._low.add(worker)

    def died(self, worker: Process) -> None:
        """It is gone."""
        self._low.discard(worker)
        self._begun.pop(worker, None)

    def starved(self) -> list[Process]:
        """Those that have to be replaced now; to be asked again and again."""
        if not any(self._starves(worker) for worker in list(self._low)):
            return []
        now = self.clock()
        soon = now - self._crowded_until < self._pause
        self._pause = min(2 * self._pause, LONGEST) if soon else CROWDED
        self._crowded_until = now + self._pause
        low = [worker for worker in self._low if not worker.ending]
        self._low.clear()
        self._begun.clear()
        return low

    def _starves(self, worker: Process) -> bool:
        if worker.task is None or worker.ending or worker.pid is None:
            self._begun.pop(worker, None)
            return False
        now = self.clock()
        task, since, had = self._begun.get(worker, (None, now, 0.0))
        if task is worker.task and now - since < LATE:
            return False
        usage = self.usage(worker.pid)
        if usage is None:
            return False
        wants, seconds = usage
        if task is not worker.task or not wants:
            self._begun[worker] = worker.task, now, seconds
            return False
        return seconds - had < SHARE * (now - since)


def usage_of(pid: int) -> Usage | None:
    """None: it is gone."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return process.status() == psutil.STATUS_RUNNING, times.user + times.system
    return None


def enter_idle_class(pid: int) -> bool:
    """Whether it is in Linux's idle class now; it stays as nice as it was where there is none."""
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
        return True
    return False
