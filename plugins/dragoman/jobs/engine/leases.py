"""Holds what runs here, and takes what nobody holds: leases renewed, jobs adopted, runs ended that are not ours."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from dragoman.errors import JobUnreadable, NoSuchJob
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.jobs.engine.job_workers import JobPool
    from dragoman.jobs.engine.run_files import RunFiles
    from dragoman.jobs.ports import JobStore
    from dragoman.model.job import Job

LOGGER = logging.getLogger(__name__)

LEASE: Final = 30.0
"""Seconds that a claimed job stays the engine's without renewal."""
DEAF: Final = 6
"""Renewals in a row at which a worker has not read what it was told, after which it is killed: a minute's."""


class Leases:
    """Of the jobs that workers of one pool run; called every few seconds."""

    def __init__(
        self,
        *,
        store: JobStore,
        results: RunFiles,
        pool: JobPool,
        holds: Callable[[str], bool],
        enqueue: Callable[[Job], None],
        requeue: Callable[[Job, str], None],
    ) -> None:
        self._store = store
        self._results = results
        self._pool = pool
        self._holds = holds
        """Whether a job waits or runs here."""
        self._enqueue = enqueue
        self._requeue = requeue
        """Has a job run again whose run was ended from outside, and says why."""

    def renew(self) -> None:
        """Keep the leases of what runs, take back what nobody renewed, and take over what nobody here knows."""
        now = datetime.now(UTC)
        running = {w.task.id: w.task for w in self._pool.workers if w.task is not None and w.begun}
        for job in running.values():
            if not self._store.report(job.id, job.token, lease_until=now + timedelta(seconds=LEASE)):
                self.end_disowned(job)
        for job in self._store.expired(now):
            if job.id not in running:
                self._requeue(job, "its worker was not heard of again")
        self._adopt()
        self._end_deaf()

    def _adopt(self) -> None:
        """Take over what waits in the store and is not known here: the table is the queue.

        Another host's engine may have left it there; a database that crashed may have forgotten that it ran; or
        it was accepted, and the reply that said so was lost.
        """
        for job_id in self._store.waiting_ids():
            if not self._holds(job_id):
                with suppress(NoSuchJob, JobUnreadable):
                    job = self._store.get(job_id)
                    self._results.clear(job_id, keep_log=True)
                    self._enqueue(job)

    def _end_deaf(self) -> None:
        """Kill workers that have not taken what they were told: they would keep their jobs for ever."""
        for worker in list(self._pool.workers):
            if worker.task is not None and worker.begun and not worker.ending and worker.deaf(DEAF):
                members = {"action": "worker-deaf", "job_id": worker.task.id}
                LOGGER.warning("a worker does not take its job, and is killed", extra=members)
                worker.ending = "deaf"
                worker.kill()

    def end_disowned(self, job: Job) -> None:
        """End a run whose job is not its own any more: another host's engine has it, or its claim was forgotten."""
        worker = next((each for each in self._pool.workers if each.task is job), None)
        if worker is None or worker.ending:
            return
        try:
            now = self._store.get(job.id)
        except (NoSuchJob, JobUnreadable):
            pass
        else:
            if (now.status, now.token) == (JobStatus.RUNNING, job.token):
                return
        LOGGER.warning(
            "a run is ended: its job is not its own any more", extra={"action": "disown", "job_id": job.id}
        )
        worker.begin_end("disowned")
