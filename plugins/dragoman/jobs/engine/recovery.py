"""After a crash: nothing from before runs on beside what is run again."""

from __future__ import annotations

import logging
import signal
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dragoman.errors import JobUnreadable, NoSuchJob
from dragoman.jobs.engine.leases import LEASE
from dragoman.model.job import Job, JobQuery
from dragoman.model.status import JobStatus
from dragoman.workers import process_tree

if TYPE_CHECKING:
    from dragoman.jobs.engine.run_files import RunFiles
    from dragoman.jobs.engine.scheduling import Scheduler
    from dragoman.jobs.ports import JobStore
    from dragoman.model.worker import WorkerIdentity

LOGGER = logging.getLogger(__name__)
PATIENCE = 5.0
"""Seconds to wait for a killed process to be gone."""


def recover(
    store: JobStore,
    results: RunFiles,
    engine: Scheduler,
    home_hash: str,
    *,
    host: str = "",
    shared: bool = False,
) -> int:
    """Kill what an earlier supervisor left, queue again what it ran; returns how many jobs that were.

    In a ``shared`` store there may be jobs of another host, and whether they still run cannot be seen from here.
    They have a lease's time, in which that host notices that the store is not its own any more. ``host`` is the id
    of this one.
    """
    running = _running(store)
    if shared:
        _leave_alone(store, [job for job in running if not _ours(job.worker, host)])
        running = [job for job in running if _ours(job.worker, host)]
    for job in running:
        if job.worker is not None and process_tree.lives(job.worker):
            process_tree.send(process_tree.descendants(job.worker.pid), signal.SIGKILL)
            process_tree.kill_group(job.worker.pid)
    killed = process_tree.kill_marked(home_hash)
    for job in running:
        _await_death(job)
        if job.worker is not None:
            results.keep_log(job.id, job.worker.pid)
        results.clear(job.id, keep_log=True)
        engine.requeue(job, "the server was stopped while it ran")
    if running or killed:
        LOGGER.warning(
            "recovered: %d jobs to run again, %d processes killed",
            len(running),
            killed,
            extra={"action": "recover"},
        )
    return len(running)


def _ours(worker: WorkerIdentity | None, host: str) -> bool:
    """Whether this host ran it. An older dragoman wrote the host's name, which others may have: its boot tells."""
    if worker is None or worker.host == host:
        return True
    return (worker.host, worker.boot_id) == (socket.gethostname(), process_tree.boot_id())


def _leave_alone(store: JobStore, jobs: list[Job]) -> None:
    """Extend the leases of another host's jobs once; when they end, ``Scheduler.renew`` takes the jobs back."""
    for job in jobs:
        store.report(job.id, job.token, lease_until=datetime.now(UTC) + timedelta(seconds=LEASE))


def _running(store: JobStore) -> list[Job]:
    """Oldest first, as they are to be run again."""
    listed = store.find(JobQuery(statuses=(JobStatus.RUNNING,), limit=100_000)).jobs
    running = []
    for job in reversed(listed):
        with suppress(NoSuchJob, JobUnreadable):
            running.append(store.get(job.id))
    return running


def _await_death(job: Job) -> None:
    deadline = time.monotonic() + PATIENCE
    while job.worker is not None and process_tree.lives(job.worker) and time.monotonic() < deadline:
        process_tree.kill_group(job.worker.pid)
        time.sleep(0.01)
