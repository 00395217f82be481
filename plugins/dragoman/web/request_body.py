"""The JSON body of a request, read strictly: what is wrong with it is the client's mistake, never a 500."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from dragoman.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from dragoman.schemas import file_values
from dragoman.schemas.file_values import NotJsonText
from dragoman.web.problems import CodedBody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.model.process import JSON


MAX_VALUES: Final = 2_000_000
"""Values of one body: Python needs up to a hundred bytes for one that is sent as two, ``{}`` say."""

_BLOCK: Final = 2**20


def json_body(*, any_type: bool = False) -> JSON:
    """The body of the current request as JSON; raises what ``body_bytes`` and ``parse_json`` raise."""
    return parse_json(body_bytes(any_type=any_type))


def body_bytes(*, any_type: bool = False) -> bytes:
    """The body of the current request, which says that it is JSON, as it was sent; it can be read once.

    Raises UnsupportedMediaType for a stated type that is not JSON (unless ``any_type``) and for a compressed body,
    PayloadTooLarge, and InvalidRequest for a body that does not come whole.
    """
    media_type = "" if any_type else request.mimetype
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType(f"the body is {media_type[:100]!r}; allowed: application/json")
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", ""):
        raise CodedBody(f"the body has the content coding {coding[:100]!r}; allowed: none")
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise PayloadTooLarge from error
    except Exception as error:  # each web server has classes of its own for chunks that are none
        raise InvalidRequest("the body cannot be read to its end") from error
    if request.max_content_length is not None and len(data) >= request.max_content_length:
        raise PayloadTooLarge
    if len(data) < (request.content_length or 0):
        raise InvalidRequest("the body ended before its Content-Length")
    return data


def parse_json(data: bytes) -> JSON:
    """JSON text in UTF-8. Raises InvalidRequest, also for NaN, numbers beyond a double, half surrogates.

    Raises PayloadTooLarge for more than MAX_VALUES values, before any is made.
    """
    if _marks(data) > MAX_VALUES and sum(map(_marks, _outside_strings(data))) > MAX_VALUES:
        raise PayloadTooLarge(
            f"the body holds more than {MAX_VALUES:,} JSON values; send large data by reference, or as base64"
        )
    try:
        value = file_values.parse_json(data.decode("utf-8-sig"))
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidRequest("the body holds half of a surrogate pair") from None
    except UnicodeDecodeError:
        raise InvalidRequest("the body is not UTF-8") from None
    except NotJsonText as error:
        raise InvalidRequest(f"the body is not JSON: {error.reason[:200]}{error.place}") from None
    return value


def _marks(data: bytes) -> int:
    """About as many as there are values: each follows a bracket, a brace or a comma."""
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def _outside_strings(data: bytes) -> Iterator[bytes]:
    """The text between its strings, block by block: the whole in pieces could be larger than its values."""
    start, inside = 0, False
    while start < len(data):
        block = data[start : start + _BLOCK]
        if len(block) == _BLOCK and (len(block) - len(block.rstrip(b"\\"))) % 2:
            block = block[:-1]  # what is escaped is in the next
        start += len(block)
        pieces = block.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        yield b"".join(pieces[inside::2])
        inside ^= len(pieces) % 2 == 0
