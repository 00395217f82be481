"""How a request is to be run, and the job that it becomes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dragoman.jobs.json_codec import dump_request
from dragoman.model.job import Job
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.model.job import JobRequest
    from dragoman.model.principal import Principal
    from dragoman.model.process import Mode, Process

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


def new_job(
    job_id: str,
    process: Process,
    request: JobRequest,
    principal: Principal,
    submission: Submission,
    status: JobStatus = JobStatus.ACCEPTED,
) -> Job:
    """The job of a request that has been checked, as it is before anybody has accepted it."""
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


def fingerprint(process_id: str, request: JobRequest) -> str:
    """Equal for two requests that ask the same: order of members and white space do not count."""
    # "raw" was a member of every request once: keys that were used then are still known
    text = json.dumps([process_id, {**dump_request(request), "raw": None}], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
