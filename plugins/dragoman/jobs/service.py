"""The one door to jobs: every dialect, the CLI and pygeoapi's manager come through here."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from dragoman.errors import (
    MOST_PROBLEMS,
    AlgorithmError,
    DragomanError,
    IdempotencyConflict,
    InputProblem,
    InvalidInputs,
    InvalidRequest,
    NoSuchJob,
    NoSuchOutput,
    OutOfMemory,
    OutputError,
    QueueFull,
    ResultNotAvailable,
    ResultNotReady,
    TimedOut,
    Unavailable,
    WorkerLost,
)
from dragoman.jobs.json_codec import dump_inputs, dump_request
from dragoman.model.job import Job, JobFailure, JobPage, JobQuery, JobRequest, Output
from dragoman.model.status import JobStatus
from dragoman.packages.outputs.roi import check_roi
from dragoman.packages.validation import validate_inputs
from dragoman.schemas.messages import cut
from dragoman.sources.precheck import check_href

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from dragoman.jobs.ports import Executor, JobStore, ResultStore
    from dragoman.model.principal import Principal
    from dragoman.model.process import Mode, Process
    from dragoman.packages.catalogue import Catalogue
    from dragoman.sources.policy import SourcePolicy

INLINE_REQUEST = 64 * 1024
"""Characters of JSON up to which the inputs of a job are kept in its row."""

_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

FAILURES: Mapping[str, type[DragomanError]] = {
    cls.code: cls for cls in (AlgorithmError, OutputError, TimedOut, OutOfMemory, WorkerLost)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """How a request is to be run."""

    mode: Mode = "async"
    dialect: str = "ogc"
    idempotency_key: str | None = None
    job_id: str | None = None
    """A uuid4 that the dialect has already given to its client; None: a new one."""
    priority: int = 0
    timeout: float | None = None
    """Seconds for one run, where shorter than the process's own."""
    wait: float | None = 0.0
    """Seconds to wait for the job's end; None: as long as it takes."""


