"""What aeon's handlers share: the sessions, and the form of every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException

from dragoman import errors
from dragoman.web import problems
from dragoman.web.call import Call, current_call
from dragoman.web.links import client_base
from dragoman.web.responses import data_response, sorted_json
from dragoman.web.surface import Surface as MountedSurface

if TYPE_CHECKING:
    from flask import Response

    from dragoman.jobs.dataset_service import DatasetService
    from dragoman.model.process import JSON

NOT_FOUND = "not found"
"""What the real service says of everything that is not there."""


class Surface(MountedSurface):
    """The mounted aeon surface."""

    @property
    def sessions(self) -> DatasetService:
        """The sessions; raises NoSuchPage on a server that keeps none."""
        if self.services.datasets is None:
            raise errors.NoSuchPage
        return self.services.datasets

    def call(self) -> Call:
        """The call of the current request."""
        return current_call(client_base(self.settings) + self.prefix)

    def word(self, error: Exception) -> Response:
        """Any error, in aeon's form: ``{"status": {"type": "FAILURE", "description": ...}}``."""
        status = problems.status_of(error).value
        return answer("FAILURE", description=_description(error, status), status=status)


def answer(kind: str, *, data: JSON = None, description: str = "", status: int = 200) -> Response:
    """An answer in JSON: members in the order of the alphabet, without blanks, as the real service writes them."""
    word = {"type": kind, **({"description": description} if description else {})}
    document = {"status": word} if data is None else {"data": data, "status": word}
    response = data_response(sorted_json(document), "application/json", status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _description(error: Exception, status: int) -> str:
    if isinstance(error, errors.NotFound) or (status == 404 and isinstance(error, HTTPException)):
        return NOT_FOUND
    return problems.detail_of(error)
