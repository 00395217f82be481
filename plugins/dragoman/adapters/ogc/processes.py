"""/processes: the list, the descriptions, and execution."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from flask import request

from dragoman.adapters.ogc import describe, queries, results, translate
from dragoman.errors import Unavailable
from dragoman.jobs.service import Submission
from dragoman.web.auth import principal
from dragoman.web.links import Paging, page_links, url
from dragoman.web.prefer import parse_prefer
from dragoman.web.request_body import json_body

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ogc.surface import Surface
    from dragoman.model.job import Job, JobRequest


def listing(api: Surface) -> Response:
    """GET /processes: all of them unless ``limit`` says fewer."""
    form = api.form()
    arguments = request.args.to_dict(flat=False)
    total = len(api.catalogue)
    limit = queries.whole(arguments, "limit", max(total, 1), 1, queries.MAX_LIMIT)
    offset = queries.whole(arguments, "offset", 0, 0, queries.MAX_OFFSET)
    paging = Paging(limit=limit, offset=offset, matched=total)
    base = api.base
    shown = islice(api.catalogue, offset, offset + limit)
    document = {
        "processes": [describe.summary(process, base) for process in shown],
        "links": page_links(url(base, "processes"), api.query(), paging, form=form),
        "numberMatched": total,
    }
    return api.answer("processes", document, title="Processes")


def detail(api: Surface, process_id: str) -> Response:
    """GET /processes/{processID}."""
    form = api.form()
    process = api.catalogue.get(process_id)
    document = describe.description(process, api.base, form=form)
    return api.answer("process", document, title=process.title or process.id, example=process.example)


def execute(api: Surface, process_id: str) -> Response:
    """POST /processes/{processID}/execution: the results, or the job (201) where there is no waiting."""
    api.form()
    process = api.catalogue.get(process_id)
    asked = translate.execute_request(json_body(), process, api.policy)
    plan = translate.plan(process.modes, parse_prefer(request.headers.getlist("Prefer")))
    key = translate.idempotency_key(request.headers.get("Idempotency-Key"))
    submission = Submission(mode=plan.mode, dialect="ogc", idempotency_key=key)
    job = _run(api, process_id, asked, submission, plan)
    if plan.wait == 0 or not job.status.finished:
        return _accepted(api, job, plan)
    return results.respond(api, job)


def _run(
    api: Surface, process_id: str, asked: JobRequest, submission: Submission, plan: translate.Plan
) -> Job:
    """Submit, and wait as planned; a bounded wait that finds no place is not waited at all."""
    who = principal()
    if plan.wait is None:
        with api.waiters.place():
            job = api.jobs.submit(process_id, asked, who, replace(submission, wait=None))
        if not job.status.finished:
            raise Unavailable("the server is stopping; the job goes on when it is back")
        return job
    seated = plan.wait > 0 and api.waiters.enter()
    try:
        return api.jobs.submit(process_id, asked, who, replace(submission, wait=plan.wait if seated else 0))
    finally:
        if seated:
            api.waiters.leave()


def _accepted(api: Surface, job: Job, plan: translate.Plan) -> Response:
    document = describe.status_info(job, api.base, form=api.form())
    response = api.answer("job", document, title=f"Job {job.id}", status=201)
    response.headers["Location"] = url(api.base, "jobs", job.id)
    if plan.applied:
        response.headers["Preference-Applied"] = plan.applied
    return response
