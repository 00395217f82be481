"""What the engine counts while it lives, for the operator's metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

from dragoman.jobs.engine_figures import BOUNDS, Durations, EngineFigures
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from datetime import datetime

    from dragoman.model.job import Job

LOST = "lost"
"""The reason of a worker's end that nobody here brought about."""


class _Histogram:
    """Durations as they come in; clocks may step back, time does not."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def add(self, begun: datetime, ended: datetime) -> None:
        seconds = max(0.0, (ended - begun).total_seconds())
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def durations(self) -> Durations:
        return Durations(counts=tuple(self.counts), total=self.total)


class EngineCounters:
    """Counters since the engine's start; one thread."""

    def __init__(self) -> None:
        self._started = 0
        self._ended: Counter[str] = Counter()
        self._fetched = 0
        self._finished: Counter[tuple[str, str, str]] = Counter()
        self._waiting: dict[str, _Histogram] = {}
        self._running: dict[str, _Histogram] = {}

    def worker_started(self) -> None:
        """Count a worker's birth."""
        self._started += 1

    def worker_ended(self, reason: str) -> None:
        """Count a worker's death; an empty reason: nobody ended it."""
        self._ended[reason or LOST] += 1

    def fetched(self, size: int) -> None:
        """Count what a run has downloaded, in bytes."""
        self._fetched += size

    def job_changed(self, job: Job) -> None:
        """Count a job that has begun to run, or has finished."""
        if job.status is JobStatus.RUNNING:
            if job.attempts == 1 and job.started is not None:
                self._of(self._waiting, job).add(job.created, job.started)
        elif job.status.finished:
            self._finished[job.process_id, job.dialect, job.status.value] += 1
            if job.started is not None and job.finished is not None:
                self._of(self._running, job).add(job.started, job.finished)

    def figures(self, *, queued: int, oldest: float, busy: int, idle: int) -> EngineFigures:
        """All of it, beside what is so at this moment."""
        return EngineFigures(
            queued=queued,
            oldest=oldest,
            busy=busy,
            idle=idle,
            started=self._started,
            ended=dict(self._ended),
            fetched=self._fetched,
            finished=dict(self._finished),
            waiting={process: each.durations() for process, each in self._waiting.items()},
            running={process: each.durations() for process, each in self._running.items()},
        )

    @staticmethod
    def _of(histograms: dict[str, _Histogram], job: Job) -> _Histogram:
        histogram = histograms.get(job.process_id)
        if histogram is None:
            histogram = histograms[job.process_id] = _Histogram()
        return histogram
