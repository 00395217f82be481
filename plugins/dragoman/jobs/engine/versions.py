"""Which version of each process came last: workers of an earlier one end when they are idle."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dragoman.jobs.engine.job_workers import JobPool, JobWorker, Key
    from dragoman.model.job import Job


class Versions:
    """The versions of the jobs that were accepted last."""

    def __init__(self, pool: JobPool) -> None:
        self._pool = pool
        self._last: dict[str, Key] = {}

    def accepted(self, job: Job) -> None:
        """A job has come: if its version is another one, all earlier workers of its process are outdated."""
        key = (job.process_id, job.runtime)
        if self._last.get(job.process_id) == key:
            return
        self._last[job.process_id] = key
        for worker in self._pool.workers:
            if worker.key[0] == job.process_id:
                worker.outdated = worker.key != key

    def born(self, worker: JobWorker) -> None:
        """A worker is ordered: for one of the jobs that were accepted before, maybe."""
        worker.outdated = self._last.get(worker.key[0], worker.key) != worker.key
