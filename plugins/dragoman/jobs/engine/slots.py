"""Which jobs may start: how many run at once, of all of them, of one process, and beside synchronous calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dragoman.jobs.engine.job_workers import JobPool
    from dragoman.jobs.engine_settings import EngineLimits
    from dragoman.model.job import Job


class Slots:
    """Of one pool, whose workers with a task each hold one."""

    def __init__(self, pool: JobPool, limits: EngineLimits) -> None:
        self._pool = pool
        self._limits = limits

    def any_free(self) -> bool:
        """Whether fewer jobs run than may."""
        return self._pool.busy < self._limits.slots

    def may_start(self, job: Job) -> bool:
        """Whether the slots that are left are for such a job, and not too many of its process run."""
        limits = self._limits
        running = [worker.task for worker in self._pool.workers if worker.task is not None]
        most = limits.max_parallel.get(job.process_id, limits.slots)
        if sum(other.process_id == job.process_id for other in running) >= most:
            return False
        background = max(1, limits.slots - limits.sync_slots)
        return job.mode == "sync" or sum(other.mode != "sync" for other in running) < background
