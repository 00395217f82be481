"""A request that is refused before its body was read: the rest is read and thrown away before the answer goes out.

A web server that closes, or answers, while a client still sends has the answer lost by a reset; a proxy makes a 502 of
it. And on a connection that is kept, what was left of a body would be taken for the next request.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

DRAIN_BYTES: Final = 1024**3
"""Bytes of a body that are read in vain; of the rest, the sender will see a reset."""
DRAIN_SECONDS: Final = 20.0
"""Time for that; a sender that is slower will see a reset."""

_BLOCK: Final = 64 * 1024


class CountedInput:
    """``wsgi.input``, and how much of it was read."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.count = 0

    def read(self, *size: int) -> bytes:
        """As of the stream."""
        return self._counted(self._stream.read(*size))

    def readline(self, *size: int) -> bytes:
        """As of the stream."""
        return self._counted(self._stream.readline(*size))

    def readlines(self, hint: int = -1) -> list[bytes]:
        """As of the stream."""
        return [self._counted(line) for line in self._stream.readlines(hint)]

    def __iter__(self) -> CountedInput:
        return self

    def __next__(self) -> bytes:
        return self._counted(next(self._stream))

    def _counted(self, data: bytes) -> bytes:
        self.count += len(data)
        return data


def draining(application: WSGIApplication) -> WSGIApplication:
    """The same application, which leaves no body unread; requests without one pay nothing."""

    def drained(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        declared = environ.get("CONTENT_LENGTH") or ""
        chunked = bool(environ.get("HTTP_TRANSFER_ENCODING"))
        if not chunked and declared in ("", "0"):
            return application(environ, start_response)
        stream = environ["wsgi.input"] = CountedInput(environ["wsgi.input"])
        answer = application(environ, start_response)
        ended = bool(environ.get("wsgi.input_terminated"))
        if ended or declared.isdecimal():
            drain(stream, None if ended else int(declared))
        return answer

    return drained


def drain(stream: CountedInput, length: int | None) -> None:
    """Read what is left of a body of ``length`` bytes, of one that ends by itself if None; gives up at the limits."""
    end, most = time.monotonic() + DRAIN_SECONDS, stream.count + DRAIN_BYTES
    try:
        while stream.count < most and time.monotonic() < end:
            left = _BLOCK if length is None else min(_BLOCK, length - stream.count)
            if left <= 0 or not stream.read(left):
                return
    except Exception:  # each web server has classes of its own for a sender that is gone
        return
