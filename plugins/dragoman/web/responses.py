"""Answers: JSON in its declared order, pages, problems, files with byte ranges, multipart/related."""

from __future__ import annotations

import json
import logging
import math
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from flask import Response, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import is_resource_modified, parse_date, parse_etags, parse_range_header

from dragoman.errors import InvalidQueryParameter, PreconditionFailed, ResultNotAvailable
from dragoman.web import problems
from dragoman.web.html import pages
from dragoman.web.negotiation import form_of, wants_html, wants_plain_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from dragoman.model.process import JSON

log = logging.getLogger(__name__)

CHUNK: Final = 256 * 1024
"""Bytes of a file that are in memory at once."""

_ACTIVE: Final = frozenset({"text/html", "text/xml", "text/xsl", "application/xml"})
"""Media types, besides any ``+xml``, in which a result could bring a script; a browser is told to run none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a multipart answer."""

    id: str
    media_type: str
    content: bytes | Path = b""
    location: str | None = None
    """Where the content is to be fetched, if it is not here."""


def json_bytes(document: JSON) -> bytes:
    """Compact UTF-8 JSON in the members' own order; NaN and infinities become null."""
    return _dump(document, sort=False)


def sorted_json(document: JSON) -> bytes:
    """The same with the members of every object sorted."""
    return _dump(document, sort=True)


def _dump(document: JSON, *, sort: bool) -> bytes:
    def dumped(made: JSON) -> str:
        return json.dumps(made, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=sort)

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
    """A JSON answer."""
    return data_response(json_bytes(document), media_type, status)


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
    """A problem document, or its page where the request asks for one and ``pages_too``."""
    document = problems.problem(error, type=type, instance=quote(request.path, safe="/"))
    accept = request.headers.get("Accept", "")
    if pages_too and _asks_for_page(accept):
        text = pages.render("problem", title=document["title"], data=document, links=[], base_url=base_url)
        return html_response(text, document["status"])
    media_type = "application/json" if wants_plain_json(accept) else "application/problem+json"
    return json_response(document, document["status"], media_type=media_type)


def _asks_for_page(accept: str) -> bool:
    try:
        return form_of(request.args.get("f"), accept) == "html"
    except InvalidQueryParameter:
        return wants_html(accept)


def file_response(path: Path, media_type: str, *, name: str) -> Response:
    """A file, whole or the one byte range that was asked for (RFC 9110, 14), with ETag and Last-Modified.

    Several ranges, and a Range that is not understood, are answered with the whole. Raises
    ResultNotAvailable, PreconditionFailed, RangeOutside.
    """
    try:
        response = send_file(path, mimetype=media_type, download_name=name, conditional=False)
    except FileNotFoundError:
        raise ResultNotAvailable from None
    try:
        if request.method in ("GET", "HEAD"):
            _make_conditional(response)
    except (PreconditionFailed, problems.RangeOutside):
        response.close()
        raise
    response.headers.add("Vary", "Accept")
    response.headers.pop("Date", None)  # the web server writes one, and would not look whether there is one
    harden(response)
    return response


def _make_conditional(response: Response) -> None:
    """Turn the whole file into what is due: 200, 206 or 304; raises PreconditionFailed, RangeOutside.

    In the order of RFC 9110, 13.2.2: werkzeug alone would look at Range first, and send 412 with the file.
    """
    environ = dict(request.environ)
    etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    _check_preconditions(response)
    for name in ("HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE"):
        environ.pop(name, None)
    wanted = parse_range_header(environ.get("HTTP_RANGE"))
    one_range = wanted is not None and wanted.units == "bytes" and len(wanted.ranges) == 1
    if not one_range or not is_resource_modified(environ, etag, last_modified=modified):
        environ.pop("HTTP_RANGE", None)
    size = response.content_length or 0
    try:
        response.make_conditional(environ, accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        raise problems.RangeOutside(size) from None


def _check_preconditions(response: Response) -> None:
    """Raise PreconditionFailed if the file is not the one that the client means."""
    matching = parse_etags(request.headers.get("If-Match"))
    if matching:
        etag, weak = response.get_etag()
        if weak or not matching.contains(etag or ""):
            raise PreconditionFailed
        return
    since, modified = parse_date(request.headers.get("If-Unmodified-Since")), response.last_modified
    if since is not None and modified is not None and modified > since:
        raise PreconditionFailed


def harden(response: Response) -> None:
    """Keep a browser from guessing the type of a result, and from running what is in it."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    mimetype = (response.mimetype or "").lower()
    if mimetype in _ACTIVE or mimetype.endswith(
        "+xml"
    ):  # a browser renders XML of any name, scripts included
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'"


def multipart_response(parts: Sequence[Part]) -> Response:
    """``multipart/related`` (RFC 2387), from the first boundary on; files are streamed.

    Raises ResultNotAvailable if a file is not there.
    """
    boundary = secrets.token_hex(16)
    heads = [_head(part, boundary, first=index == 0) for index, part in enumerate(parts)]
    tail = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(_size(part) for part in parts) + len(tail)
    root = parts[0].media_type.split(";", 1)[0].strip()
    response = Response(
        _stream(heads, parts, tail), content_type=f'multipart/related; type="{root}"; boundary={boundary}'
    )
    response.content_length = length
    response.headers.add("Vary", "Accept")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-cache"
    return response


def _head(part: Part, boundary: str, *, first: bool) -> bytes:
    fields: Mapping[str, str | None] = {
        "Content-Type": part.media_type,
        "Content-ID": part.id,
        "Content-Location": part.location,
        "Content-Length": str(_size(part)),
    }
    lines = "".join(f"{name}: {_header(value)}\r\n" for name, value in fields.items() if value is not None)
    return f"{'' if first else chr(13) + chr(10)}--{boundary}\r\n{lines}\r\n".encode()


def _header(value: str) -> str:
    """A header's value on one line, whatever is in it."""
    return "".join(character if character.isprintable() else " " for character in value)


def _size(part: Part) -> int:
    if isinstance(part.content, bytes):
        return len(part.content)
    try:
        return os.stat(part.content).st_size
    except FileNotFoundError:
        raise ResultNotAvailable(f"the file of output '{part.id}' is gone") from None


def _stream(heads: Sequence[bytes], parts: Sequence[Part], tail: bytes) -> Iterator[bytes]:
    for head, part in zip(heads, parts, strict=True):
        yield head
        if isinstance(part.content, bytes):
            yield part.content
        else:
            with part.content.open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
    yield tail
