"""Store and executor in one, in memory: what every dialect's suite stands on, without processes or database.

The executor's contract suite holds it to what it can do: no job is ever seen running, none has a worker.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobmaking import WORKER

from dragoman.errors import (
    DragomanError,
    IdempotencyConflict,
    IllegalTransition,
    InvalidRequest,
    NoSuchJob,
    QueueFull,
    Unavailable,
)
from dragoman.jobs.engine_figures import EngineFigures
from dragoman.model.job import Job, JobFailure, JobPage, JobQuery, Output
from dragoman.model.status import JobStatus, check_transition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.jobs.ports import ResultStore
    from dragoman.model.job_event import JobEvent
    from dragoman.model.map_service import MapService
    from dragoman.model.worker import WorkerIdentity

type Run = Callable[[Job, Path], Mapping[str, Output]]


class MemoryEngine:
    """A job is run as it is submitted by its process's function of ``runs``; None there: it waits for ``finish``."""

    def __init__(self, results: ResultStore, runs: Mapping[str, Run | None]) -> None:
        self.jobs: dict[str, Job] = {}
        self.places: dict[str, int] = {}
        """The number of each job, removed ones too, in the order of acceptance."""
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
        for job_id in self.jobs:
            self.places.setdefault(job_id, len(self.places) + 1)
        found = [job for job in reversed(self.jobs.values()) if _matches(job, query)]
        rest = found[query.offset :]
        if query.after is not None:
            rest = [job for job in found if self.places[job.id] < query.after]
        page = tuple(rest[: query.limit])
        key = self.places[page[-1].id] if page and len(rest) > len(page) else None
        return JobPage(jobs=page, matched=len(found), key=key)

    def counts(self, *, process_ids: Sequence[str] = (), owner: str | None = None) -> Mapping[JobStatus, int]:
        query = JobQuery(process_ids=tuple(process_ids), owner=owner)
        matching = [job.status for job in self.jobs.values() if _matches(job, query)]
        return {status: matching.count(status) for status in JobStatus}

    def counts_by_process(self) -> Mapping[str, Mapping[JobStatus, int]]:
        return {job.process_id: self.counts(process_ids=[job.process_id]) for job in self.jobs.values()}

    def add(self, job: Job, *, queue_limit: int | None = None) -> Job:
        raise NotImplementedError

    def waiting(self) -> list[Job]:
        raise NotImplementedError

    def waiting_ids(self) -> list[str]:
        raise NotImplementedError

    def claim(self, job_id: str, worker: WorkerIdentity, lease: float) -> Job | None:
        raise NotImplementedError

    def transition(
        self,
        job_id: str,
        target: JobStatus,
        *,
        token: str | None = None,
        held: Job | None = None,
        services: Sequence[MapService] = (),
        **changes: Any,
    ) -> Job:
        job = self.get(job_id)
        check_transition(job.status, target)
        now = datetime.now(UTC)
        ended: dict[str, Any] = {"finished": now} if target.finished else {}
        with self.changed:
            self.jobs[job_id] = replace(job, status=target, updated=now, **ended, **changes)
            self.changed.notify_all()
        return self.jobs[job_id]

    def report(self, job_id: str, token: str, **changes: Any) -> bool:
        raise NotImplementedError

    def expired(self, now: datetime) -> list[Job]:
        raise NotImplementedError

    def finished_ids(self, before: datetime, limit: int) -> list[str]:
        raise NotImplementedError

    def damaged(self) -> bool:
        """Memory is not."""
        return False

    def events(self, job_id: str) -> list[JobEvent]:
        raise NotImplementedError

    # Executor
    def submit(
        self, job: Job, wait: float | None = 0.0, abandoned: Callable[[], bool] = lambda: False
    ) -> Job:
        if self.full:
            raise QueueFull(retry_after=7)
        for other in self.jobs.values():
            if job.idempotency_key and _repeated(job, other):
                if other.fingerprint != job.fingerprint:
                    raise IdempotencyConflict
                return other if wait == 0 else self.wait(other.id, wait)
        if job.id in self.jobs:
            raise InvalidRequest(f"the id {job.id} is taken")
        self.jobs[job.id] = job
        run = self.runs[job.process_id]
        if run is not None:
            self.finish(job.id, run)
        return job if wait == 0 else self.wait(job.id, wait)

    def finish(self, job_id: str, run: Run) -> Job:
        job = self.jobs[job_id] = self.get(job_id).claimed_by(WORKER, datetime.now(UTC), lease=30)
        try:
            with tempfile.TemporaryDirectory() as home:
                outputs = run(job, Path(home) / "outputs")
                if (Path(home) / "outputs").exists():
                    self.results.publish(job_id, Path(home) / "outputs")
        except DragomanError as error:
            failure = JobFailure(code=error.code, detail=error.detail)
            self.results.clear(job_id, keep_log=True)
            return self.transition(job_id, JobStatus.FAILED, failure=failure, message=error.detail)
        return self.transition(job_id, JobStatus.SUCCESSFUL, outputs=outputs, progress=100)

    def wait(self, job_id: str, timeout: float | None) -> Job:
        with self.changed:
            self.changed.wait_for(
                lambda: self.get(job_id).status.finished, timeout if timeout is not None else 300
            )
        return self.get(job_id)

    def dismiss(self, job_id: str) -> Job:
        job = self.transition(job_id, JobStatus.DISMISSED)
        self.results.clear(job_id)
        return job

    def remove(self, job_id: str) -> None:
        if not self.get(job_id).status.finished:
            raise IllegalTransition
        self.results.clear(job_id)
        del self.jobs[job_id]

    def remove_all(self, job_ids: Sequence[str]) -> int:
        there = [job_id for job_id in job_ids if job_id in self.jobs and self.jobs[job_id].status.finished]
        for job_id in there:
            del self.jobs[job_id]
        return len(there)

    def remove_output(self, job_id: str, output_id: str, item: int | None = None) -> None:
        job = self.get(job_id)
        if output_id in job.outputs:
            output = job.outputs[output_id]
            for each in (output, *output.items) if item is None else output.items[item : item + 1]:
                if each.file is not None:
                    self.results.remove_file(job_id, each.file)
            self.jobs[job_id] = replace(job, outputs=job.outputs_without(output_id, item))
            self.results.remove_derived(job_id)

    def keep_sha256(self, job_id: str, output_id: str, sha256: str, item: int | None = None) -> None:
        job = self.get(job_id)
        output = job.outputs.get(output_id)
        files = () if output is None else (output,) if item is None else output.items[item : item + 1]
        if any(each.file is not None for each in files):
            self.jobs[job_id] = replace(job, outputs=job.outputs_with_sha256(output_id, item, sha256))

    def printed(self, job: Job, offset: int, limit: int) -> bytes:
        return b""

    def alive(self) -> bool:
        return self.up

    def figures(self) -> EngineFigures:
        if not self.up:
            raise Unavailable
        return EngineFigures(ended={}, finished={}, waiting={}, running={})

    def close(self) -> None:
        pass


def _repeated(job: Job, other: Job) -> bool:
    """Whether both have the same idempotency key, which belongs to a principal and a process."""
    return (job.idempotency_key, job.principal.id, job.process_id) == (
        other.idempotency_key,
        other.principal.id,
        other.process_id,
    )


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
