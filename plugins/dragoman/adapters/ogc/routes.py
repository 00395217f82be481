"""OGC API - Processes, Part 1: what answers on which path, with which methods.

Each path answers every method: what it does not know gets 405 with Allow, so that nothing falls through to
the host's own handlers on the same paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.ogc import describe, jobs, processes, results, stubs
from dragoman.adapters.ogc.habits import STANDARD
from dragoman.adapters.ogc.openapi.document import document
from dragoman.adapters.ogc.surface import Surface, links_of
from dragoman.errors import NoSuchPage
from dragoman.openapi.security import security_of
from dragoman.web.dispatch import Handler, add_rule
from dragoman.web.links import Link, link, url
from dragoman.web.responses import json_response
from dragoman.web.surface import Route, add_routes, new_blueprint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Blueprint, Response

    from dragoman.adapters.ogc.habits import Habits
    from dragoman.model.process import JSON
    from dragoman.web.call import Call
    from dragoman.web.services import Services


def landing(api: Surface, call: Call) -> Response:
    """GET /: where everything is."""
    more: list[Link] = []
    resources = (api.settings.raw.get("resources") or {}).values()
    if any(isinstance(item, dict) and item.get("type") == "collection" for item in resources):
        more.append(link(url(call.base, "collections"), "data", title="Collections"))
    services = api.services
    document = describe.landing(services.title, services.description, call.base, more, form=call.form)
    return api.answer(call, "landing", document, title=services.title)


def conformance(api: Surface, call: Call) -> Response:
    """GET /conformance."""
    links = links_of(call, url(call.base, "conformance"))
    return api.answer(
        call,
        "conformance",
        describe.conformance(api.services.host.conformance),
        title="Conformance classes",
        links=links,
    )


def openapi(api: Surface, call: Call) -> Response:
    """GET /openapi, GET /api: the definition of this very server."""
    definition = _definition(api, call)
    if call.form == "json":
        return json_response(definition, media_type=describe.OPENAPI)
    return api.answer(
        call, "openapi", definition, title="The API", links=links_of(call, url(call.base, "openapi"))
    )


def _definition(api: Surface, call: Call) -> dict[str, JSON]:
    services = api.services
    own = document(
        services.catalogue.visible_to(call.principal),
        server_url=call.base,
        title=services.title,
        description=services.description,
        extra=None if api.habits.prefix else services.host.paths(),
        security=security_of(services.settings.auth),
    )
    return api.habits.api_document(own)


def _no_such_page(rest: str) -> Response:
    raise NoSuchPage


ROUTES: Final[tuple[Route, ...]] = (
    ("/", "landing", {"GET": landing}, "landing"),
    ("/conformance", "conformance", {"GET": conformance}, "conformance"),
    ("/openapi", "openapi", {"GET": openapi}, "openapi"),
    ("/api", "api", {"GET": openapi}, "openapi"),
    ("/processes", "processes", {"GET": processes.listing}, "processes"),
    ("/processes/<process_id>", "process", {"GET": processes.detail}, "processes"),
    ("/processes/<process_id>/stubs", "stubs", {"GET": stubs.of_process}, "processes"),
    ("/processes/<process_id>/stubs/<language>", "stub", {"GET": stubs.process_stub}, "processes"),
    ("/processes/<process_id>/execution", "execution", {"POST": processes.execute}),
    ("/jobs", "jobs", {"GET": jobs.listing}),
    ("/jobs/<job_id>", "job", {"GET": jobs.status, "DELETE": jobs.dismiss}),
    ("/jobs/<job_id>/stubs", "job_stubs", {"GET": stubs.of_job}),
    ("/jobs/<job_id>/stubs/<language>", "job_stub", {"GET": stubs.job_stub}),
    ("/jobs/<job_id>/results", "results", {"GET": results.of_job}),
    ("/jobs/<job_id>/results/<output_id>", "output", {"GET": results.of_output}),
    ("/jobs/<job_id>/results/<output_id>/<int:index>", "item", {"GET": results.of_item}),
)


def blueprint(services: Services, habits: Habits = STANDARD) -> Blueprint:
    """The OGC resources with these habits, to be registered before the host's own routes; it brings all guards.

    It may be mounted again, under another name and prefix.
    """
    api = Surface(services, habits)
    mounted = new_blueprint(habits.name, api, [habits.prefix])
    serve(mounted, api, ROUTES, ("processes", "jobs"))
    return mounted


def serve(
    mounted: Blueprint, api: Surface, routes: Iterable[Route], parts: Iterable[str], *, endpoints: str = ""
) -> None:
    """Add routes below the prefix of the surface's habits; whatever else lies below ``parts`` is no such page."""
    prefix = api.habits.prefix

    def bind(handler: Handler) -> Handler:
        return lambda **arguments: handler(api, api.call(), **arguments)

    add_routes(mounted, routes, bind, root=prefix, endpoints=endpoints)
    for part in parts:
        add_rule(mounted, f"{prefix}/{part}/<path:rest>", f"{endpoints}{part}_rest", _no_such_page)
