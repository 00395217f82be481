"""Sessions that connect only to addresses that were checked, and that are cut when their time is up.

A name is resolved once for each connection, every address it has is checked, and the connection goes to one
of those: a second answer of the DNS is never asked for.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import requests
from requests.adapters import HTTPAdapter

from dragoman.errors import InvalidRequest
from dragoman.sources.addresses import is_public, literal_address
from dragoman.sources.answers import GuardedResponse, Interrupted
from dragoman.sources.precheck import PRIVATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from dragoman.sources.policy import SourcePolicy

type Resolver = Callable[[str, int], Sequence[str]]

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for one address."""


def system_resolver(host: str, port: int) -> list[str]:
    """Every address that the system has for a name; OSError where there is none."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


@contextmanager
def checked_session(
    policy: SourcePolicy, resolver: Resolver, timeout: float = math.inf
) -> Iterator[tuple[requests.Session, Deadline]]:
    """A session that connects only to checked addresses, and is cut when the time, or the policy's, is up."""
    with Deadline(min(policy.fetch.timeout, timeout)) as deadline, _Session() as session:
        session.trust_env = False  # no proxy and no .netrc of whoever started the server
        session.verify = os.environ.get("SSL_CERT_FILE") or True  # OpenSSL's own variable, for a private CA
        session.headers.update({"Accept-Encoding": "identity", "Accept": "*/*", "User-Agent": "dragoman"})
        adapter = _CheckedAdapter(_Dialler(policy, resolver, deadline))
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        yield session, deadline


class _Session(requests.Session):
    """A session to which no answer is a redirect.

    requests looks where a redirect would lead although it is not to follow, and for that reads the whole body
    into memory, unpacked, however large: two megabytes of gzip are four gigabytes.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere; whoever follows redirects reads Location itself."""


class Deadline:
    """A moment at which the connection is cut, whatever the reader is blocked in.

    Socket timeouts begin anew with every byte, in headers too: a drip could hold a worker for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._end = seconds, time.monotonic() + seconds
        self._expired = False
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self.cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._timer.join()
        self.watch(None)

    def watch(self, connection: socket.socket | None) -> None:
        """Cut this connection, by a handle of our own: TLS takes the socket object itself over."""
        with self._lock:
            if self._handle is not None:
                self._handle.close()
            self._handle = connection.dup() if connection is not None else None
        if connection is not None and self._expired:  # while it was being made
            self.cut()

    def remaining(self) -> float:
        """Seconds left; raises when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            self._expired = True
        self.check()
        return left

    def check(self, cause: BaseException | None = None) -> None:
        """Raise if the time is up: the real reason of whatever else went wrong."""
        if self._expired:
            raise InvalidRequest(
                f"fetching took longer than {self._seconds:g} s, which is the limit"
            ) from cause

    def cut(self) -> None:
        """The time is up now; may be called in any thread."""
        self._expired = True
        with self._lock:
            if self._handle is not None:
                try:
                    self._handle.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # the other side was faster


class _Dialler:
    """Connects to a host by an address that was checked."""

    def __init__(self, policy: SourcePolicy, resolver: Resolver, deadline: Deadline) -> None:
        self._policy, self._resolver, self._deadline = policy, resolver, deadline

    def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket; InvalidRequest if any address of the host is private, or none answers."""
        for address in self._addresses(host, port):
            try:
                wait = min(CONNECT_TIMEOUT, self._deadline.remaining())
                connection = socket.create_connection((address, port), timeout=wait)
            except OSError:
                continue
            self._deadline.watch(connection)
            return connection
        raise Interrupted(f"the host {host!r} does not answer on port {port}")

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            addresses = [str(address) for address in self._resolver(host, port)]
        except (OSError, UnicodeError) as error:  # UnicodeError: a label that no name can have
            again = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            kind = Interrupted if again else InvalidRequest
            raise kind(f"the host {host!r} cannot be resolved") from error
        if not self._policy.allows(host, port):
            for text in addresses:
                address = literal_address(text)
                if address is None or not (is_public(address) or self._policy.allows(text, port)):
                    raise InvalidRequest(f"the host {host!r} {PRIVATE}")
        return addresses


class _CheckedAdapter(HTTPAdapter):
    """requests' transport with the dialler's connections; Host, SNI and certificates stay as they are."""

    def __init__(self, dialler: _Dialler) -> None:
        self._dialler = dialler
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """The pool for a request, whose connections are ours."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        base: Any = type(pool).ConnectionCls
        dialler = self._dialler

        def dial(connection: Any) -> socket.socket:
            return dialler.connect(connection.host.strip("[]"), connection.port)

        members = {"_new_conn": dial, "response_class": GuardedResponse}
        pool.ConnectionCls = type("CheckedConnection", (base,), members)
        return pool
