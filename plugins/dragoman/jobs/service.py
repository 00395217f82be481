"""The one door to jobs: every dialect, the CLI and pygeoapi's manager come through here."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from dragoman.errors import DiskFull, IdempotencyConflict, InvalidRequest, NoSuchJob, QueueFull, Unavailable
from dragoman.jobs.archives import archive
from dragoman.jobs.job_reader import MOST_OF_AN_ID, JobReader
from dragoman.jobs.json_codec import dump_inputs, request_text
from dragoman.jobs.permission import check_permission
from dragoman.jobs.readiness import faults, warnings
from dragoman.jobs.request_check import check_request, without_inputs
from dragoman.jobs.sent_request import whole_request
from dragoman.jobs.service_inputs import with_service_steps
from dragoman.jobs.submission import INLINE_REQUEST, fingerprint, new_job
from dragoman.maps.references import NoServices
from dragoman.model.job_id import is_job_id
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dragoman.config.auth import ExecuteRule
    from dragoman.jobs.archives import Member
    from dragoman.jobs.ports import Executor, JobStore, ResultStore
    from dragoman.jobs.stored_file import StoredFile
    from dragoman.jobs.submission import Submission
    from dragoman.maps.references import Services
    from dragoman.model.job import Job, JobRequest
    from dragoman.model.principal import Principal
    from dragoman.model.process import Process
    from dragoman.packages.catalogue import Offer
    from dragoman.sources.policy import SourcePolicy


class JobService(JobReader):
    """Submits, dismisses and removes jobs on behalf of a principal, and reads them."""

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
        super().__init__(
            catalogue=catalogue, store=store, executor=executor, results=results, hides_drafts=hides_drafts
        )
        self._policy = policy
        self._min_free_bytes = min_free_bytes
        """Free disk below which no job is taken."""
        self._execute = execute or {}
        """What executing each process takes."""
        self._maps = maps
        """The map services that inputs may refer to."""

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
        job = new_job(job_id, process, resolved, principal, submission)
        if submission.idempotency_key:
            job = job.evolve(fingerprint=fingerprint(process_id, request))
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
        return new_job(job_id, process, resolved, principal, submission, status=JobStatus.CREATED)

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

    def dismiss(self, job_id: str, principal: Principal) -> Job:
        """Stop a job that has not finished; raises NoSuchJob, IllegalTransition."""
        self.status(job_id, principal)
        return self._executor.dismiss(job_id)

    def remove(self, job_id: str, principal: Principal) -> Job:
        """Delete a finished job and its files; returns what it was. Raises NoSuchJob, IllegalTransition."""
        job = self.status(job_id, principal)
        self._executor.remove(job_id)
        return job

    def remove_output(
        self, job_id: str, output_id: str, principal: Principal, item: int | None = None
    ) -> None:
        """Delete one output, or one file of a list; raises NoSuchJob."""
        self.status(job_id, principal)
        self._executor.remove_output(job_id, output_id, item)

    def ready(self, min_free_bytes: int) -> list[str]:
        """What keeps this server from taking jobs; empty is ready."""
        return faults(self._store, self._executor, self._results, min_free_bytes)

    def warnings(self) -> list[str]:
        """What the operator should see to, though jobs are taken."""
        return warnings(self._store)

    def close(self) -> None:
        """Let go of the engine."""
        self._executor.close()
