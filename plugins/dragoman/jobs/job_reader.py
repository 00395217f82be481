"""What can be read of jobs: how they stand, what was asked, what came of it, and what they said meanwhile."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from dragoman.errors import (
    DragomanError,
    NoSuchJob,
    NoSuchOutput,
    ResultNotAvailable,
    ResultNotReady,
    Unavailable,
)
from dragoman.jobs.failures import failure_of
from dragoman.jobs.job_log import log_part
from dragoman.jobs.sent_request import sent_request, whole_request
from dragoman.model.job_id import is_job_id
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.jobs.engine_figures import EngineFigures
    from dragoman.jobs.ports import Executor, JobStore, ResultStore
    from dragoman.jobs.stored_file import StoredFile
    from dragoman.model.job import InputValue, Job, JobPage, JobQuery, Output
    from dragoman.model.job_event import JobEvent
    from dragoman.model.principal import Principal
    from dragoman.model.process import JSON
    from dragoman.packages.catalogue import Offer

MOST_OF_AN_ID = 100
"""Characters of what was taken for a job's id that are shown; ids are shorter."""


class JobReader:
    """Reads jobs on behalf of a principal: somebody else's do not exist, but for an administrator."""

    def __init__(
        self,
        *,
        catalogue: Offer,
        store: JobStore,
        executor: Executor,
        results: ResultStore,
        hides_drafts: bool = False,
    ) -> None:
        self.catalogue = catalogue
        self._store = store
        self._executor = executor
        self._results = results
        self._hides_drafts = hides_drafts
        """Whether jobs that are being put together are nobody's business but of the dialect that does so."""

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
