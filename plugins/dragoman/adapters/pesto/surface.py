"""What the routes share: the services, the contract of each process, the URL root that the client used."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from flask import request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from dragoman import errors
from dragoman.adapters.pesto.contract import contract_of
from dragoman.adapters.pesto.settings import settings_of
from dragoman.web import problems
from dragoman.web.auth import principal
from dragoman.web.links import client_base
from dragoman.web.responses import json_response, log_unexpected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response

    from dragoman.adapters.pesto.contract import Contract
    from dragoman.model.job import Job
    from dragoman.web.services import Services

STATUSES: Final[Mapping[type[Exception], int]] = {errors.QueueFull: 429, errors.NoSuchOutput: 404}
"""Where PESTO's clients know an error by another status than the others do."""

_JOB_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Surface:
    """The mounted PESTO surface."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.jobs = services.jobs
        self.waiters = services.waiters
        self.settings = settings_of(services.settings)
        self.prefix = ""
        """The path that the blueprint is mounted under."""
        self.contract = cache(self._contract)
        """The contract of a process by its id; raises NoSuchProcess."""

    def _contract(self, process_id: str) -> Contract:
        return contract_of(self.services.catalogue.get(process_id), self.settings.asynchronous)

    @property
    def root(self) -> str:
        """The URL before ``/api/v1``, as the client wrote it."""
        base = client_base(self.services.settings) + self.prefix
        named = (request.view_args or {}).get("process_id")
        return base if named is None else f"{base}/pesto/{named}"  # ids need no encoding: settings.py

    def job(self, contract: Contract, job_id: str) -> Job:
        """A job of this process that the client may see; raises NoSuchJob."""
        job = self.jobs.status(checked_id(job_id), principal())
        if job.process_id != contract.process.id:
            raise errors.NoSuchJob(f"there is no job '{job_id}' of this process")
        return job


def checked_id(job_id: str) -> str:
    """The id; raises NoSuchJob for what cannot be one."""
    if not _JOB_ID.fullmatch(job_id):
        raise errors.NoSuchJob(f"there is no job '{job_id[:100]}'")
    return job_id


def failed(error: Exception) -> Response:
    """Any error, in PESTO's form: ``{"detail": ...}``."""
    if isinstance(error, RequestEntityTooLarge):
        error = errors.PayloadTooLarge()
    elif isinstance(error, HTTPException) and error.response is not None:
        return error.get_response()  # type: ignore[return-value]  # a Flask response, made by Flask
    log_unexpected(error)
    status = STATUSES.get(type(error), problems.status_of(error).value)
    response = json_response({"detail": _detail(error, status)}, status)
    response.headers.update(problems.headers_of(error))
    return response


def _detail(error: Exception, status: int) -> str:
    if isinstance(error, errors.MethodNotAllowed):
        return "Method Not Allowed"
    if isinstance(error, errors.NoSuchPage) or (status == 404 and isinstance(error, HTTPException)):
        return "Not Found"
    return problems.detail_of(error)