class JobService:
    """Submit, watch, dismiss and fetch jobs, on behalf of a principal."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        store: JobStore,
        executor: Executor,
        results: ResultStore,
        policy: SourcePolicy,
    ) -> None:
        self.catalogue = catalogue
        self._store = store
        self._executor = executor
        self._results = results
        self._policy = policy

    def submit(
        self, process_id: str, request: JobRequest, principal: Principal, submission: Submission
    ) -> Job:
        """Validate a request and accept it durably; the job, finished if it ended while that was waited for.

        Raises NoSuchProcess, InvalidInputs, InvalidRequest (an unknown output),
        IdempotencyConflict, QueueFull, Unavailable; nothing is kept of what is refused.
        """
        process = self.catalogue.visible_to(principal).get(process_id)
        self.check(process, request)
        now = datetime.now(UTC)
        timeouts = [t for t in (process.timeout, submission.timeout) if t]
        job = Job(
            id=submission.job_id or str(uuid.uuid4()),
            process_id=process.id,
            process_version=process.version,
            runtime=process.runtime,
            dialect=submission.dialect,
            principal=principal,
            request=request,
            mode=submission.mode,
            priority=submission.priority,
            timeout=min(timeouts) if timeouts else None,
            created=now,
            updated=now,
            idempotency_key=submission.idempotency_key,
            fingerprint=_fingerprint(process_id, request) if submission.idempotency_key else "",
        )
        return self._accept(job, submission.wait)

    def _accept(self, job: Job, wait: float | None) -> Job:
        """Submit, with inputs too large for the store kept beside it first."""
        text = json.dumps(dump_inputs(job.request.inputs))
        if len(text) <= INLINE_REQUEST:
            return self._executor.submit(job, wait)
        self._refuse_taken(job.id)  # its own request must not be overwritten
        try:
            self._results.save_request(job.id, text)
        except OSError as error:
            self._results.clear(job.id)
            raise Unavailable(f"the request cannot be kept: {error.strerror}") from error
        try:
            spooled = job.evolve(request=replace(job.request, inputs={}, spooled=True))
            accepted = self._executor.submit(spooled, wait)
        except (IdempotencyConflict, QueueFull):
            self._results.clear(job.id)  # after any other error the job may have been accepted all the same
            raise
        if accepted.id != job.id:
            self._results.clear(job.id)
        return accepted

    def _refuse_taken(self, job_id: str) -> None:
        with suppress(NoSuchJob):
            self._store.get(job_id)
            raise InvalidRequest(f"the job id {job_id} is taken")

    def check(self, process: Process, request: JobRequest) -> None:
        """Raise InvalidInputs or InvalidRequest if the request does not fit the process."""
        validate_inputs(process, request.inputs)
        problems = list(islice(self._closed_hrefs(request), MOST_PROBLEMS))
        if problems:
            raise InvalidInputs(problems)
        check_roi(process, request)
        unknown = [name for name in request.outputs or {} if name not in process.outputs]
        if unknown:
            raise InvalidRequest(f"unknown output {_listed(unknown)}; allowed: {', '.join(process.outputs)}")

    def _closed_hrefs(self, request: JobRequest) -> Iterator[InputProblem]:
        for input_id, values in request.inputs.items():
            for value in values:
                if value.href is not None:
                    try:
                        check_href(value.href, self._policy)
                    except InvalidRequest as error:
                        yield InputProblem(input_id=input_id, message=error.detail)

    def wait(self, job_id: str, principal: Principal, timeout: float | None) -> Job:
        """The job once it has finished, or as it is after ``timeout`` seconds."""
        self.status(job_id, principal)
        return self._executor.wait(job_id, timeout)

    def status(self, job_id: str, principal: Principal) -> Job:
        """The job; raises NoSuchJob if there is none that the principal may see."""
        if not _JOB_ID.fullmatch(job_id):  # it comes from a URL
            raise NoSuchJob(f"there is no job '{job_id[:100]}'")
        job = self._store.get(job_id)
        if not (principal.admin or job.principal.id == principal.id):
            raise NoSuchJob(f"there is no job '{job_id}'")
        return job

    def find(self, query: JobQuery, principal: Principal) -> JobPage:
        """The principal's jobs that match, newest first."""
        return self._store.find(query if principal.admin else replace(query, owner=principal.id))

    def counts(self, process_id: str, principal: Principal) -> Mapping[JobStatus, int]:
        """How many of the principal's jobs of a process are in each state."""
        owner = None if principal.admin else principal.id
        return self._store.counts(process_ids=(process_id,), owner=owner)

    def dismiss(self, job_id: str, principal: Principal) -> Job:
        """Stop a job that has not finished; raises NoSuchJob, IllegalTransition."""
        self.status(job_id, principal)
        return self._executor.dismiss(job_id)

    def remove(self, job_id: str, principal: Principal) -> Job:
        """Delete a finished job and its files; returns what it was. Raises NoSuchJob, IllegalTransition."""
        job = self.status(job_id, principal)
        self._executor.remove(job_id)
        return job

    def results(self, job_id: str, principal: Principal) -> Job:
        """The job, if its results can be had.

        Raises NoSuchJob, ResultNotReady (also for a dismissed job, whose detail says so) and, for a failed
        job, the job's own error: InvalidInputs where the caller was at fault, else an ExecutionError.
        """
        job = self.status(job_id, principal)
        if job.status is JobStatus.FAILED:
            raise failure_of(job)
        if job.status is JobStatus.DISMISSED:
            raise ResultNotReady(f"job '{job_id}' was dismissed; it has no results")
        if job.status is not JobStatus.SUCCESSFUL:
            raise ResultNotReady(f"job '{job_id}' is {job.status}; its results are not ready")
        return job

    def output(self, job: Job, output_id: str) -> Output:
        """One output of a successful job; raises NoSuchOutput, ResultNotAvailable once it is deleted."""
        if output_id in job.outputs:
            return job.outputs[output_id]
        try:
            declared = list(self.catalogue.get(job.process_id).outputs)
        except DragomanError:
            declared = list(job.outputs)
        if output_id in declared:
            raise ResultNotAvailable(
                f"job '{job.id}' has no output '{output_id}' any more, or was not asked for it"
            )
        raise NoSuchOutput(f"there is no output '{output_id}'; outputs of this job: {', '.join(job.outputs)}")

    def item(self, job: Job, output_id: str, index: int) -> Output:
        """One file (from 0) of an output that is a list; raises NoSuchOutput, ResultNotAvailable if it is not there."""
        output = self.output(job, output_id)
        if not 0 <= index < len(output.items):
            held = f"holds {len(output.items)}" if output.items else "is no list of files"
            raise ResultNotAvailable(f"output '{output_id}' has no item {index}; it {held}")
        if output.items[index].file is None:
            raise ResultNotAvailable(f"item {index} of output '{output_id}' is deleted")
        return output.items[index]

    def output_path(self, job: Job, output: Output) -> Path:
        """The local file of an output that is one; for the web room to send, never to show."""
        if output.file is None:
            raise NoSuchOutput(f"output '{output.id}' is a value, not a file")
        path = self._results.outputs(job.id) / output.file
        if not path.is_file():
            raise ResultNotAvailable(f"the file of output '{output.id}' is gone")
        return path

    def remove_output(
        self, job_id: str, output_id: str, principal: Principal, item: int | None = None
    ) -> None:
        """Delete one output, or one file of a list; raises NoSuchJob."""
        self.status(job_id, principal)
        self._executor.remove_output(job_id, output_id, item)

    def log_paths(self, job_id: str, principal: Principal) -> list[Path]:
        """The files of what the job printed and logged, in the order written; raises NoSuchJob."""
        return logs_of(self.status(job_id, principal), self._results)

    def ready(self, min_free_bytes: int) -> list[str]:
        """What keeps this server from taking jobs; empty is ready."""
        faults = self._faults_of_writing()
        try:
            if self._results.free_bytes() < min_free_bytes:
                faults.append("disk: less free space than the configured floor")
        except OSError as error:
            faults.append(f"disk: {error.strerror}")
        return faults

    def _faults_of_writing(self) -> list[str]:
        """What the store and the engine say; what both say of the store is said once."""
        faults = []
        try:
            self._store.counts()
        except Unavailable as error:
            faults.append(f"store: {error.detail}")
        try:
            if not self._executor.alive():
                faults.append("engine: the supervisor does not answer")
        except Unavailable as error:
            faults.append(f"store: {error.detail}")
        return list(dict.fromkeys(faults))

    def close(self) -> None:
        """Let go of the engine."""
        self._executor.close()


def _listed(names: Sequence[str]) -> str:
    """Names that a client chose, as many of them, and as much of each, as is of use."""
    words = ", ".join(repr(cut(name)) for name in names[:MOST_PROBLEMS])
    return words if len(names) <= MOST_PROBLEMS else f"{words} and {len(names) - MOST_PROBLEMS:,} more"


def logs_of(job: Job, results: ResultStore) -> list[Path]:
    """The files of what a job printed and logged that there are: of its ended runs, then of the present one."""
    paths = [results.log(job.id)]
    if job.status is JobStatus.RUNNING and job.worker is not None:
        paths.append(results.spool(job.worker.pid))
    return [path for path in paths if path.is_file()]


def failure_of(job: Job) -> DragomanError:
    """The error that a failed job ended with, as it was raised."""
    failure = job.failure or JobFailure(code=AlgorithmError.code, detail=job.message)
    if failure.callers_fault:
        return InvalidInputs(InputProblem(input_id=i, message=m) for i, m in failure.problems)
    return FAILURES.get(failure.code, AlgorithmError)(failure.detail)


def _fingerprint(process_id: str, request: JobRequest) -> str:
    """Equal for two requests that ask the same: order of members and white space do not count."""
    text = json.dumps([process_id, dump_request(request)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
