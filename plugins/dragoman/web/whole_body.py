"""Bodies that lie in memory, sent in one piece where the web server lets one: blocks cost more than what is in them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SOCKET: Final = "gunicorn.socket"
"""Where gunicorn keeps the socket in a request's environment."""
VERSIONS: Final = ("HTTP/1.0", "HTTP/1.1")
"""Those in which a body with a Content-Length stands on the connection as it is."""
FIRST: Final = 16 * 1024
"""Bytes that are left to the web server, which sends the headers with them."""


class Body(Protocol):
    """A body in blocks, that is in memory as well."""

    memory: memoryview

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None:
        """It is not needed any more; any number of times."""


def whole_body(body: Body, environ: Mapping[str, Any]) -> Iterable[bytes]:
    """The body of an answer that has a Content-Length, to be given to the web server in its place.

    gunicorn takes bytes alone, which would be copies. It sends a block before it asks for the next one, and leaves the
    socket alone meanwhile (PEP 3333): the rest goes there directly. Its access log counts what it has sent itself.
    """
    sock = environ.get(SOCKET)
    if isinstance(sock, socket.socket) and environ.get("SERVER_PROTOCOL") in VERSIONS:
        return _Direct(body, sock)
    return body


class _Direct:
    def __init__(self, body: Body, sock: socket.socket) -> None:
        self._body = body
        self._sock = sock
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        memory = self._body.memory
        if not self._begun:
            self._begun = True
            return bytes(memory[:FIRST])
        self._sock.sendall(memory[FIRST:])
        self._body.close()
        raise StopIteration

    def close(self) -> None:
        self._body.close()
