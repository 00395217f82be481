"""The one door to jobs: every dialect, the CLI and pygeoapi's manager come through here."""

from __future__ import annotations

import hashlib
import json
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dragoman.errors import (
    DiskFull,
    DragomanError,
    IdempotencyConflict,
    InvalidRequest,
    NoSuchJob,
    NoSuchOutput,
    QueueFull,
    ResultNotAvailable,
    ResultNotReady,
    Unavailable,
)
from dragoman.jobs.archives import archive
from dragoman.jobs.failures import failure_of
from dragoman.jobs.job_log import log_part
from dragoman.jobs.json_codec import dump_inputs, dump_request, request_text
from dragoman.jobs.permission import check_permission
from dragoman.jobs.readiness import faults, warnings
from dragoman.jobs.request_check import check_request, without_inputs
from dragoman.jobs.sent_request import sent_request, whole_request
from dragoman.jobs.service_inputs import with_service_steps
from dragoman.maps.references import NoServices
from dragoman.model.job import Job, JobPage, JobQuery, JobRequest, Output
from dragoman.model.job_id import is_job_id
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from dragoman.config.auth import ExecuteRule
    from dragoman.jobs.archives import Member
    from dragoman.jobs.engine_figures import EngineFigures
    from dragoman.jobs.ports import Executor, JobStore, ResultStore
    from dragoman.jobs.stored_file import StoredFile
    from dragoman.maps.references import Services
    from dragoman.model.job import InputValue
    from dragoman.model.job_event import JobEvent
    from dragoman.model.principal import Principal
    from dragoman.model.process import JSON, Mode, Process
    from dragoman.packages.catalogue import Offer
    from dragoman.sources.policy import SourcePolicy

MOST_OF_AN_ID = 100
"""Characters of what was taken for a job's id that are shown; ids are shorter."""
INLINE_REQUEST = 64 * 1024
"""Characters of JSON up to which the inputs of a job, and its request as sent, are kept in its row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """How a request is to be run."""

    mode: Mode = "async"
    dialect: str = ""
    """The dialect that the request came in; empty: none."""
    idempotency_key: str | None = None
    job_id: str | None = None
    """A uuid4 that the dialect has already given to its client; None: a new one."""
    priority: int = 0
    timeout: float | None = None
    """Seconds for one run, where shorter than the process's own."""
    request_as_sent: str | None = None
    """The request's JSON text, where it is OGC's or like it, so that it can be had back; a job made through another
    dialect has its request in OGC's form instead."""
    wait: float | None = 0.0
    """Seconds to wait for the job's end; None: as long as it takes."""
    abandoned: Callable[[], bool] = lambda: False
    """Asked while that is waited for: whether nobody waits any more. The job goes on then."""


