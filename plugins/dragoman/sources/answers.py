"""What may be wrong with a server's answer, held within bounds and said in words.

A hostile server may send lines without end, chunks of negative size, and headers that no parser takes. The libraries
below have an exception of their own for each, or none.
"""

from __future__ import annotations

import http.client
import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

import requests
from urllib3 import exceptions

from dragoman.errors import DragomanError, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE: Final = 64 * 1024
"""Bytes of one line: of the head, of a chunk's size, of a trailer."""


class NegativeSize(http.client.HTTPException):
    """``http.client`` and urllib3 take ``-1`` for a chunk's size, and would read all that comes."""


class AmbiguousLength(http.client.HTTPException):
    """An answer of several lengths, of which every reader believes another."""


class Interrupted(InvalidRequest):
    """Nothing came, or not all of it, for a reason that may be gone at the next try."""


UNREADABLE: Final = (
    requests.RequestException,
    exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,  # UnicodeError and LocationParseError among them
)
"""All that reading an answer may raise; never caught around what writes files."""

_CUT: Final = "the transfer failed, or the connection was closed before its end"
_WORDS: Final[tuple[tuple[tuple[type[BaseException], ...], str, type[InvalidRequest]], ...]] = (
    (
        (requests.exceptions.SSLError, exceptions.SSLError),
        "the server's certificate could not be verified, or TLS failed",
        InvalidRequest,
    ),
    (
        (requests.Timeout, exceptions.TimeoutError, TimeoutError),
        "the server did not answer in time",
        Interrupted,
    ),
    ((http.client.LineTooLong,), "a line of the server's answer is too long", InvalidRequest),
    (
        (exceptions.InvalidChunkLength, NegativeSize),
        "a chunk of the server's answer has no valid size",
        InvalidRequest,
    ),
    (
        (requests.exceptions.InvalidURL, exceptions.LocationParseError),
        "the URL names no usable host",
        InvalidRequest,
    ),
    ((AmbiguousLength,), "the server's answer has several lengths", InvalidRequest),
    ((http.client.IncompleteRead, exceptions.IncompleteRead, ConnectionError), _CUT, Interrupted),
    ((http.client.HTTPException, UnicodeError), "the server's answer is not HTTP", InvalidRequest),
)
"""What is said of the first of these exceptions, from the outermost to its cause, and by which error."""


class _Guarded(io.BufferedReader):
    """A connection's bytes; never more at once than were asked for."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """One line; LineTooLong where it has more than MAX_LINE bytes, whatever ``size`` allows."""
        line = super().readline(MAX_LINE + 1 if size is None or size < 0 else min(size, MAX_LINE + 1))
        if len(line) > MAX_LINE:
            raise http.client.LineTooLong("answer")
        return line

    def read(self, size: int | None = -1, /) -> bytes:
        """So many bytes, fewer at the end; a size of less than none is refused."""
        if size is None or size < 0:
            raise NegativeSize
        return super().read(size)


class GuardedResponse(http.client.HTTPResponse):
    """An answer whose connection is read with a bound."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        plain = cast("io.BufferedReader", self.fp)
        self.fp: Any = _Guarded(plain.detach())

    def begin(self) -> None:
        """Read the head; two lengths are refused here, where the connection is closed with it."""
        super().begin()
        lengths = {each.strip() for each in ",".join(self.msg.get_all("Content-Length", [])).split(",")}
        if len(lengths) > 1:
            raise AmbiguousLength


@contextmanager
def readable(host: str) -> Iterator[None]:
    """Whatever is wrong with an answer that is read within is an InvalidRequest that names the host.

    Of what another try may mend it is an Interrupted.
    """
    try:
        yield
    except DragomanError:
        raise
    except UNREADABLE as error:
        words, kind = _reason(error)
        raise kind(f"{host}: {words}") from error


def _reason(error: BaseException) -> tuple[str, type[InvalidRequest]]:
    """Why, and whether another try may help, without what the libraries tell of addresses and objects."""
    cause: BaseException | None = error
    while cause is not None:
        for kinds, words, error_class in _WORDS:
            if isinstance(cause, kinds):
                return words, error_class
        cause = cause.__cause__ or cause.__context__
    return _CUT, Interrupted
