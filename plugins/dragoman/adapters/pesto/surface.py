"""What the handlers share: the services, the contract of each process, the words for an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import HTTPException

from dragoman import errors
from dragoman.adapters.pesto.contract import contract_of
from dragoman.adapters.pesto.settings import settings_of
from dragoman.web import problems
from dragoman.web.call import Call, current_call
from dragoman.web.links import client_base
from dragoman.web.responses import json_response
from dragoman.web.surface import Surface as MountedSurface

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response

    from dragoman.adapters.pesto.contract import Contract
    from dragoman.model.job import Job
    from dragoman.model.principal import Principal
    from dragoman.web.services import Services

STATUSES: Final[Mapping[type[Exception], int]] = {errors.QueueFull: 429, errors.NoSuchOutput: 404}
"""Where PESTO's clients know an error by another status than the others do."""


class Surface(MountedSurface):
    """The mounted PESTO surface."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.own = settings_of(services.settings)
        """The dialect's own settings."""
        self._contracts: dict[str, Contract] = {}

    def contract(self, process_id: str, principal: Principal) -> Contract:
        """The contract of a process; raises NoSuchProcess."""
        process = self.services.catalogue.visible_to(principal).get(process_id)
        contract = self._contracts.get(process_id)
        if contract is None or contract.process is not process:  # or its package has changed
            contract = self._contracts[process_id] = contract_of(process, self.own.asynchronous)
        return contract

    def call(self, process_id: str | None) -> Call:
        """The call of the current request, at the root or of one process; its base is as the client wrote it."""
        base = client_base(self.settings) + self.prefix
        return current_call(base if process_id is None else f"{base}/pesto/{process_id}")

    def job(self, call: Call, contract: Contract, job_id: str) -> Job:
        """A job of this process that the client may see; raises NoSuchJob."""
        job = self.jobs.status(job_id, call.principal)
        if job.process_id != contract.process.id:
            raise errors.NoSuchJob(f"there is no job '{job_id}' of this process")
        return job

    def word(self, error: Exception) -> Response:
        """Any error, in PESTO's form: ``{"detail": ...}``."""
        status = STATUSES.get(type(error), problems.status_of(error).value)
        return json_response({"detail": _detail(error, status)}, status)


def _detail(error: Exception, status: int) -> str:
    if isinstance(error, errors.MethodNotAllowed):
        return "Method Not Allowed"
    if isinstance(error, errors.NoSuchPage) or (status == 404 and isinstance(error, HTTPException)):
        return "Not Found"
    return problems.detail_of(error)
