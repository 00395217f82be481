"""Whether the client of a request that waits is still there, told by its socket where the web server gives it."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any, Final

from flask import has_request_context, request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOCKETS: Final = ("gunicorn.socket", "werkzeug.socket")
"""Where web servers keep the socket in a request's environment."""
ENDED: Final[int] = getattr(select, "POLLRDHUP", 0)
"""That the other side has ended its side; Linux alone tells this without reading, which TLS would not bear."""


def here() -> Mapping[str, Any]:
    """The environment of the request that this thread serves; empty outside of any."""
    return request.environ if has_request_context() else {}


def hung_up(environ: Mapping[str, Any]) -> Callable[[], bool]:
    """A function that says whether the client has closed its connection; always False where that cannot be told.

    A client that has closed only its sending half is taken for gone, as most proxies take it.
    """
    sock = next((environ[name] for name in SOCKETS if name in environ), None)
    if sock is None or not ENDED:
        return lambda: False

    def closed() -> bool:
        poll = select.poll()
        try:
            poll.register(sock, ENDED)
            return bool(poll.poll(0))
        except (OSError, ValueError):  # ValueError: closed on our side
            return True

    return closed
