"""``server.gzip``: what is compressed, for whom, and what is not."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from flask import Flask, Response

from dragoman.web.compression import LEAST, compress

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = b"words " * LEAST


def _answer(response: Response, accept: str | None = "gzip, deflate") -> Response:
    headers = {} if accept is None else {"Accept-Encoding": accept}
    with Flask(__name__).test_request_context("/", headers=headers):
        return compress(response)


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/problem+json", "text/html; charset=utf-8", "text/csv"]
)
def test_text_is_compressed_for_who_takes_it(media_type: str) -> None:
    answer = _answer(Response(TEXT, content_type=media_type))
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.get_data()) == TEXT
    assert answer.headers["Content-Length"] == str(len(answer.get_data()))
    assert "Accept-Encoding" in answer.vary


@pytest.mark.parametrize("accept", [None, "identity", "br", "gzip;q=0", "*;q=0"])
def test_who_does_not_take_it_gets_it_plain(accept: str | None) -> None:
    answer = _answer(Response(TEXT, content_type="application/json"), accept)
    assert (answer.get_data(), "Content-Encoding" in answer.headers) == (TEXT, False)
    assert "Accept-Encoding" in answer.vary, "a cache keeps the two apart"


def test_an_error_is_compressed_too() -> None:
    answer = _answer(Response(TEXT, status=404, content_type="application/problem+json"))
    assert answer.headers["Content-Encoding"] == "gzip"


def _pieces() -> Iterator[bytes]:
    yield TEXT


@pytest.mark.parametrize(
    "response",
    [
        Response(_pieces(), content_type="application/json"),
        Response(TEXT, content_type="image/tiff"),
        Response(TEXT, content_type="application/json", status=206),
        Response(TEXT, content_type="application/json", headers={"Content-Encoding": "gzip"}),
        Response(b"{}", content_type="application/json"),
        Response(TEXT, content_type="application/json", direct_passthrough=True),
    ],
    ids=["streamed", "raster", "part", "compressed", "short", "file"],
)
def test_what_else_goes_as_it_is(response: Response) -> None:
    before = dict(response.headers).get("Content-Encoding")
    answer = _answer(response)
    assert answer is response
    assert answer.headers.get("Content-Encoding") == before
