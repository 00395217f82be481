"""The paths of ncdjango's jobs, and the form of their errors: that of Django REST framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.web import problems
from dragoman.web.responses import data_response, sorted_json

if TYPE_CHECKING:
    from flask import Response

    from dragoman.web.services import Services
    from dragoman.web.surface import Route

JOBS: Final = "/geoprocessing/rest"
"""The root below which errors are worded as those of jobs."""


def job_routes(_services: Services) -> tuple[Route, ...]:
    """None yet."""
    return ()


def job_error(error: Exception) -> Response:
    """Any error: ``{"detail": "..."}``."""
    status = problems.status_of(error).value
    return data_response(sorted_json({"detail": problems.detail_of(error)}), "application/json", status)
