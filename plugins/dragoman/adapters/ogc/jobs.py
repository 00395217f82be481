"""/jobs: the list, the state of one, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from dragoman.adapters.ogc import describe, queries
from dragoman.adapters.ogc.surface import check_job_id
from dragoman.errors import IllegalTransition
from dragoman.web.auth import principal
from dragoman.web.links import Paging, page_links, url

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ogc.surface import Surface


def listing(api: Surface) -> Response:
    """GET /jobs: newest first."""
    form = api.form()
    query = queries.job_query(request.args.to_dict(flat=False))
    page = api.jobs.find(query, principal())
    paging = Paging(limit=query.limit, offset=query.offset, matched=page.matched)
    base = api.base
    document = {
        "jobs": [describe.status_info(job, base) for job in page.jobs],
        "links": page_links(url(base, "jobs"), api.query(), paging, form=form),
        "numberMatched": page.matched,
        "numberReturned": len(page.jobs),
    }
    return api.answer("jobs", document, title="Jobs")


def status(api: Surface, job_id: str) -> Response:
    """GET /jobs/{jobID}."""
    form = api.form()
    check_job_id(job_id)
    job = api.jobs.status(job_id, principal())
    return api.answer("job", describe.status_info(job, api.base, form=form), title=f"Job {job.id}")


def dismiss(api: Surface, job_id: str) -> Response:
    """DELETE /jobs/{jobID}: stop a job; remove one that has come to its end already (2.0 rule)."""
    api.form()
    check_job_id(job_id)
    who = principal()
    try:
        document = describe.status_info(api.jobs.dismiss(job_id, who), api.base)
    except IllegalTransition:
        document = describe.removed_info(api.jobs.remove(job_id, who), api.base)
    return api.answer("job", document, title=f"Job {job_id}")
