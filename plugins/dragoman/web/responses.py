"""Answers: JSON in its declared order, pages, problems, bytes. What sends files is ``file_responses``."""

from __future__ import annotations

import json
import logging
import math
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from flask import Response, request

from dragoman.errors import InvalidQueryParameter, Unauthorized
from dragoman.web import problems
from dragoman.web.embedded_files import length_of, split_document, stream
from dragoman.web.html import pages
from dragoman.web.negotiation import form_of, wants_html, wants_plain_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.model.process import JSON

log = logging.getLogger(__name__)

_ACTIVE: Final = frozenset({"text/html", "text/xml", "text/xsl", "application/xml"})
"""Media types, besides any ``+xml``, in which a result could bring a script; a browser is told to run none."""


def json_bytes(document: JSON) -> bytes:
    """Compact UTF-8 JSON in the members' own order; NaN and infinities become null."""
    return _dump(document, sort=False)


def sorted_json(document: JSON) -> bytes:
    """The same with the members of every object sorted."""
    return _dump(document, sort=True)


def _dump(document: JSON, *, sort: bool, default: Callable[[object], str] | None = None) -> bytes:
    def dumped(document: JSON) -> str:
        return json.dumps(
            document,
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
            sort_keys=sort,
            default=default,
        )

    try:
        text = dumped(document)
    except ValueError:
        text = dumped(finite(document))
    return text.encode("utf-8", errors="replace")


def finite(value: JSON) -> JSON:
    """The same with null for every number that JSON has no word for."""
    if isinstance(value, dict):
        return {name: finite(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [finite(member) for member in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_response(document: JSON, status: int = 200, *, media_type: str = "application/json") -> Response:
    """A JSON answer; files that the document holds (``Base64File``) are read while it is sent."""
    pieces = split_document(
        document, lambda whole, placeholder: _dump(whole, sort=False, default=placeholder)
    )
    first = pieces[0]
    if len(pieces) == 1 and isinstance(first, bytes):
        return data_response(first, media_type, status)
    response = data_response(b"", media_type, status)
    response.response = stream(pieces)
    response.content_length = length_of(pieces)
    return response


def html_response(text: str, status: int = 200) -> Response:
    """A page; no other site may frame it."""
    response = data_response(text.encode("utf-8", errors="replace"), "text/html; charset=utf-8", status)
    response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
    return response


def data_response(data: bytes, media_type: str, status: int = 200) -> Response:
    """Bytes in memory; never stored by a cache without asking, since states of jobs change."""
    response = Response(data, status, content_type=media_type)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-cache"
    response.headers.add("Vary", "Accept")
    return response


def empty_response() -> Response:
    """204."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def log_unexpected(error: BaseException) -> None:
    """Log what nobody raised on purpose, whatever the client is told of it."""
    if not problems.expected(error):
        extra = {"action": "request"}
        log.error("unexpected error at %s %s", request.method, request.path, exc_info=error, extra=extra)


def problem_response(
    error: BaseException, *, type: str = "about:blank", base_url: str = "", pages_too: bool = True
) -> Response:
    """A problem document, or its page where the request asks for one; without ``pages_too`` Accept changes nothing."""
    document = problems.problem(error, type=type, instance=quote(request.path, safe="/"))
    accept = request.headers.get("Accept", "")
    if pages_too and _asks_for_page(accept):
        hints = error.hints if isinstance(error, Unauthorized) else ()
        text = pages.render(
            "problem", title=document["title"], data=document, links=[], base_url=base_url, hints=hints
        )
        return html_response(text, document["status"])
    media_type = "application/json" if pages_too and wants_plain_json(accept) else "application/problem+json"
    return json_response(document, document["status"], media_type=media_type)


def _asks_for_page(accept: str) -> bool:
    try:
        return form_of(request.args.get("f"), accept) == "html"
    except InvalidQueryParameter:
        return wants_html(accept)


def harden(response: Response) -> None:
    """Keep a browser from guessing the type of a result, and from running what is in it."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    mimetype = (response.mimetype or "").lower()
    if mimetype in _ACTIVE or mimetype.endswith(
        "+xml"
    ):  # a browser renders XML of any name, scripts included
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
