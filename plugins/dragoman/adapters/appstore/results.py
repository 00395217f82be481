"""GET /result: a JSON value bare, a file or a ZIP of several, or where the page is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from dragoman.adapters.appstore.outcomes import files_of, is_value, page_of, reason_of, result_type
from dragoman.adapters.appstore.surface import envelope, query_id
from dragoman.adapters.appstore.website import page_url
from dragoman.errors import ResultNotAvailable, ResultNotReady
from dragoman.jobs.archives import Member
from dragoman.model.status import JobStatus
from dragoman.schemas.media_types import extension, kind_of
from dragoman.web.file_responses import file_response
from dragoman.web.negotiation import wants_html
from dragoman.web.responses import data_response, json_bytes, json_response
from dragoman.web.result_values import loader

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.appstore.surface import Surface
    from dragoman.jobs.task_service import TaskView
    from dragoman.model.job import Job, Output
    from dragoman.model.process import JSON
    from dragoman.web.call import Call

STREAM: Final = "application/octet-stream"
_ODD: Final = re.compile(r"[^\w.-]|^\.+")


def result(api: Surface, call: Call, application: str | None) -> Response:
    """GET /result?id=; 409 before the task has ended. A task that failed has a result that says why."""
    view = api.task(call, application, query_id(call))
    if not view.job.status.finished:
        raise ResultNotReady(f"task '{view.task.id}' is not COMPLETED; ask GET task?id= until it is")
    if view.job.status is not JobStatus.SUCCESSFUL:
        return envelope(None, message=reason_of(view.job), success=False)
    job = api.tasks.result(view, call.principal)
    match result_type(view):
        case "WEBSITE":
            return _website(api, call, view)
        case "JSON":
            return _json(api, job)
        case _:
            return _stream(api, view, job)


def _website(api: Surface, call: Call, view: TaskView) -> Response:
    """Where the page is; a browser is led there."""
    page = page_of(view.job)
    if page is None:
        raise ResultNotAvailable(f"the page of task '{view.task.id}' is gone")
    address = page_url(api, view, page)
    if not wants_html(call.headers.get("Accept", "")):
        return envelope({"url": address})
    response = envelope({"url": address})
    response.status_code = 302
    response.headers["Location"] = address
    return response


def _json(api: Surface, job: Job) -> Response:
    """One value bare; of several outputs an object with a member for each."""
    load = loader(api.jobs, job)

    def value(output: Output) -> JSON:
        if output.items:
            return [load(each) for each in output.items if each.file is not None]
        return output.value if output.file is None else load(output)

    outputs = list(job.outputs.values())
    whole = value(outputs[0]) if len(outputs) == 1 else {output.id: value(output) for output in outputs}
    response = json_response(whole)
    response.headers["Cache-Control"] = "no-store"
    return response


def _stream(api: Surface, view: TaskView, job: Job) -> Response:
    """The one file there is, under its name; else a ZIP of all, values included."""
    files, values = list(files_of(job)), [output for output in job.outputs.values() if is_value(output)]
    if len(files) == 1 and not values:
        file = api.jobs.content(job, files[0])
        return _attached(file_response(file, STREAM), _last_part(str(files[0].file)))
    if not files and len(values) == 1:
        name, data = _value_file(values[0])
        return _attached(data_response(data, STREAM), name)
    if not files and not values:
        raise ResultNotAvailable(f"task '{view.task.id}' has no result any more")
    members = [
        Member(name=str(each.file), media_type=each.media_type, content=api.jobs.content(job, each))
        for each in files
    ]
    taken = {member.name for member in members}
    for output in values:
        name, data = _value_file(output)
        while name in taken:
            name = f"_{name}"
        taken.add(name)
        members.append(Member(name=name, media_type=output.media_type or "application/json", content=data))
    archive = f"{view.task.plan.application}-{view.task.id}.zip"
    return _attached(file_response(api.jobs.archive(job, "result.zip", members), STREAM), archive)


def _attached(response: Response, name: str) -> Response:
    """The answer with the name that a client is to store it under, in ASCII and, where that differs, in UTF-8."""
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "_", name)
    other = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    response.headers["Content-Disposition"] = f'attachment; filename="{plain}"{other}'
    return response


def _last_part(name: str) -> str:
    return name.rpartition("/")[2]


def _value_file(output: Output) -> tuple[str, bytes]:
    """A file for a value: its name and what is in it."""
    stem = _ODD.sub("_", output.id)
    if isinstance(output.value, str):
        declared = output.media_type if kind_of(output.media_type) == "text" else "text/plain"
        return f"{stem}{extension(declared)}", output.value.encode("utf-8", errors="replace")
    return f"{stem}.json", json_bytes(output.value)
