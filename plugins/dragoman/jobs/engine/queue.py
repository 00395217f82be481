"""The jobs that wait for a worker, in an order in which nobody waits for ever.

Each job has a *due* time, worked out once, when it comes in (``due``); the earliest is next. It is when the job was
accepted, earlier by a head start for synchronous calls and for priority, and at least SHARE later than the job of its
owner that it stands behind, within bounds. So a job is passed only by what is accepted within a bounded time after it,
however many come; and whoever has a thousand waiting lets others in between.
"""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from dragoman.model.job import Job

SYNC_HEAD_START: Final = 60.0
"""Seconds: somebody waits for it with the connection open."""
PRIORITY_HEAD_START: Final = 10.0
"""Seconds for each step of priority above 0, or back for each below."""
MOST_PRIORITY: Final = 30
"""Steps that count, up or down."""
SHARE: Final = 5.0
"""Seconds between two jobs of one owner."""
MOST_DELAY: Final = 3600.0
"""Seconds that a job stands back at most for its owner's others."""

type Lane = tuple[str, str]
"""Process and mode: what decides whether a job may start."""


type Line = tuple[str, str, int]
"""Owner, mode and priority: what stands in one line, in the order of acceptance."""


def line_of(job: Job) -> Line:
    """The line that a job stands in."""
    return job.principal.id, job.mode, job.priority


def due(job: Job, before: float | None) -> float:
    """When a job is due, in seconds since 1970; ``before`` is when the last one of its line is, if one waits.

    A job that ran already, and runs again through no fault of its own, stands behind nobody.
    """
    steps = max(-MOST_PRIORITY, min(MOST_PRIORITY, job.priority))
    head_start = PRIORITY_HEAD_START * steps + (SYNC_HEAD_START if job.mode == "sync" else 0.0)
    alone = job.created.timestamp() - head_start
    if before is None or job.attempts:
        return alone
    return min(max(alone, before + SHARE), alone + MOST_DELAY)


class JobQueue:
    """Accepted jobs without a worker; ``pop`` looks at the first of each lane, all else is logarithmic."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, list[tuple[float, int, str]]] = {}
        self._jobs: dict[str, Job] = {}
        self._waiting: Counter[Line] = Counter()
        self._last: dict[Line, float] = {}
        """When the last job of each line that is not empty is due."""
        self._order = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._jobs

    def ids(self) -> list[str]:
        """The jobs that wait, in no order."""
        return list(self._jobs)

    def oldest(self) -> datetime | None:
        """When the job that was accepted first of those that wait was; None if none does."""
        return min((job.created for job in self._jobs.values()), default=None)

    def push(self, job: Job) -> None:
        """Put a job where it is due; one that waits already keeps its place."""
        if job.id in self._jobs:
            return
        self._order += 1
        line = line_of(job)
        moment = due(job, self._last.get(line))
        heapq.heappush(self._lanes.setdefault((job.process_id, job.mode), []), (moment, self._order, job.id))
        self._waiting[line] += 1
        self._last[line] = max(moment, self._last.get(line, moment))
        self._jobs[job.id] = job

    def pop(self, may_start: Callable[[Job], bool] = lambda _job: True) -> Job | None:
        """Take out the next job that may start; None if none does."""
        job = self.first(may_start)
        if job is not None:
            self.take(job)
        return job

    def first(self, may_start: Callable[[Job], bool] = lambda _job: True) -> Job | None:
        """The next job that may start; None if none does. All jobs of one process and mode may, or none."""
        ready = []
        for lane in list(self._lanes):
            first = self._first(lane)
            if first is None:
                del self._lanes[lane]
            elif may_start(self._jobs[first[-1]]):
                ready.append((first, lane))
        if not ready:
            return None
        (_, _, job_id), _ = min(ready)
        return self._jobs[job_id]

    def take(self, job: Job) -> None:
        """Take out the job that ``first`` has just given."""
        heapq.heappop(self._lanes[job.process_id, job.mode])
        self._forget(job.id)

    def discard(self, job_id: str) -> None:
        """Take a job out, if it waits."""
        if job_id in self._jobs:
            self._forget(job_id)

    def _first(self, lane: Lane) -> tuple[float, int, str] | None:
        """The head of a lane, without what was discarded."""
        heap = self._lanes[lane]
        while heap and heap[0][-1] not in self._jobs:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _forget(self, job_id: str) -> Job:
        job = self._jobs.pop(job_id)
        line = line_of(job)
        self._waiting[line] -= 1
        if not self._waiting[line]:
            del self._waiting[line], self._last[line]
        return job
