"""What every dialect's suite stands on: the job service's engine in memory, without processes or database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.errors import DragomanError, IdempotencyConflict, IllegalTransition, NoSuchJob, QueueFull
from dragoman.model.job import Job, JobFailure, JobPage, JobQuery, Output, WorkerIdentity
from dragoman.model.status import JobStatus, check_transition

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dragoman.jobs.result_folder import FolderResults

type Run = Callable[[Job, Path], Mapping[str, Output]]


class Engine:
    """Store and executor in one: a job is run as it is submitted, or stays until ``finish``."""

    def __init__(self, results: FolderResults, runs: Mapping[str, Run | None]) -> None:
        self.jobs: dict[str, Job] = {}
        self.results = results
        self.runs = runs
        self.full = False
        self.up = True
        self.changed = threading.Condition()

    # JobStore
    def get(self, job_id: str) -> Job:
        try:
            return self.jobs[job_id]
        except KeyError:
            raise NoSuchJob(f"there is no job '{job_id}'") from None

    def find(self, query: JobQuery) -> JobPage:
        found = [job for job in reversed(self.jobs.values()) if _matches(job, query)]
        return JobPage(jobs=tuple(found[query.offset : query.offset + query.limit]), matched=len(found))

    def counts(self, *, process_ids: Sequence[str] = (), owner: str | None = None) -> Mapping[JobStatus, int]:
        query = JobQuery(process_ids=tuple(process_ids), owner=owner)
        matching = [job.status for job in self.jobs.values() if _matches(job, query)]
        return {status: matching.count(status) for status in JobStatus}

    def add(self, job: Job, *, queue_limit: int | None = None) -> Job:
        raise NotImplementedError

    def waiting(self) -> list[Job]:
        raise NotImplementedError

    def waiting_ids(self) -> list[str]:
        raise NotImplementedError

    def claim(self, job_id: str, worker: WorkerIdentity, lease: float) -> Job | None:
        raise NotImplementedError

    def transition(
        self, job_id: str, target: JobStatus, *, attempt: int | None = None, **changes: Any
    ) -> Job:
        job = self.get(job_id)
        check_transition(job.status, target)
        now = datetime.now(UTC)
        ended: dict[str, Any] = {"finished": now} if target.finished else {}
        with self.changed:
            self.jobs[job_id] = replace(job, status=target, updated=now, **ended, **changes)
            self.changed.notify_all()
        return self.jobs[job_id]

    def report(self, job_id: str, attempt: int, **changes: Any) -> bool:
        raise NotImplementedError

    def expired(self, now: datetime) -> list[Job]:
        raise NotImplementedError

    # Executor
    def submit(self, job: Job, wait: float | None = 0.0) -> Job:
        if self.full:
            raise QueueFull(retry_after=7)
        for other in self.jobs.values():
            if job.idempotency_key and other.idempotency_key == job.idempotency_key:
                if other.fingerprint != job.fingerprint:
                    raise IdempotencyConflict
                return other
        self.jobs[job.id] = job
        run = self.runs[job.process_id]
        if run is not None:
            self.finish(job.id, run)
        return job if wait == 0 else self.wait(job.id, wait)

    def finish(self, job_id: str, run: Run) -> Job:
        job = self.transition(job_id, JobStatus.RUNNING, started=datetime.now(UTC), attempts=1)
        try:
            outputs = run(job, self.results.outputs(job_id))
        except DragomanError as error:
            failure = JobFailure(code=error.code, detail=error.detail)
            return self.transition(job_id, JobStatus.FAILED, failure=failure, message=error.detail)
        return self.transition(job_id, JobStatus.SUCCESSFUL, outputs=outputs)

    def wait(self, job_id: str, timeout: float | None) -> Job:
        with self.changed:
            self.changed.wait_for(
                lambda: self.get(job_id).status.finished, timeout if timeout is not None else 300
            )
        return self.get(job_id)

    def dismiss(self, job_id: str) -> Job:
        return self.transition(job_id, JobStatus.DISMISSED)

    def remove(self, job_id: str) -> None:
        if not self.get(job_id).status.finished:
            raise IllegalTransition
        del self.jobs[job_id]

    def remove_all(self, job_ids: Sequence[str]) -> int:
        there = [job_id for job_id in job_ids if job_id in self.jobs and self.jobs[job_id].status.finished]
        for job_id in there:
            del self.jobs[job_id]
        return len(there)

    def remove_output(self, job_id: str, output_id: str, item: int | None = None) -> None:
        job = self.get(job_id)
        if output_id in job.outputs:
            self.jobs[job_id] = replace(job, outputs=job.outputs_without(output_id, item))

    def alive(self) -> bool:
        return self.up

    def close(self) -> None:
        pass


def _matches(job: Job, query: JobQuery) -> bool:
    seconds = ((job.finished or job.updated) - (job.started or job.created)).total_seconds()
    return (
        (not query.process_ids or job.process_id in query.process_ids)
        and (not query.statuses or job.status in query.statuses)
        and (query.created_from is None or job.created >= query.created_from)
        and (query.created_to is None or job.created <= query.created_to)
        and (query.min_duration is None or seconds >= query.min_duration)
        and (query.max_duration is None or seconds <= query.max_duration)
        and (query.owner is None or job.principal.id == query.owner)
    )


type NewEngine = Callable[[FolderResults, Mapping[str, Run | None]], Engine]


@pytest.fixture
def new_engine() -> NewEngine:
    """Makes an engine; None in place of a run leaves the job waiting."""
    return Engine
