"""/jobs: the list, the state of one, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.adapters.ogc import describe, queries
from dragoman.web import execution
from dragoman.web.links import Paging, page_links, url
from dragoman.web.map_links import MapLinks

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ogc.surface import Surface
    from dragoman.model.job import Job
    from dragoman.web.call import Call
    from dragoman.web.links import Link


def listing(api: Surface, call: Call) -> Response:
    """GET /jobs: newest first."""
    query = api.habits.asks(queries.job_query(call.arguments))
    page = api.jobs.find(query, call.principal)
    paging = Paging(
        limit=query.limit, offset=query.offset, matched=page.matched, more=page.key is not None, key=page.key
    )
    reads_as = api.habits.reads_as
    document = {
        "jobs": [describe.status_info(reads_as(job), call.base, listed=True) for job in page.jobs],
        "links": page_links(url(call.base, "jobs"), call.query, paging, form=call.form),
        "numberMatched": page.matched,
        "numberReturned": len(page.jobs),
    }
    return api.answer(call, "jobs", document, title="Jobs")


def status(api: Surface, call: Call, job_id: str) -> Response:
    """GET /jobs/{jobID}."""
    job = api.habits.reads_as(api.jobs.status(job_id, call.principal))
    document = describe.status_info(job, call.base, form=call.form)
    document["links"] += _map_links(api, call, job)
    return api.answer(call, "job", document, title=f"Job {job.id}")


def _map_links(api: Surface, call: Call, job: Job) -> list[Link]:
    """Where the outputs that the job has published are drawn, as long as they are."""
    if api.services.maps is None or not job.request.publish:
        return []
    root = call.base.removesuffix(api.habits.prefix)
    links = MapLinks(api.settings)
    return [each for service in api.services.maps.of_job(job.id) for each in links.of(root, service)]


def dismiss(api: Surface, call: Call, job_id: str) -> Response:
    """DELETE /jobs/{jobID}: stop a job; remove one that has come to its end already (2.0 rule)."""
    ended = execution.cancel(api.jobs, job_id, call.principal)
    job = api.habits.reads_as(ended.job)
    told = describe.removed_info if ended.removed else describe.status_info
    return api.answer(call, "job", told(job, call.base), title=f"Job {job_id}")
