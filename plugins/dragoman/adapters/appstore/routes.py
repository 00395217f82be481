"""AppStore: what answers on which path, with which methods.

Every application has the paths under ``/appstore/{application}``, the default application the same ones at the root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.appstore import assets, results, tasks, website
from dragoman.adapters.appstore.surface import Surface
from dragoman.web.dispatch import BY_KEY
from dragoman.web.surface import Route, add_routes, new_blueprint

if TYPE_CHECKING:
    from flask import Blueprint, Response

    from dragoman.web.dispatch import Handler
    from dragoman.web.services import Services

ROUTES: Final[tuple[Route, ...]] = (
    ("/task", "task", {"POST": tasks.create, "GET": tasks.detail, "DELETE": tasks.remove}),
    ("/assets", "assets", {"POST": assets.add}),
    ("/result", "result", {"GET": results.result}),
    ("/status", "status", {"GET": tasks.pending}, "appstore-status"),
)
"""Paths after ``/api/v1``."""
WEBSITE: Final[tuple[Route, ...]] = (
    ("/website/<task_id>/<key>/<path:name>", "website", {"GET": website.file}, BY_KEY),
)
CLAIMED: Final = ("/appstore", "/api/v1/task", "/api/v1/assets", "/api/v1/result", "/api/v1/status")


def blueprint(services: Services) -> Blueprint:
    """The surface of every application; it brings all guards."""
    api = Surface(services)
    mounted = new_blueprint("appstore", api, CLAIMED)

    def of_one(handler: Handler) -> Handler:
        def view(application: str, **arguments: str) -> Response:
            return handler(api, api.call(application), application, **arguments)

        return view

    def of_all(handler: Handler) -> Handler:
        return lambda **arguments: handler(api, api.call(None), None, **arguments)

    add_routes(mounted, (*ROUTES,), of_one, root="/appstore/<application>/api/v1")
    add_routes(mounted, WEBSITE, of_one, root="/appstore/<application>")
    add_routes(mounted, ROUTES, of_all, root="/api/v1", endpoints="default_")
    return mounted