class JobService:
    """Submit, watch, dismiss and fetch jobs, on behalf of a principal."""

    def __init__(
        self,
        *,
        catalogue: Offer,
        store: JobStore,
        executor: Executor,
        results: ResultStore,
        policy: SourcePolicy,
        min_free_bytes: int = 0,
        execute: Mapping[str, ExecuteRule] | None = None,
        maps: Services | None = None,
        hides_drafts: bool = False,
    ) -> None:
        self.catalogue = catalogue
        self._store = store
        self._executor = executor
        self._results = results
        self._policy = policy
        self._min_free_bytes = min_free_bytes
        """Free disk below which no job is taken."""
        self._execute = execute or {}
        """What executing each process takes."""
        self._maps = maps
        """The map services that inputs may refer to."""
        self._hides_drafts = hides_drafts
        """Whether jobs that are being put together are nobody's business but of the dialect that does so."""

    def check_permission(self, process_id: str, principal: Principal) -> None:
        """Raise NoSuchProcess, or InsufficientScope if the principal may not execute the process.

        ``submit`` does it in any case; a dialect that reads a request first asks before.
        """
        self.catalogue.visible_to(principal).get(process_id)
        if self._execute:
            check_permission(self._execute, process_id, principal)

    def submit(
        self, process_id: str, request: JobRequest, principal: Principal, submission: Submission
    ) -> Job:
        """Validate a request and accept it durably; the job, finished if it ended while that was waited for.

        Raises NoSuchProcess, InsufficientScope, InvalidInputs, InvalidRequest (an unknown output),
        IdempotencyConflict, QueueFull, DiskFull, Unavailable; nothing is kept of what is refused.
        """
        if submission.job_id is not None and not is_job_id(submission.job_id):
            raise InvalidRequest(
                f"'{submission.job_id[:MOST_OF_AN_ID]}' is no job id; allowed: a UUID in lower case"
            )
        process = self._executable(process_id, principal)
        job_id = submission.job_id or str(uuid.uuid4())
        resolved = self._with_services(request, principal, job_id)
        check_request(process, resolved, self._policy)
        self._check_disk()
        job = _new_job(job_id, process, resolved, principal, submission)
        if submission.idempotency_key:
            job = job.evolve(fingerprint=_fingerprint(process_id, request))
        return self._accept(job, submission)

    def draft(
        self,
        process_id: str,
        request: JobRequest,
        principal: Principal,
        submission: Submission,
        *,
        later: Collection[str],
    ) -> Job:
        """A new job in the state ``created``, of a request that lacks the inputs ``later``; nothing of it is kept here.

        What there is of the request is validated now, all of it when the job runs. Raises as ``submit``.
        """
        process = self._executable(process_id, principal)
        job_id = str(uuid.uuid4())
        resolved = self._with_services(request, principal, job_id)
        check_request(without_inputs(process, later), resolved, self._policy)
        self._check_disk()
        return _new_job(job_id, process, resolved, principal, submission, status=JobStatus.CREATED)

    def _executable(self, process_id: str, principal: Principal) -> Process:
        process = self.catalogue.visible_to(principal).get(process_id)
        if self._execute:
            check_permission(self._execute, process_id, principal)
        return process

    def _with_services(self, request: JobRequest, principal: Principal, job_id: str) -> JobRequest:
        """The request with the map services that it refers to; raises InvalidInputs, InvalidRequest."""
        if request.publish and self._maps is None:
            raise InvalidRequest("outputs cannot be published: there are no map services on this server")
        return with_service_steps(request, self._maps or NoServices(), principal, job_id)

    def _check_disk(self, more: int = 0) -> None:
        """Raise DiskFull below the floor of free disk, where a job would only fail, and fill the rest.

        ``more`` are bytes that are to be written at once.
        """
        try:
            free = self._results.free_bytes()
        except OSError as error:
            raise Unavailable(f"the folder of results cannot be used: {error.strerror}") from error
        if free - more < self._min_free_bytes:
            raise DiskFull(retry_after=60)

    def _accept(self, job: Job, submission: Submission) -> Job:
        """Submit, with inputs and a sent request too large for the store kept beside it first."""
        text = json.dumps(dump_inputs(job.request.inputs))
        sent = job.request_as_sent or ""
        if max(len(text), len(sent)) <= INLINE_REQUEST:
            request_text(job.request, text)  # nobody on its way to the row and to the worker makes it again
            return self._executor.submit(job, submission.wait, submission.abandoned)
        self._refuse_taken(job.id)  # its own request must not be overwritten
        light = job
        try:
            if len(sent) > INLINE_REQUEST:
                self._results.save_sent(job.id, sent)
                light = light.evolve(request_as_sent=None)
            if len(text) > INLINE_REQUEST:
                self._results.save_request(job.id, text)
                light = light.evolve(request=replace(job.request, inputs={}, spooled=True))
        except OSError as error:
            self._results.clear(job.id)
            raise Unavailable(f"the request cannot be kept: {error.strerror}") from error
        try:
            accepted = self._executor.submit(light, submission.wait, submission.abandoned)
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

    def wait(self, job_id: str, principal: Principal, timeout: float | None) -> Job:
        """The job once it has finished, or as it is after ``timeout`` seconds."""
        self.status(job_id, principal)
        return self._executor.wait(job_id, timeout)

    def status(self, job_id: str, principal: Principal) -> Job:
        """The job; raises NoSuchJob if there is none that the principal may see."""
        if is_job_id(job_id):
            job = self._store.get(job_id)
            draft = self._hides_drafts and job.status is JobStatus.CREATED
            if not draft and (principal.admin or job.principal.id == principal.id):
                return job
        raise NoSuchJob(f"there is no job '{job_id[:MOST_OF_AN_ID]}'")

    def request(self, job_id: str, principal: Principal) -> JSON:
        """The job's request as its client sent it; where its dialect's is another, in OGC's form. However it ended.

        Raises NoSuchJob, and NotFound where it has not been kept, or cannot be said in that form.
        """
        job = self.status(job_id, principal)
        try:
            specs = self.catalogue.get(job.process_id).inputs
        except DragomanError:  # it is not served any more
            specs = {}
        return sent_request(job, self._results, specs)

    def inputs(self, job: Job) -> Mapping[str, tuple[InputValue, ...]]:
        """The inputs of a job that the caller has been given; raises NotFound where they have not been kept."""
        return whole_request(job, self._results)[0].inputs

    def input_hashes(self, job: Job) -> Mapping[str, Mapping[int, str]]:
        """The SHA-256 of each value that came by reference, by input and place (from 0), as far as it was kept."""
        text = self._results.load_hashes(job.id)
        whole = json.loads(text) if text else {}
        return {name: {int(place): sha for place, sha in places.items()} for name, places in whole.items()}

    def repeat(self, job_id: str, principal: Principal, submission: Submission) -> Job:
        """Run a job's request once more, of the process as it is now, as the principal's own job.

        Raises NoSuchJob, NotFound where its inputs have not been kept, and what ``submit`` raises.
        """
        job = self.status(job_id, principal)
        self.check_permission(job.process_id, principal)
        request, text = whole_request(job, self._results)
        submission = replace(submission, dialect=job.dialect, request_as_sent=text)
        return self.submit(job.process_id, request, principal, submission)

    def archive(self, job: Job, name: str, members: Sequence[Member]) -> StoredFile:
        """A zip of these members, of a job that the caller has been given; made once, kept until an output goes.

        Raises ResultNotAvailable if something of it is removed meanwhile, Unavailable if it cannot be kept, DiskFull
        where it would leave less free disk than the operator keeps.
        """
        try:
            return archive(self._results, job, name, members, self._check_disk)
        except OSError as error:
            raise Unavailable(f"the archive cannot be kept: {error.strerror}") from error

    def find(self, query: JobQuery, principal: Principal) -> JobPage:
        """The principal's jobs that match, newest first."""
        if self._hides_drafts:
            query = replace(query, drafts=False)
        return self._store.find(query if principal.admin else replace(query, owner=principal.id))

    def counts(self, process_id: str, principal: Principal) -> Mapping[JobStatus, int]:
        """How many of the principal's jobs of a process are in each state."""
        owner = None if principal.admin else principal.id
        return self._store.counts(process_ids=(process_id,), owner=owner)

    def stored(self) -> Mapping[str, Mapping[JobStatus, int]]:
        """How many jobs of each process are in each state, whoever's; for whoever runs the server."""
        return self._store.counts_by_process()

    def figures(self) -> EngineFigures:
        """What the engine tells of itself in numbers; raises Unavailable."""
        return self._executor.figures()

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

    def content(self, job: Job, output: Output) -> StoredFile:
        """The content of an output that is a file, of a job that the caller has been given.

        Raises NoSuchOutput for a value, ResultNotAvailable once the file is gone.
        """
        if output.file is None:
            raise NoSuchOutput(f"output '{output.id}' is a value, not a file")
        try:
            return self._results.content(job.id, output.file)
        except ResultNotAvailable:
            raise ResultNotAvailable(f"the file of output '{output.id}' is gone") from None

    def output_sha256(
        self, job_id: str, output_id: str, principal: Principal, item: int | None = None
    ) -> str:
        """The SHA-256 of an output's file, or of one file of a list, in hex; worked out once, and kept.

        Raises what ``results``, ``output``, ``item`` and ``content`` raise.
        """
        job = self.results(job_id, principal)
        output = self.output(job, output_id) if item is None else self.item(job, output_id, item)
        if output.sha256 is not None:
            return output.sha256
        digest = hashlib.sha256()
        for block in self.content(job, output).blocks():
            digest.update(block)
        sha256 = digest.hexdigest()
        with suppress(Unavailable):  # then it is worked out again
            self._executor.keep_sha256(job_id, output_id, sha256, item)
        return sha256

    def events(self, job_id: str, principal: Principal) -> list[JobEvent]:
        """What happened to the job, in order; raises NoSuchJob."""
        self.status(job_id, principal)
        return self._store.events(job_id)

    def remove_output(
        self, job_id: str, output_id: str, principal: Principal, item: int | None = None
    ) -> None:
        """Delete one output, or one file of a list; raises NoSuchJob."""
        self.status(job_id, principal)
        self._executor.remove_output(job_id, output_id, item)

    def log(self, job_id: str, principal: Principal, offset: int = 0) -> bytes:
        """What the job has printed and logged, from ``offset`` on: a mebibyte at most; raises NoSuchJob.

        What its ended runs printed comes first, then, where that can be seen from here, what the present one has
        printed so far. Nothing: that is all, for now if the job has not finished. These are the author's words:
        whoever shows them to a client hides the paths in them (``path_redaction``).
        """
        job = self.status(job_id, principal)
        while True:
            part = log_part(job, offset, self._results, self._executor)
            now = self.status(job_id, principal)
            if (now.status, now.attempts) == (job.status, job.attempts):
                return part
            job = now  # its worker may have been printing for another job already

    def ready(self, min_free_bytes: int) -> list[str]:
        """What keeps this server from taking jobs; empty is ready."""
        return faults(self._store, self._executor, self._results, min_free_bytes)

    def warnings(self) -> list[str]:
        """What the operator should see to, though jobs are taken."""
        return warnings(self._store)

    def close(self) -> None:
        """Let go of the engine."""
        self._executor.close()


def _fingerprint(process_id: str, request: JobRequest) -> str:
    """Equal for two requests that ask the same: order of members and white space do not count."""
    # "raw" was a member of every request once: keys that were used then are still known
    text = json.dumps([process_id, {**dump_request(request), "raw": None}], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _new_job(
    job_id: str,
    process: Process,
    request: JobRequest,
    principal: Principal,
    submission: Submission,
    status: JobStatus = JobStatus.ACCEPTED,
) -> Job:
    now = datetime.now(UTC)
    timeouts = [t for t in (process.timeout, submission.timeout) if t]
    return Job(
        id=job_id,
        process_id=process.id,
        process_version=process.version,
        runtime=process.runtime,
        dialect=submission.dialect,
        principal=principal,
        request=request,
        mode=submission.mode,
        status=status,
        priority=submission.priority,
        timeout=min(timeouts) if timeouts else None,
        created=now,
        updated=now,
        idempotency_key=submission.idempotency_key,
        request_as_sent=submission.request_as_sent,
    )
