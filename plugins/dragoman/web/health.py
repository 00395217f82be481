"""Whether the server lives and whether it is ready for work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from dragoman.web.responses import json_response

if TYPE_CHECKING:
    from dragoman.web.services import Services


def blueprint(services: Services) -> Blueprint:
    """``/livez`` (200 while the process answers) and ``/readyz`` (503 and why, while it takes no jobs)."""
    health = Blueprint("dragoman_health", __name__)

    @health.get("/livez", strict_slashes=False)
    def livez() -> Response:
        return json_response({"status": "ok"})

    @health.get("/readyz", strict_slashes=False)
    def readyz() -> Response:
        reasons = services.jobs.ready(services.settings.limits.min_free_disk)
        if not reasons:
            return json_response({"status": "ok"})
        response = json_response({"status": "unavailable", "reasons": reasons}, 503)
        response.headers["Retry-After"] = "5"
        return response

    return health
