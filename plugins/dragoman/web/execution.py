"""Running and ending jobs, as every dialect does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dragoman.errors import IllegalTransition, Unavailable
from dragoman.model.status import JobStatus
from dragoman.web.client_connection import here, hung_up

if TYPE_CHECKING:
    from dragoman.jobs.service import JobService
    from dragoman.jobs.submission import Submission
    from dragoman.model.job import Job, JobRequest
    from dragoman.model.principal import Principal
    from dragoman.web.services import Services


def run(
    services: Services, principal: Principal, process_id: str, request: JobRequest, submission: Submission
) -> Job:
    """Submit a job, and wait for it as ``submission.wait`` says; raises as JobService.submit.

    Waiting without end takes one of the slots of sync calls; without a free one, or when the server is stopping,
    Unavailable is raised. A bounded wait that finds no slot is not waited at all. A client that hangs up gives its
    slot back; its job goes on.
    """
    submission = replace(submission, abandoned=hung_up(here()))
    if submission.wait is None:
        with services.slots.slot():
            job = services.jobs.submit(process_id, request, principal, submission)
        if not job.status.finished:
            raise Unavailable("nobody waits any more, or the server is stopping; the job goes on")
        return job
    waits = submission.wait > 0 and services.slots.enter()
    try:
        wait = submission.wait if waits else 0
        return services.jobs.submit(process_id, request, principal, replace(submission, wait=wait))
    finally:
        if waits:
            services.slots.leave()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job that a client has done with."""

    job: Job
    """Dismissed; its message is the job's own."""
    removed: bool
    """Whether it had finished before, so that it was removed with its results."""


def cancel(jobs: JobService, job_id: str, principal: Principal) -> Ended:
    """Stop a job; remove one that has finished already (2.0 rule). Raises NoSuchJob."""
    try:
        return Ended(job=jobs.dismiss(job_id, principal), removed=False)
    except IllegalTransition:
        job = jobs.remove(job_id, principal)
        return Ended(job=job.evolve(status=JobStatus.DISMISSED, failure=None), removed=True)
