"""Errors of jobs in the form of Django REST framework: ``{"detail": ...}``, or each field with its messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from dragoman import errors
from dragoman.adapters.ncdjango.field_errors import FieldErrors
from dragoman.web import problems
from dragoman.web.request_form import NotJsonBody
from dragoman.web.responses import data_response, json_bytes

if TYPE_CHECKING:
    from flask import Response

    from dragoman.model.process import JSON


def job_error(error: Exception) -> Response:
    """Any error below the paths of jobs."""
    status = problems.status_of(error).value
    return data_response(json_bytes(_body(error, status)), "application/json", status)


def _body(error: Exception, status: int) -> dict[str, JSON]:
    if isinstance(error, FieldErrors):
        return {name: list(messages) for name, messages in error.fields.items()}
    if isinstance(error, errors.InvalidInputs):
        return {"inputs": [f"{each.input_id}: {each.message}" for each in error.problems]}
    return {"detail": _detail(error, status)}


def _detail(error: Exception, status: int) -> str:
    if isinstance(error, errors.NoSuchJob):
        return "No ProcessingJob matches the given query."
    if isinstance(error, errors.MethodNotAllowed):
        return f'Method "{request.method}" not allowed.'
    if isinstance(error, errors.UnsupportedMediaType) and not isinstance(error, problems.CodedBody):
        return f'Unsupported media type "{request.mimetype[:100]}" in request.'
    if isinstance(error, NotJsonBody):
        return f"JSON parse error - {error.detail.removeprefix('the body is not JSON: ')}"
    if status == 404:
        return "Not found."
    return problems.detail_of(error)
