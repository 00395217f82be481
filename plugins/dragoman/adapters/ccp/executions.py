"""/executions: every job of the caller, of whatever dialect, with all its files. At the root and below ``/ccp``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from dragoman.adapters.ccp import documents, execution_files
from dragoman.adapters.ccp.metadata import metadata
from dragoman.adapters.ogc import describe, queries
from dragoman.errors import IllegalTransition
from dragoman.jobs.submission import Submission
from dragoman.model.status import JobStatus
from dragoman.web.links import Paging, page_links, url
from dragoman.web.reserved_inputs import seconds_of
from dragoman.web.responses import data_response

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ogc.surface import Surface
    from dragoman.web.call import Call


def listing(api: Surface, call: Call) -> Response:
    """GET /executions: newest first; filtered and paged as jobs are."""
    query = api.habits.asks(queries.job_query(call.arguments))
    page = api.jobs.find(query, call.principal)
    paging = Paging(
        limit=query.limit, offset=query.offset, matched=page.matched, more=page.key is not None, key=page.key
    )
    document = {
        "executions": [documents.listed(job, call.base, api.habits) for job in page.jobs],
        "links": page_links(url(call.base, "executions"), call.query, paging),
        "numberMatched": page.matched,
    }
    return api.answer(call, "jobs", document, title="Executions")


def detail(api: Surface, call: Call, job_id: str) -> Response:
    """GET /executions/{id}."""
    job = api.jobs.status(job_id, call.principal)
    document = documents.detail(job, call.base, api.habits, metadata(api, call, job))
    return api.answer(call, "job", document, title=f"Execution {job.id}")


def discard(api: Surface, call: Call, job_id: str) -> Response:
    """DELETE /executions/{id}: stop it if it runs, and remove it with all files."""
    job = api.jobs.status(job_id, call.principal)
    with suppress(IllegalTransition):  # it has finished
        api.jobs.dismiss(job_id, call.principal)
    api.jobs.remove(job_id, call.principal)
    gone = api.habits.reads_as(job.evolve(status=JobStatus.DISMISSED, failure=None))
    return api.answer(call, "job", describe.removed_info(gone, call.base), title=f"Job {job_id}")


def repeat(api: Surface, call: Call, job_id: str) -> Response:
    """POST /executions/{id}/re-execute: the same request as a new job; there is no body, and none is read."""
    request = api.jobs.status(job_id, call.principal).request
    timeout = seconds_of(request.reserved, api.services.reserved)
    job = api.jobs.repeat(job_id, call.principal, Submission(timeout=timeout))
    document = describe.status_info(api.habits.reads_as(job), call.base)
    response = api.answer(call, "job", document, title=f"Job {job.id}", status=201)
    response.headers["Location"] = url(call.base, "jobs", job.id)
    return response


def logs(api: Surface, call: Call, job_id: str) -> Response:
    """GET /executions/{id}/logs: what it has printed, as far as it has; tracebacks too, paths cut to their end."""
    text = execution_files.log_text(api.jobs, job_id, call.principal)
    return data_response(text, "text/plain; charset=utf-8")
