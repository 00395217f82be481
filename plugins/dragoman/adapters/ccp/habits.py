"""How CCP's mount of the OGC resources differs from the standard's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dragoman.adapters.ccp.openapi import api_document
from dragoman.adapters.ccp.settings import NAME
from dragoman.adapters.ccp.tolerance import tolerated
from dragoman.adapters.ogc.habits import Habits, as_it_is, query_as_it_is
from dragoman.model.job import JobFailure
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from dragoman.adapters.ccp.settings import CcpSettings
    from dragoman.model.job import Job, JobQuery

PREFIX: Final = "/ccp"
CANCELLED: Final = JobFailure(code="cancelled", detail="Execution cancelled")


def cancelled_as_failed(job: Job) -> Job:
    """A dismissed job as a failed one: CCP's clients wait for ever on anything but successful and failed."""
    if job.status is not JobStatus.DISMISSED:
        return job
    return job.evolve(status=JobStatus.FAILED, failure=CANCELLED)


def failed_with_cancelled(query: JobQuery) -> JobQuery:
    """Who asks for failed jobs is shown those that read as failed, too."""
    if JobStatus.FAILED not in query.statuses:
        return query
    return replace(query, statuses=(*query.statuses, JobStatus.DISMISSED))


def habits(settings: CcpSettings) -> Habits:
    """Those of ``/ccp``."""
    as_failed = settings.cancelled_as_failed
    return Habits(
        name=NAME,
        prefix=PREFIX,
        always_async=True,
        pages=False,
        reads_as=cancelled_as_failed if as_failed else as_it_is,
        asks=failed_with_cancelled if as_failed else query_as_it_is,
        body=tolerated,
        shows_reserved=True,
        api_document=api_document,
    )
