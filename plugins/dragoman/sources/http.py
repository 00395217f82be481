"""Fetching over http(s) from an address that was checked, within a size and a time, straight to disk.

A name is resolved once for each connection, every address it has is checked, and the connection goes to one
of those: a second answer of the DNS is never asked for. Redirects are followed by hand and checked alike.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urldefrag, urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter

from dragoman.errors import InvalidRequest
from dragoman.sources.addresses import is_public, literal_address
from dragoman.sources.content_encoding import CHUNK, decoder_for
from dragoman.sources.partial_files import removed_on_error
from dragoman.sources.precheck import PRIVATE, check_web_href

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from dragoman.sources.policy import SourcePolicy

    type Resolver = Callable[[str, int], Sequence[str]]

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for one address."""
CALLBACK_TIMEOUT: Final = 10.0
"""Seconds for one notification as a whole: the few threads that tell are shared by all subscribers."""
REDIRECTS: Final = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came."""

    media_type: str | None
    """As the server said, lower-case, without parameters."""
    content_type: str = ""
    """As the server said, parameters included."""
    size: int
    """Bytes on disk, decompressed."""


def system_resolver(host: str, port: int) -> list[str]:
    """Every address that the system has for a name; OSError where there is none."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def download(
    href: str, target: Path, policy: SourcePolicy, *, resolver: Resolver = system_resolver
) -> Fetched:
    """Write the body to ``target``; InvalidRequest, with the reason, leaves no file behind."""
    with removed_on_error(target), _session(policy, resolver) as (session, deadline):
        try:
            with _follow(session, href, policy) as response:
                size = _save(response, target, policy.fetch.max_bytes)
            deadline.check()
        except Exception as error:  # a connection that is cut fails in any layer, in its own way
            deadline.check(error)
            if isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)):
                raise InvalidRequest(_reason(error)) from error
            raise
    content_type = response.headers.get("Content-Type", "")
    media_type = content_type.partition(";")[0].strip().lower() or None
    return Fetched(media_type=media_type, content_type=content_type, size=size)


def post_json(
    href: str,
    body: object,
    policy: SourcePolicy,
    *,
    timeout: float = CALLBACK_TIMEOUT,
    resolver: Resolver = system_resolver,
) -> None:
    """POST a JSON body under the same guard, to no redirect; InvalidRequest unless the answer is 2xx.

    ``timeout`` is for all of it, up to the end of the answer's headers; the policy's holds where it is shorter.
    """
    host, _port = check_web_href(href, policy)
    with _session(policy, resolver, timeout) as (session, deadline):
        try:
            response = session.post(
                href, json=body, stream=True, allow_redirects=False, timeout=CONNECT_TIMEOUT
            )
            response.close()
            deadline.check()  # cut within the headers, an answer may still look whole
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            deadline.check(error)
            raise InvalidRequest(_reason(error)) from error
    if not 200 <= response.status_code < 300:  # requests counts a redirect as ok
        raise InvalidRequest(f"{host} answered with status {response.status_code}; allowed: 2xx")


@contextmanager
def _session(
    policy: SourcePolicy, resolver: Resolver, timeout: float = math.inf
) -> Iterator[tuple[requests.Session, _Deadline]]:
    """A session that connects only to checked addresses, and is cut when the time, or the policy's, is up."""
    with _Deadline(min(policy.fetch.timeout, timeout)) as deadline, requests.Session() as session:
        session.trust_env = False  # no proxy and no .netrc of whoever started the server
        session.verify = os.environ.get("SSL_CERT_FILE") or True  # OpenSSL's own variable, for a private CA
        session.headers.update({"Accept-Encoding": "identity", "Accept": "*/*", "User-Agent": "dragoman"})
        adapter = _CheckedAdapter(_Dialler(policy, resolver, deadline))
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        yield session, deadline


def _follow(session: requests.Session, href: str, policy: SourcePolicy) -> requests.Response:
    """The first answer that is no redirect, its body unread."""
    for _ in range(policy.fetch.redirects + 1):
        host, _port = check_web_href(href, policy)
        response = session.get(
            href, stream=True, allow_redirects=False, timeout=(CONNECT_TIMEOUT, policy.fetch.timeout)
        )
        location = response.headers.get("Location")
        if response.status_code == 200:
            return response
        response.close()
        if response.status_code not in REDIRECTS or not location:
            raise InvalidRequest(f"{host} answered with status {response.status_code}; allowed: 200")
        href = urldefrag(urljoin(href, location)).url
    raise InvalidRequest(f"the reference is redirected more than {policy.fetch.redirects} times")


def _save(response: requests.Response, target: Path, limit: int) -> int:
    """Bytes written; both what is received and what it unpacks to stay within the limit."""
    too_large = InvalidRequest(f"the content is larger than {limit} bytes, which is the limit")
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise too_large
    decoder = decoder_for(response.headers.get("Content-Encoding", ""))
    received = written = 0
    with target.open("wb") as file:
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            received += len(chunk)
            if received > limit:
                raise too_large
            for piece in decoder.feed(chunk):
                written += len(piece)
                if written > limit:
                    raise too_large
                file.write(piece)
        for piece in decoder.finish():
            written += len(piece)
            file.write(piece)
    if written > limit:
        raise too_large
    return written


def _reason(error: Exception) -> str:
    """Why, without what the libraries tell of addresses and objects."""
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate could not be verified, or TLS failed"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "the server did not answer in time"
    return "the transfer failed, or the connection was closed before its end"


class _Deadline:
    """A moment at which the connection is cut, whatever the reader is blocked in.

    Socket timeouts begin anew with every byte, in headers too: a drip could hold a worker for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._end = seconds, time.monotonic() + seconds
        self._expired = False
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._cut)
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

    def _cut(self) -> None:
        self._expired = True
        with self._lock:
            if self._handle is not None:
                try:
                    self._handle.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # the other side was faster


class _Dialler:
    """Connects to a host by an address that was checked."""

    def __init__(self, policy: SourcePolicy, resolver: Resolver, deadline: _Deadline) -> None:
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
        raise InvalidRequest(f"the host {host!r} does not answer on port {port}")

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            addresses = [str(address) for address in self._resolver(host, port)]
        except (OSError, UnicodeError) as error:  # UnicodeError: a label that no name can have
            raise InvalidRequest(f"the host {host!r} cannot be resolved") from error
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

        pool.ConnectionCls = type("CheckedConnection", (base,), {"_new_conn": dial})
        return pool
