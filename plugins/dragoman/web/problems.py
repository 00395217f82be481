"""The one table from errors to HTTP statuses, and problem documents (RFC 7807).

Each dialect words its own error bodies; none has a table of its own.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import HTTPException

from dragoman import errors
from dragoman.web.bearer import challenge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dragoman.model.process import JSON

STATUSES: Final[Mapping[type[errors.DragomanError], HTTPStatus]] = {
    errors.DragomanError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.RequestError: HTTPStatus.BAD_REQUEST,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.RangeNotSatisfiable: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    errors.PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    errors.MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.IdempotencyConflict: HTTPStatus.CONFLICT,
    errors.TaskConflict: HTTPStatus.CONFLICT,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.NoSuchOutput: HTTPStatus.BAD_REQUEST,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.IllegalTransition: HTTPStatus.CONFLICT,
    errors.ExecutionError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.DatasetError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.DatasetFieldError: HTTPStatus.BAD_REQUEST,
}
"""The most specific class of an error that is a key decides."""

OPERATORS: Final = (errors.SettingsError, errors.PackageError)
"""Errors whose detail is for the operator alone."""

UNEXPECTED: Final = "The server met an unexpected error, which has been logged."
"""All that a client is told of an error that nobody raised on purpose."""


class RangeOutside(errors.RangeNotSatisfiable):
    """The byte range lies outside the result.

    ``size`` is that of the whole, in bytes.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"the range lies outside the result, which has {size} bytes")


class CodedBody(errors.UnsupportedMediaType):
    """The body has a content coding, which none may have."""


class WrongMethod(errors.MethodNotAllowed):
    """The method is not allowed here.

    ``allowed`` are the methods that are, for the header Allow.
    """

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        self.allowed = ", ".join(sorted(allowed))
        super().__init__(f"{method} is not allowed here; allowed: {self.allowed}")


def status_of(error: BaseException) -> HTTPStatus:
    """The HTTP status of any error; 500 for what is not one of ours."""
    if isinstance(error, HTTPException):
        return HTTPStatus(error.code or 500)
    for cls in type(error).__mro__:
        if cls in STATUSES:
            return STATUSES[cls]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def expected(error: BaseException) -> bool:
    """Whether the error is part of a contract, so that its detail may be shown and no traceback is due."""
    if isinstance(error, HTTPException):
        return True
    return isinstance(error, errors.DragomanError) and not isinstance(error, OPERATORS)


def detail_of(error: BaseException) -> str:
    """What a client is told: never a traceback, never what was not written for it."""
    if isinstance(error, HTTPException):
        return error.description or status_of(error).phrase
    if isinstance(error, errors.DragomanError) and expected(error):
        return error.detail
    return UNEXPECTED


def headers_of(error: BaseException) -> dict[str, str]:
    """The headers that belong to the error's status."""
    if isinstance(error, errors.Unavailable):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, RangeOutside):
        return {"Content-Range": f"bytes */{error.size}"}
    if isinstance(error, errors.RequestError) and (how := challenge(error)) is not None:
        return {"WWW-Authenticate": how}
    if isinstance(error, CodedBody):
        return {"Accept-Encoding": "identity"}  # RFC 9110, 12.5.3: so that it is not taken for the type
    if isinstance(error, WrongMethod):
        return {"Allow": error.allowed}
    return {}


def problem(error: BaseException, *, type: str = "about:blank", instance: str = "") -> dict[str, JSON]:
    """A problem document. ``type`` is the dialect's URI for the error, ``instance`` the request's path.

    Beyond RFC 7807: ``code``, the stable code of one of our errors, and ``invalid-params``, each
    wrong input with its reason.
    """
    status = status_of(error)
    document: dict[str, JSON] = {
        "type": type,
        "title": status.phrase if type == "about:blank" else _title(error),
        "status": status.value,
        "detail": detail_of(error),
    }
    if instance:
        document["instance"] = instance
    if isinstance(error, errors.DragomanError) and expected(error):
        document["code"] = error.code
    if isinstance(error, errors.InvalidInputs):
        document["invalid-params"] = [
            {"name": wrong.input_id, "reason": wrong.message} for wrong in error.problems
        ]
    return document


def _title(error: BaseException) -> str:
    """The first line of the error's class, as a title."""
    return (type(error).__doc__ or "").split("\n", 1)[0].rstrip(".") or status_of(error).phrase
