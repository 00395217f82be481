"""The page that a task has made, and what lies beside it, at a permanent URL that holds a key.

A browser that opens it cannot send a token: the key opens the files of that one task, until it is deleted. The page is
an algorithm's, made of strangers' files: it runs in an origin of its own, loads nothing from elsewhere, and asks the
server for nothing but the files beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.appstore.outcomes import files_of
from dragoman.errors import DragomanError, NoSuchPage
from dragoman.model.principal import Principal
from dragoman.model.status import JobStatus
from dragoman.web.file_responses import file_response
from dragoman.web.links import url

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.appstore.surface import Surface
    from dragoman.jobs.task_service import TaskView
    from dragoman.model.job import Output
    from dragoman.web.call import Call

PURPOSE: Final = "appstore-website"
POLICY: Final = (
    "default-src 'none'; img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox allow-scripts allow-popups allow-downloads"
)
"""``sandbox`` without ``allow-same-origin``: its scripts are nobody at the API; nor may they connect anywhere."""
HOLDER: Final = Principal(id="", admin=True)
"""Whoever holds the key of a task may read its files."""


def page_url(api: Surface, view: TaskView, page: Output) -> str:
    """The permanent URL of the page of a task that the caller may see."""
    key = api.keys.sign(PURPOSE, view.task.id)
    base = url(api.base(view.task.plan.application), "website", view.task.id, key)
    return base + "".join(url("", part) for part in str(page.file).split("/"))


def file(api: Surface, _call: Call, application: str, task_id: str, key: str, name: str) -> Response:
    """GET: a file of the website; without the right key there is nothing here."""
    unknown = NoSuchPage("there is no such page, or its task was deleted")
    if not api.keys.check(PURPOSE, task_id, key):
        raise unknown
    try:
        view = api.tasks.get(task_id, HOLDER)
        if view.task.plan.application != application or view.job.status is not JobStatus.SUCCESSFUL:
            raise unknown
        output = next((each for each in files_of(view.job) if each.file == name), None)
        if output is None:
            raise unknown
        response = file_response(api.jobs.content(view.job, output), output.media_type)
    except DragomanError as error:
        if error is unknown:
            raise
        raise unknown from error
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
