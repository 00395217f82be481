"""aeon: what answers on which path, with which methods.

The real service has ``/api/v1/dataset``, its documentation ``/v1/dataset``: both are served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import request

from dragoman.adapters.aeon import sessions
from dragoman.adapters.aeon.surface import Surface
from dragoman.web.problems import WrongMethod
from dragoman.web.surface import Route, add_routes, new_blueprint

if TYPE_CHECKING:
    from flask import Blueprint, Response

    from dragoman.web.dispatch import Handler
    from dragoman.web.services import Services

ROOTS: Final = ("/api/v1/dataset", "/v1/dataset")
ROUTES: Final[tuple[Route, ...]] = (
    ("", "datasets", {"POST": sessions.create}),
    ("/<session_id>", "dataset", {"GET": sessions.state, "DELETE": sessions.remove}),
    ("/<session_id>/names_and_shapes", "names_and_shapes", {"GET": sessions.names_and_shapes}),
    ("/<session_id>/batch_size", "batch_size", {"GET": sessions.batch_size}),
    ("/<session_id>/batch_count", "batch_count", {"GET": sessions.batch_count}),
    ("/<session_id>/record_count", "record_count", {"GET": sessions.record_count}),
    ("/<session_id>/reset", "reset", {"GET": sessions.reset, "POST": sessions.reset}),
    ("/<session_id>/next", "next", {"GET": sessions.next_batch, "POST": sessions.next_batch}),
)
"""Paths after each root."""
HEALTH: Final[tuple[Route, ...]] = (
    ("/health", "health", {"GET": sessions.health}, "health"),
    ("/health/<path:_rest>", "health_below", {"GET": sessions.health}, "health"),
)


ACTING: Final = (sessions.next_batch, sessions.reset)
"""Their GET changes something, so a HEAD must not be a GET whose body is dropped."""


def blueprint(services: Services) -> Blueprint:
    """The surface of dataset sessions; it brings all guards."""
    api = Surface(services)
    mounted = new_blueprint("aeon", api, [*ROOTS, "/health"])

    def bind(handler: Handler) -> Handler:
        def view(**arguments: str) -> Response:
            if request.method == "HEAD" and handler in ACTING:
                raise WrongMethod("HEAD", ("GET", "POST"))
            return handler(api, api.call(), **arguments)

        return view

    for number, root in enumerate(ROOTS):
        add_routes(mounted, ROUTES, bind, root=root, endpoints=f"root{number}_")
    add_routes(mounted, HEALTH, bind)
    return mounted
