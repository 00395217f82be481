"""PESTO: what answers on which path, with which methods.

Every process has the paths under ``/pesto/{processID}``, the default process the same ones at the root.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response

from dragoman.adapters.pesto import jobs, processes
from dragoman.adapters.pesto.surface import Surface, failed
from dragoman.errors import NoSuchPage
from dragoman.web import guards
from dragoman.web.dispatch import Handler, add_rule, dispatcher

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.blueprints import BlueprintSetupState

    from dragoman.web.services import Services

ROUTES: Final[tuple[tuple[str, str, Mapping[str, Handler]], ...]] = (
    ("/describe", "describe", {"GET": processes.describing}),
    ("/health", "health", {"GET": processes.health}),
    ("/config", "config", {"GET": processes.config}),
    ("/version", "version", {"GET": processes.version}),
    ("/openapi", "openapi", {"GET": processes.openapi}),
    ("/metrics", "metrics", {"GET": processes.measure}),
    ("/process", "process", {"POST": processes.process}),
    ("/jobs", "jobs", {"GET": jobs.listing, "POST": processes.process}),
    ("/jobs/<job_id>", "job", {"DELETE": jobs.dismiss}),
    ("/jobs/<job_id>/status", "status", {"GET": jobs.status}),
    ("/jobs/<job_id>/results", "results", {"GET": jobs.results}),
    ("/jobs/<job_id>/results/<result_id>", "result", {"GET": jobs.result, "DELETE": jobs.forget}),
)
"""Path after ``/api/v1``, name of the endpoint, and the handler of each method."""


def blueprint(services: Services) -> Blueprint:
    """The PESTO surface of every process; it brings all guards."""
    made = Blueprint("dragoman_pesto", __name__)
    api = Surface(services)
    made.record(lambda state: _mounted(api, state))
    guards.install(made, services.settings)
    guards.worded_by(made, failed)
    made.register_error_handler(Exception, failed)
    _add_all(made, api, "/pesto/<process_id>", "", None)
    add_rule(made, "/pesto/<path:rest>", "rest", _no_such_page)
    if api.settings.default_process is not None:
        _add_all(made, api, "", "default_", api.settings.default_process)
    return made


def _add_all(made: Blueprint, api: Surface, root: str, prefix: str, fixed: str | None) -> None:
    """The paths of one process, ``fixed`` or named by the path."""
    for path, name, handlers in ROUTES:
        bound = {method: partial(_call, handler, api, fixed) for method, handler in handlers.items()}
        add_rule(made, f"{root}/api/v1{path}", prefix + name, dispatcher(bound, failed))
    add_rule(made, f"{root}/api/v1/<path:rest>", f"{prefix}rest_of_process", _no_such_page)


def _call(
    handler: Handler, api: Surface, fixed: str | None, process_id: str = "", **arguments: str
) -> Response:
    return handler(api, api.contract(process_id if fixed is None else fixed), **arguments)


def _no_such_page(rest: str, process_id: str = "") -> Response:
    raise NoSuchPage


def _mounted(api: Surface, state: BlueprintSetupState) -> None:
    api.prefix = (state.url_prefix or "").rstrip("/")
