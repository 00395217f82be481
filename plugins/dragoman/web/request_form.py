"""The body of a request that may be a form: its members, whether they came as JSON, urlencoded or multipart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from dragoman.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from dragoman.web.problems import CodedBody
from dragoman.web.request_body import body_bytes, parse_json

if TYPE_CHECKING:
    from dragoman.model.process import JSON

FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
MOST_FIELDS: Final = 1000


class NotJsonBody(InvalidRequest):
    """The body says that it is JSON, and is not."""


def body_members() -> JSON:
    """The fields of a form, each with its last value, or the JSON value that the body is.

    Raises UnsupportedMediaType for another type, PayloadTooLarge, NotJsonBody, and InvalidRequest for what does not
    come whole. A field may be as long as a body may be.
    """
    if request.mimetype not in FORMS:
        data = body_bytes(any_type=request.mimetype == "")
        try:
            return parse_json(data)
        except InvalidRequest as error:
            raise NotJsonBody(error.detail) from error
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
        raise CodedBody("the body has a content coding; allowed: none")
    request.max_form_memory_size = request.max_content_length  # Flask's own limit is 500 kB for a field
    request.max_form_parts = MOST_FIELDS
    try:
        return {name: values[-1] for name, values in request.form.lists()}
    except RequestEntityTooLarge as error:
        raise PayloadTooLarge from error
    except UnsupportedMediaType:
        raise
    except Exception as error:  # each web server has classes of its own for bodies that break off
        raise InvalidRequest("the form cannot be read to its end") from error
