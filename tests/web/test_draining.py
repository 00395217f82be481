"""No body is left unread, and none is read for ever."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from dragoman.web import draining as module
from dragoman.web.draining import CountedInput, drain, draining

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest


def test_what_an_application_leaves_is_read_and_no_more() -> None:
    body = io.BytesIO(b"x" * 100_000 + b"GET /next")

    def application(environ: dict[str, Any], _start: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read(10)
        return [b"refused"]

    environ = {"CONTENT_LENGTH": "100000", "wsgi.input": body}
    assert list(draining(application)(environ, lambda *_: lambda _: None)) == [b"refused"]
    assert body.read() == b"GET /next"


def test_a_body_of_unknown_length_is_read_to_its_end_if_it_has_one() -> None:
    for terminated, left in ((True, b""), (False, b"chunks")):
        body = io.BytesIO(b"chunks")
        environ = {
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input": body,
            "wsgi.input_terminated": terminated,
        }
        draining(lambda *_: [b""])(environ, lambda *_: lambda _: None)
        assert body.read() == left


def test_a_sender_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int | None = -1, /) -> bytes:
            return b"x" * (size or 1)

    stream = CountedInput(Endless())
    monkeypatch.setattr(module, "DRAIN_BYTES", 1_000_000)
    drain(stream, None)
    assert 1_000_000 <= stream.count < 1_100_000
    monkeypatch.setattr(module, "DRAIN_BYTES", 10**18)
    monkeypatch.setattr(module, "DRAIN_SECONDS", 0.0)
    drain(stream, None)
    assert stream.count < 1_200_000


def test_a_sender_that_is_gone_changes_no_answer() -> None:
    class Gone(io.RawIOBase):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionResetError

    drain(CountedInput(Gone()), 5)
