"""What AppStore's handlers share: tasks, applications, and the envelope of every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import HTTPException

from dragoman import errors
from dragoman.adapters.appstore.settings import settings_of
from dragoman.sources.policy import SourcePolicy
from dragoman.web import problems
from dragoman.web.call import Call, current_call
from dragoman.web.links import public_base
from dragoman.web.responses import json_response
from dragoman.web.signed_keys import SignedKeys
from dragoman.web.surface import Surface as MountedSurface

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response

    from dragoman.adapters.appstore.settings import Application
    from dragoman.jobs.task_service import TaskService, TaskView
    from dragoman.model.process import JSON
    from dragoman.web.services import Services

STATUSES: Final[Mapping[type[Exception], int]] = {errors.ResultNotReady: 409}
"""Where this dialect knows an error by another status than the others do."""


class Surface(MountedSurface):
    """The mounted AppStore surface."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.own = settings_of(services.settings)
        """The dialect's own settings."""
        self.applications = self.own.applications or {}
        self.policy = SourcePolicy.from_settings(services.settings)
        self.keys = SignedKeys(services.settings.home)

    @property
    def tasks(self) -> TaskService:
        """The tasks; raises NoSuchPage on a server that keeps none."""
        if self.services.tasks is None:
            raise errors.NoSuchPage
        return self.services.tasks

    def base(self, application: str | None) -> str:
        """The public URL that ``/api/v1`` follows, at the root or of one application."""
        root = public_base(self.settings) + self.prefix
        return root if application is None else f"{root}/appstore/{application}"

    def call(self, application: str | None) -> Call:
        """The call of the current request, at the root or of one application; raises NoSuchPage for an unknown one."""
        if application is not None and application not in self.applications:
            known = ", ".join(self.applications) or "none"
            raise errors.NoSuchPage(f"there is no application '{application[:100]}'; there are: {known}")
        return current_call(self.base(application))

    def application(self, name: str | None) -> Application:
        """The application of that name, or the default; raises InvalidRequest where there is none."""
        chosen = name or self.own.default or ""
        if chosen not in self.applications:
            known = ", ".join(self.applications) or "none"
            raise errors.InvalidRequest(f"there is no application '{chosen[:100]}'; allowed: {known}")
        return self.applications[chosen]

    def required(self, application: str) -> tuple[str, ...]:
        """The attributes that each asset of an application must have; none of one that is served no more."""
        known = self.applications.get(application)
        return () if known is None else known.attributes

    def task(self, call: Call, application: str | None, task_id: str) -> TaskView:
        """A task that the caller may see, at the root of any application; raises NoSuchTask."""
        view = self.tasks.get(task_id.lower(), call.principal)
        if application not in (None, view.task.plan.application):
            raise errors.NoSuchTask(f"there is no task '{task_id[:100]}' of this application")
        return view

    def word(self, error: Exception) -> Response:
        """Any error, in the envelope."""
        status = STATUSES.get(type(error), problems.status_of(error).value)
        return envelope(None, message=_message(error, status), status=status)


def envelope(data: JSON, *, message: str | None = None, status: int = 200, success: bool = True) -> Response:
    """The response object of the proposal; what has a status from 400 on has not succeeded."""
    document = {"success": success and status < 400, "message": message, "data": data}
    response = json_response(document, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def query_id(call: Call) -> str:
    """The ``id`` of the query; raises InvalidQueryParameter where there is none."""
    ids = call.arguments.get("id", ())
    if len(ids) != 1 or not ids[0]:
        raise errors.InvalidQueryParameter("the query names no task; allowed: one ?id=, the task_id")
    return ids[0]


def _message(error: Exception, status: int) -> str:
    if status == 404 and isinstance(error, HTTPException):
        return "there is no such page"
    return problems.detail_of(error)
