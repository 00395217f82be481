"""One view for all methods of a path: what it does not know gets 405 with Allow, in the dialect's own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flask import Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as NoSuchMethod

from dragoman.errors import MethodNotAllowed, NoSuchPage
from dragoman.web.responses import empty_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from flask.blueprints import BlueprintSetupState

type Handler = Callable[..., Response]
type Refuse = Callable[[Exception], Response]
"""Words an error."""

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def add_rule(made: Blueprint, path: str, name: str, view: Handler) -> None:
    """Answer every method of a path, with and without a slash at its end, so that nothing falls through."""
    made.add_url_rule(
        path, name, view, methods=METHODS, strict_slashes=False, provide_automatic_options=False
    )


def dispatcher(handlers: Mapping[str, Handler], refuse: Refuse) -> Handler:
    """A view that calls the handler of the request's method; HEAD is that of GET."""
    known = {**handlers, **({"HEAD": handlers["GET"]} if "GET" in handlers else {})}
    allow = ", ".join(sorted({*known, "OPTIONS"}))

    def view(**arguments: str) -> Response:
        handler = known.get(request.method)
        if handler is not None:
            return handler(**arguments)
        if request.method != "OPTIONS":
            return _not_allowed(allow, refuse)
        response = empty_response()
        response.headers["Allow"] = allow
        return response

    return view


def word_unrouted(made: Blueprint, refuse: Refuse) -> None:
    """Have the dialect word 404 and 405 of paths and methods that nobody serves, below the blueprint's prefix.

    What a view of the host raises by itself is the host's to word.
    """

    def register(state: BlueprintSetupState) -> None:
        prefix = (state.url_prefix or "").rstrip("/") + "/"

        def answer(error: HTTPException) -> HTTPException | Response:
            if error is not request.routing_exception or not request.path.startswith(prefix):
                return error
            if isinstance(error, NoSuchMethod):
                return _not_allowed(", ".join(sorted(error.valid_methods or ())), refuse)
            return refuse(NoSuchPage())

        for status in (404, 405):
            state.app.register_error_handler(status, answer)

    made.record(register)


def _not_allowed(allow: str, refuse: Refuse) -> Response:
    response = refuse(MethodNotAllowed(f"{request.method} is not allowed here; allowed: {allow}"))
    response.headers["Allow"] = allow
    return response
