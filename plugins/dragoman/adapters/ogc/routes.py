"""OGC API - Processes, Part 1: what answers on which path, with which methods.

Each path answers every method: what it does not know gets 405 with Allow, so that nothing falls through to
the host's own handlers on the same paths.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from dragoman import errors
from dragoman.adapters.ogc import describe, jobs, processes, results
from dragoman.adapters.ogc.openapi.document import document
from dragoman.adapters.ogc.surface import Surface
from dragoman.web import guards
from dragoman.web.dispatch import Handler, add_rule, dispatcher, word_unrouted
from dragoman.web.links import Link, link, url
from dragoman.web.responses import json_response, problem_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.blueprints import BlueprintSetupState

    from dragoman.model.process import JSON
    from dragoman.web.services import Services

ROUTES: Final[tuple[tuple[str, str, Mapping[str, Handler]], ...]] = (
    ("/processes", "processes", {"GET": processes.listing}),
    ("/processes/<process_id>", "process", {"GET": processes.detail}),
    ("/processes/<process_id>/execution", "execution", {"POST": processes.execute}),
    ("/jobs", "jobs", {"GET": jobs.listing}),
    ("/jobs/<job_id>", "job", {"GET": jobs.status, "DELETE": jobs.dismiss}),
    ("/jobs/<job_id>/results", "results", {"GET": results.of_job}),
    ("/jobs/<job_id>/results/<output_id>", "output", {"GET": results.of_output}),
    ("/jobs/<job_id>/results/<output_id>/<int:index>", "item", {"GET": results.of_item}),
)
"""Path, name of the endpoint, and the handler of each method."""


def blueprint(services: Services) -> Blueprint:
    """The OGC surface, to be registered before the host's own routes; it brings all guards."""
    made = Blueprint("dragoman_ogc", __name__)
    api = Surface(services)
    made.record(lambda state: _mounted(api, state))
    guards.install(made, services.settings)
    made.register_error_handler(Exception, lambda error: _failed(api, error))
    word_unrouted(made, lambda error: problem_response(error, base_url=api.base))
    own: tuple[tuple[str, str, Mapping[str, Handler]], ...] = (
        ("/", "landing", {"GET": landing}),
        ("/conformance", "conformance", {"GET": conformance}),
        ("/openapi", "openapi", {"GET": openapi}),
        ("/api", "api", {"GET": openapi}),
    )
    for path, name, handlers in (*own, *ROUTES):
        add_rule(made, path, name, _dispatcher(api, handlers))
    for path, name in (("/processes/<path:rest>", "processes_rest"), ("/jobs/<path:rest>", "jobs_rest")):
        add_rule(made, path, name, _no_such_page)
    return made


def landing(api: Surface) -> Response:
    """GET /: where everything is."""
    more: list[Link] = []
    resources = (api.settings.raw.get("resources") or {}).values()
    if any(isinstance(item, dict) and item.get("type") == "collection" for item in resources):
        more.append(link(url(api.base, "collections"), "data", title="Collections"))
    services = api.services
    document = describe.landing(services.title, services.description, api.base, more, form=api.form())
    return api.answer("landing", document, title=services.title)


def conformance(api: Surface) -> Response:
    """GET /conformance."""
    links = api.links(url(api.base, "conformance"))
    return api.answer(
        "conformance",
        describe.conformance(api.services.host.conformance),
        title="Conformance classes",
        links=links,
    )


def openapi(api: Surface) -> Response:
    """GET /openapi, GET /api: the definition of this very server."""
    definition = _definition(api.services, api.base)
    if api.form() == "json":
        return json_response(definition, media_type=describe.OPENAPI)
    return api.answer("openapi", definition, title="The API", links=api.links(url(api.base, "openapi")))


def _definition(services: Services, base: str) -> dict[str, JSON]:
    return document(
        services.catalogue,
        server_url=base,
        title=services.title,
        description=services.description,
        extra=services.host.paths(),
    )


def _dispatcher(api: Surface, handlers: Mapping[str, Handler]) -> Handler:
    """A view that calls the handler of the request's method with the surface."""
    bound = {method: partial(handler, api) for method, handler in handlers.items()}
    return dispatcher(bound, lambda error: problem_response(error, base_url=api.base))


def _no_such_page(rest: str) -> Response:
    raise errors.NoSuchPage


def _failed(api: Surface, error: Exception) -> Response:
    """Any error of our own routes as a problem document."""
    if isinstance(error, RequestEntityTooLarge):
        error = errors.PayloadTooLarge()
    elif isinstance(error, HTTPException) and error.response is not None:
        return error.get_response()  # type: ignore[return-value]  # a Flask response, made by Flask
    return problem_response(error, type=describe.exception_type(error), base_url=api.base)


def _mounted(api: Surface, state: BlueprintSetupState) -> None:
    api.prefix = (state.url_prefix or "").rstrip("/")
