"""The handlers of tasks: made, asked about, removed; and how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.appstore import plans
from dragoman.adapters.appstore.outcomes import ENDED, message_of, result_type
from dragoman.adapters.appstore.settings import NAME
from dragoman.adapters.appstore.surface import envelope, query_id
from dragoman.errors import InvalidRequest
from dragoman.jobs.submission import Submission
from dragoman.model.status import JobStatus
from dragoman.web.links import url
from dragoman.web.request_body import body_bytes, parse_json
from dragoman.web.responses import data_response

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.appstore.surface import Surface
    from dragoman.jobs.task_service import TaskView
    from dragoman.web.call import Call

PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"
METRIC: Final = "pending_tasks_total"
"""The proposal's name. A Counter's ``_total`` would bring ``_created`` along, and this goes down as well."""


def create(api: Surface, call: Call, application: str | None) -> Response:
    """POST /task: with any body or none."""
    text = body_bytes(any_type=True)
    body = plans.read_body(parse_json(text) if text.strip() else None)
    if application is not None and body.application not in (None, application):
        raise InvalidRequest(f"application: these are the paths of '{application}'; leave it out")
    chosen = api.application(application or body.application)
    api.jobs.check_permission(chosen.process, call.principal)
    process = api.services.catalogue.visible_to(call.principal).get(chosen.process)
    plan = plans.plan_of(chosen, process, body.total)
    request = plans.request_of(chosen, process, plan, body.parameters)
    task_id = api.tasks.create(process.id, request, call.principal, Submission(dialect=NAME), plan)
    data = {
        "task_id": task_id,
        "attributes": list(chosen.attributes),
        "assets_per_batch": chosen.assets_per_batch,
    }
    return envelope(data)


def detail(api: Surface, call: Call, application: str | None) -> Response:
    """GET /task?id=."""
    view = api.task(call, application, query_id(call))
    word = status_word(view)
    ended = word == ENDED
    data = {
        "task_id": view.task.id,
        "status": word,
        "assets_downloaded": view.tally.percent,
        "result_id": url(call.base, "api", "v1", "result", query=[("id", view.task.id)]) if ended else None,
        "result_type": result_type(view) if ended else None,
    }
    failed = api.tasks.failures(view.task.id, limit=20) if view.tally.failed else []
    return envelope(data, message=message_of(view, failed))


def remove(api: Surface, call: Call, application: str | None) -> Response:
    """DELETE /task?id=: whatever it is doing, it ends, and nothing is left of it."""
    view = api.task(call, application, query_id(call))
    api.tasks.remove(view, call.principal)
    return envelope(None)


def pending(api: Surface, _call: Call, application: str | None) -> Response:
    """GET /status: how many tasks have not ended, of one application or of all."""
    number = api.tasks.unfinished(application)
    text = f"# HELP {METRIC} Tasks that are not COMPLETED.\n# TYPE {METRIC} gauge\n{METRIC} {number}\n"
    response = data_response(text.encode("ascii"), PROMETHEUS)
    response.headers["Cache-Control"] = "no-store"
    return response


def status_word(view: TaskView) -> str:
    """The proposal's word for where a task is; it has none for a failure, which is an end like any other."""
    status = view.job.status
    if status.finished:
        return ENDED
    if status is JobStatus.RUNNING:
        return "PROCESSING"
    if status is JobStatus.ACCEPTED or (view.tally.announced and not view.tally.awaited):
        return "WAITING"
    return "DOWNLOADING" if view.tally.announced else "CREATED"
