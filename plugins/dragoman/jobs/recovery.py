"""After a crash: nothing from before runs on beside what is run again."""

from __future__ import annotations

import logging
import signal
import time
from typing import TYPE_CHECKING

from dragoman.jobs import proctree
from dragoman.model.job import Job, JobQuery
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from dragoman.jobs.engine import Engine
    from dragoman.jobs.ports import JobStore, ResultStore

LOGGER = logging.getLogger(__name__)
PATIENCE = 5.0
"""Seconds to wait for a killed process to be gone."""


def recover(store: JobStore, results: ResultStore, engine: Engine, home_hash: str) -> int:
    """Kill what an earlier supervisor left, queue again what it ran; returns how many jobs that were."""
    running = _running(store)
    for job in running:
        if job.worker is not None and proctree.lives(job.worker):
            proctree.send(proctree.descendants(job.worker.pid), signal.SIGKILL)
            proctree.kill_group(job.worker.pid)
    killed = proctree.kill_marked(home_hash)
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


def _running(store: JobStore) -> list[Job]:
    """Oldest first, as they are to be run again."""
    listed = store.find(JobQuery(statuses=(JobStatus.RUNNING,), limit=100_000)).jobs
    return [store.get(job.id) for job in reversed(listed)]


def _await_death(job: Job) -> None:
    deadline = time.monotonic() + PATIENCE
    while job.worker is not None and proctree.lives(job.worker) and time.monotonic() < deadline:
        proctree.kill_group(job.worker.pid)
        time.sleep(0.01)
