"""Bodies in memory: the rest goes to the socket itself where that is gunicorn's, else they come in blocks."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.web.whole_body import FIRST, whole_body

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = bytes(range(256)) * 1024 * 16


class Sent:
    """A body that knows whether it was closed."""

    def __init__(self, content: bytes) -> None:
        self.memory = memoryview(content)
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return iter([bytes(self.memory)])

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("content", [CONTENT, CONTENT[: FIRST + 1], CONTENT[:FIRST], b"short"])
def test_the_rest_is_sent_in_one_piece(content: bytes) -> None:
    ours, theirs = socket.socketpair()
    received = bytearray()

    def receive() -> None:
        while block := theirs.recv(65536):
            received.extend(block)

    body = Sent(content)
    with ours, theirs:
        reader = threading.Thread(target=receive)
        reader.start()
        for block in whole_body(body, {"gunicorn.socket": ours, "SERVER_PROTOCOL": "HTTP/1.1"}):
            ours.sendall(block)
        ours.close()
        reader.join()
    assert received == content
    assert body.closed


@pytest.mark.parametrize("environ", [{}, {"SERVER_PROTOCOL": "HTTP/1.1"}, {"SERVER_PROTOCOL": "HTTP/2.0"}])
def test_else_it_is_left_to_the_web_server(environ: dict[str, Any]) -> None:
    body = Sent(CONTENT)
    with socket.socket() as sock:
        given = environ | ({"gunicorn.socket": sock} if environ.get("SERVER_PROTOCOL") == "HTTP/2.0" else {})
        assert whole_body(body, given) is body
