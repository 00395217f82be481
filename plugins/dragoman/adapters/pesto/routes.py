"""PESTO: what answers on which path, with which methods.

Every process has the paths under ``/pesto/{processID}``, the default process the same ones at the root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.pesto import jobs, processes
from dragoman.adapters.pesto.surface import Surface
from dragoman.web.surface import Route, add_routes, new_blueprint

if TYPE_CHECKING:
    from flask import Blueprint, Response

    from dragoman.web.dispatch import Handler
    from dragoman.web.services import Services

ROUTES: Final[tuple[Route, ...]] = (
    ("/describe", "describe", {"GET": processes.describing}, "processes"),
    ("/health", "health", {"GET": processes.health}, "health"),
    ("/config", "config", {"GET": processes.config}, "processes"),
    ("/version", "version", {"GET": processes.version}, "processes"),
    ("/openapi", "openapi", {"GET": processes.openapi}, "openapi"),
    ("/metrics", "metrics", {"GET": processes.measure}),
    ("/process", "process", {"POST": processes.process}),
    ("/jobs", "jobs", {"GET": jobs.listing, "POST": processes.process}),
    ("/jobs/<job_id>", "job", {"DELETE": jobs.dismiss}),
    ("/jobs/<job_id>/status", "status", {"GET": jobs.status}),
    ("/jobs/<job_id>/results", "results", {"GET": jobs.results}),
    ("/jobs/<job_id>/results/<result_id>", "result", {"GET": jobs.result, "DELETE": jobs.forget}),
)
"""Paths after ``/api/v1``."""


def blueprint(services: Services) -> Blueprint:
    """The PESTO surface of every process; it brings all guards."""
    api = Surface(services)
    default = api.own.default_process
    mounted = new_blueprint("pesto", api, ["/pesto"] if default is None else ["/pesto", "/api/v1"])

    def of_one(handler: Handler) -> Handler:
        def view(process_id: str, **arguments: str) -> Response:
            call = api.call(process_id)
            return handler(api, call, api.contract(process_id, call.principal), **arguments)

        return view

    def of_default(handler: Handler) -> Handler:
        def view(**arguments: str) -> Response:
            call = api.call(None)
            return handler(api, call, api.contract(default or "", call.principal), **arguments)

        return view

    add_routes(mounted, ROUTES, of_one, root="/pesto/<process_id>/api/v1")
    if default is not None:
        add_routes(mounted, ROUTES, of_default, root="/api/v1", endpoints="default_")
    return mounted
