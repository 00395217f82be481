"""Answers that are files: one with its byte ranges and conditions, or several as multipart/related."""

from __future__ import annotations

import io
import secrets
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Response, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import is_resource_modified, parse_date, parse_etags, parse_range_header
from werkzeug.wsgi import wrap_file

from dragoman.errors import PreconditionFailed, ResultNotAvailable
from dragoman.web import problems
from dragoman.web.responses import harden

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dragoman.jobs.stored_file import StoredFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a multipart answer."""

    id: str
    media_type: str
    content: bytes | StoredFile = b""
    location: str | None = None
    """Where the content is to be fetched, if it is not here."""


def file_response(file: StoredFile, media_type: str) -> Response:
    """A file, whole or the one byte range that was asked for (RFC 9110, 14), with ETag and Last-Modified.

    Several ranges, and a Range that is not understood, are answered with the whole. Raises
    ResultNotAvailable, PreconditionFailed, RangeOutside.
    """
    response = send_file(  # the headers; the body is put in below, once it is known how much of it is due
        io.BytesIO(),
        mimetype=media_type,
        download_name=file.name,
        conditional=False,
        etag=file.etag,
        last_modified=file.modified,
    )
    response.content_length = file.size
    if request.method in ("GET", "HEAD"):
        _make_conditional(response)
    response.response = _body(file, response)
    response.headers.add("Vary", "Accept")
    response.headers.pop("Date", None)  # the web server writes one, and would not look whether there is one
    harden(response)
    return response


def _body(file: StoredFile, response: Response) -> Iterable[bytes]:
    """What follows the headers; a whole file of this host is left to the web server, and so to the kernel."""
    if request.method == "HEAD" or response.status_code == 304:
        return ()
    if response.status_code == 206:
        return file.blocks(response.content_range.start or 0, response.content_range.stop)
    if file.path is None:
        return file.blocks()
    try:
        return wrap_file(request.environ, file.path.open("rb"))
    except FileNotFoundError:
        raise ResultNotAvailable from None


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


def multipart_response(parts: Sequence[Part]) -> Response:
    """``multipart/related`` (RFC 2387), from the first boundary on; files are streamed."""
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
    if value.isprintable():
        return value
    return "".join(character if character.isprintable() else " " for character in value)


def _size(part: Part) -> int:
    return len(part.content) if isinstance(part.content, bytes) else part.content.size


def _stream(heads: Sequence[bytes], parts: Sequence[Part], tail: bytes) -> Iterator[bytes]:
    """A file is opened when it is due: there may be thousands. What is in memory already is one block up to it."""
    ready = bytearray()
    for head, part in zip(heads, parts, strict=True):
        ready += head
        if isinstance(part.content, bytes):
            ready += part.content
        else:
            yield bytes(ready)
            ready.clear()
            with closing(part.content.blocks()) as blocks:
                yield from blocks
    yield bytes(ready + tail)
