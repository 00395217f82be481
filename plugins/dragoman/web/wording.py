"""Who words an error. A dialect claims paths, and words every error below them, unknown ones included.

Where claims overlap the longest wins: AppStore's ``/api/v1/task`` and aeon's ``/api/v1/dataset`` stand beside a
PESTO process that claims the rest of ``/api/v1``. The empty path claims all that nobody else does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.exceptions import MethodNotAllowed as UnroutedMethod

from dragoman.errors import NoSuchPage, PayloadTooLarge
from dragoman.web.problems import WrongMethod, headers_of
from dragoman.web.responses import log_unexpected, problem_response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flask import Blueprint
    from flask.blueprints import BlueprintSetupState

type Refuse = Callable[[Exception], Response]
"""Makes the answer to an error."""

_CLAIMS: Final = "dragoman_claims"


def refusal(render: Refuse) -> Refuse:
    """Log an unexpected error, have ``render`` word it, and add the headers that belong to it."""

    def refuse(error: Exception) -> Response:
        if isinstance(error, RequestEntityTooLarge):
            error = PayloadTooLarge()
        elif isinstance(error, HTTPException) and error.response is not None:
            return error.get_response()  # type: ignore[return-value]  # a Flask response, made by Flask
        log_unexpected(error)
        response = render(error)
        response.headers.update(headers_of(error))
        return response

    return refuse


def claim(blueprint: Blueprint, paths: Iterable[str], refuse: Refuse) -> None:
    """Have ``refuse`` word the errors below these paths, each ``""`` or ``/one/more``, where nobody claims more."""

    def register(state: BlueprintSetupState) -> None:
        root = (state.url_prefix or "").rstrip("/")
        if _CLAIMS not in state.app.extensions:
            state.app.extensions[_CLAIMS] = {}
            for status in (404, 405):
                state.app.register_error_handler(status, _unrouted)
        state.app.extensions[_CLAIMS].update({root + path: refuse for path in paths})

    blueprint.record(register)


def refuse_here(error: Exception, base_url: str) -> Response:
    """An error in the words of whoever claims the current path; else as a problem document."""
    refuse = _claimant() or refusal(lambda each: problem_response(each, base_url=base_url))
    return refuse(error)


def _unrouted(error: HTTPException) -> HTTPException | Response:
    """404 and 405 of paths and methods that nobody serves; what a view of the host's raises is the host's."""
    refuse = _claimant()
    if refuse is None or error is not request.routing_exception:
        return error
    if isinstance(error, UnroutedMethod):
        return refuse(WrongMethod(request.method, _allowed() or error.valid_methods or ()))
    return refuse(NoSuchPage())


def _allowed() -> list[str]:
    """The methods of the current path that its view serves: our rules take more, to refuse them in our words."""
    adapter = current_app.create_url_adapter(request)
    try:
        endpoint = adapter.match(method="OPTIONS")[0] if adapter is not None else ""
    except HTTPException:
        return []
    return list(getattr(current_app.view_functions.get(endpoint), "allowed", ()))


def _claimant() -> Refuse | None:
    claims: Mapping[str, Refuse] = current_app.extensions.get(_CLAIMS, {})
    path = request.path.rstrip("/")
    while path and path not in claims:
        path = path.rpartition("/")[0]
    return claims.get(path)
