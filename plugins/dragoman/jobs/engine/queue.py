"""The jobs that wait for a worker: sync jobs first, then by priority, then in the order of acceptance."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dragoman.model.job import Job


class JobQueue:
    """Accepted jobs without a worker; every operation is at most logarithmic in their number."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, str]] = []
        self._jobs: dict[str, Job] = {}
        self._order = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._jobs

    def push(self, job: Job) -> None:
        """Put a job behind those of its rank; one that waits already keeps its place."""
        if job.id in self._jobs:
            return
        self._order += 1
        heapq.heappush(self._heap, (0 if job.mode == "sync" else 1, -job.priority, self._order, job.id))
        self._jobs[job.id] = job

    def pop(self) -> Job | None:
        """The next job; None if none waits."""
        while self._heap:
            job = self._jobs.pop(heapq.heappop(self._heap)[-1], None)
            if job is not None:  # else it was discarded
                return job
        return None

    def discard(self, job_id: str) -> None:
        """Take a job out, if it waits."""
        self._jobs.pop(job_id, None)
