"""Whether the server lives and whether it is ready for work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response

from dragoman.jobs.path_redaction import hide_paths
from dragoman.web import wording
from dragoman.web.dispatch import add_rule, dispatcher
from dragoman.web.responses import json_response, problem_response

if TYPE_CHECKING:
    from dragoman.packages.catalogue import Catalogue
    from dragoman.web.services import Services


ISSUER_AWAY: Final = "issuer: the identity provider could not be asked; tokens that are not known get 503"


def blueprint(services: Services) -> Blueprint:
    """``/livez`` (200 while the process answers) and ``/readyz`` (503 and why, while it takes no jobs).

    Told as well, and no reason to refuse: packages that are broken, and that the issuer of tokens is away, for public
    paths and known tokens are served.
    """

    def livez() -> Response:
        return json_response({"status": "ok"})

    def readyz() -> Response:
        reasons = services.jobs.ready(services.settings.limits.min_free_disk)
        told = _broken(services.catalogue.current)
        away = [ISSUER_AWAY] if services.issuer_away() else []
        if warnings := [*away, *(services.jobs.warnings() if not reasons else ())]:
            told["warnings"] = warnings
        if not reasons:
            return json_response({"status": "ok", **told})
        response = json_response({"status": "unavailable", "reasons": reasons, **told}, 503)
        response.headers["Retry-After"] = "5"
        return response

    health = Blueprint("dragoman_health", __name__)
    add_rule(health, "/livez", "livez", dispatcher({"GET": livez}), public="health")
    add_rule(health, "/readyz", "readyz", dispatcher({"GET": readyz}), public="health")
    refuse = wording.refusal(lambda error: problem_response(error, pages_too=False))
    wording.claim(health, ("/livez", "/readyz"), refuse)
    health.register_error_handler(Exception, refuse)
    return health


def _broken(catalogue: Catalogue) -> dict[str, list[str]]:
    """What is wrong with packages, a line each; no member where nothing is."""
    lines = [f"{each.id} is not served: {each.detail}" for each in catalogue.problems]
    lines += [f"{each.id} is served as it was before: {each.detail}" for each in catalogue.kept]
    return {"packages": [hide_paths(line) for line in lines]} if lines else {}
