"""/processes: the list, the descriptions, and execution."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from dragoman.adapters.ogc import describe, queries, results, stubs, translate
from dragoman.codegen.languages import language_of
from dragoman.codegen.programs import render
from dragoman.jobs.submission import Submission
from dragoman.web import execution
from dragoman.web.links import Paging, page_links, url
from dragoman.web.prefer import parse_prefer
from dragoman.web.request_body import body_bytes, parse_json
from dragoman.web.reserved_inputs import seconds_of

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ogc.surface import Surface
    from dragoman.model.job import Job
    from dragoman.model.process import JSON, Process
    from dragoman.web.call import Call


SHOWN: Final = "python"
"""The language of the program that a page of a process shows."""
MOST_SHOWN: Final = 100_000
"""Characters of it, at most."""


def listing(api: Surface, call: Call) -> Response:
    """GET /processes: all of them unless ``limit`` says fewer."""
    catalogue = api.services.catalogue.visible_to(call.principal)
    total = len(catalogue)
    limit = queries.whole(call.arguments, "limit", max(total, 1), 1, queries.MAX_LIMIT)
    offset = queries.whole(call.arguments, "offset", 0, 0, queries.MAX_OFFSET)
    paging = Paging(limit=limit, offset=offset, matched=total)
    listed = islice(catalogue, offset, offset + limit)
    document = {
        "processes": [describe.summary(process, call.base) for process in listed],
        "links": page_links(url(call.base, "processes"), call.query, paging, form=call.form),
        "numberMatched": total,
    }
    return api.answer(call, "processes", document, title="Processes")


def detail(api: Surface, call: Call, process_id: str) -> Response:
    """GET /processes/{processID}."""
    process = api.services.catalogue.visible_to(call.principal).get(process_id)
    reserved = api.services.reserved if api.habits.shows_reserved else ()
    document = describe.description(process, call.base, form=call.form, reserved=reserved)
    title = process.title or process.id
    return api.answer(
        call, "process", document, title=title, example=process.example, **_programs(api, call, process)
    )


def _programs(api: Surface, call: Call, process: Process) -> dict[str, JSON]:
    """For the page: the programs that there are, and one of them in full."""
    if call.form == "json" or "async" not in process.modes:
        return {}
    plan = stubs.plan_for(process, call.base, api.login)
    shown = render(language_of(SHOWN), plan)
    listed = stubs.stub_list(url(call.base, "processes", process.id))
    return {"stubs": listed, "program": shown if len(shown) <= MOST_SHOWN else ""}


def execute(api: Surface, call: Call, process_id: str) -> Response:
    """POST /processes/{processID}/execution: the results, or the job (201) where there is no waiting."""
    process = api.services.catalogue.visible_to(call.principal).get(process_id)
    api.jobs.check_permission(process_id, call.principal)
    body, reserved = body_bytes(), api.services.reserved
    document = api.habits.body(parse_json(body), process)
    request = translate.execute_request(document, process, api.policy, reserved)
    prefer = parse_prefer(call.headers.getlist("Prefer"))
    plan = translate.plan(("async",) if api.habits.always_async else process.modes, prefer)
    submission = Submission(
        mode=plan.mode,
        dialect=api.habits.name,
        idempotency_key=translate.idempotency_key(call.headers.get("Idempotency-Key")),
        timeout=seconds_of(request.reserved, reserved),
        request_as_sent=body.decode("utf-8-sig"),
        wait=plan.wait,
    )
    job = execution.run(api.services, call.principal, process_id, request, submission)
    if plan.wait == 0 or not job.status.finished:
        return _accepted(api, call, job, plan)
    return results.respond(api, call, job)


def _accepted(api: Surface, call: Call, job: Job, plan: translate.Plan) -> Response:
    document = describe.status_info(api.habits.reads_as(job), call.base, form=call.form)
    response = api.answer(call, "job", document, title=f"Job {job.id}", status=201)
    response.headers["Location"] = url(call.base, "jobs", job.id)
    if plan.applied:
        response.headers["Preference-Applied"] = plan.applied
    return response
