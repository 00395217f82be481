"""Fetching over http(s) within a size and a time, straight to disk.

Redirects are followed by hand, and each is checked as the reference was. The body of an answer that is not the
content is never read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urldefrag, urljoin, urlsplit

from dragoman.errors import InvalidRequest
from dragoman.sources import metering
from dragoman.sources.answers import readable
from dragoman.sources.content_encoding import CHUNK, decoder_for
from dragoman.sources.fingerprints import hashing
from dragoman.sources.http_session import CONNECT_TIMEOUT, Resolver, checked_session, system_resolver
from dragoman.sources.partial_files import removed_on_error
from dragoman.sources.precheck import check_web_href

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import requests

    from dragoman.sources.http_session import Deadline
    from dragoman.sources.policy import SourcePolicy

CALLBACK_TIMEOUT: Final = 10.0
"""Seconds for one notification as a whole: the few threads that tell are shared by all subscribers."""
REDIRECTS: Final = (301, 302, 303, 307, 308)
KEEPING: Final = (307, 308)
"""Redirects that keep the method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came."""

    media_type: str | None
    """As the server said, lower-case, without parameters."""
    content_type: str = ""
    """As the server said, parameters included."""
    size: int
    """Bytes on disk, decompressed."""


def download(
    href: str, target: Path, policy: SourcePolicy, *, resolver: Resolver = system_resolver
) -> Fetched:
    """Write the body to ``target``; InvalidRequest, with the reason, leaves no file behind."""
    with removed_on_error(target), checked_session(policy, resolver) as (session, deadline):
        try:
            with _content(session, href, policy) as response:
                size = _save(response, target, policy.fetch.max_bytes)
            metering.count(size)
            deadline.check()
        except Exception as error:  # a connection that is cut fails in any layer, in its own way
            deadline.check(error)
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
    """POST a JSON body under the same guard; InvalidRequest unless the answer is 2xx.

    Of redirects 307 and 308 are followed, which keep the method and the body (RFC 9110, 15.4.8); no others.

    ``timeout`` is for all of it, up to the end of the answer's headers; the policy's holds where it is shorter.
    """
    host, _port = check_web_href(href, policy)
    with checked_session(policy, resolver, timeout) as (session, deadline):
        for _ in range(policy.fetch.redirects + 1):
            status, location = _posted(session, href, body, host, deadline)
            if 200 <= status < 300:
                return
            if status not in KEEPING or not location:
                raise InvalidRequest(f"{host} answered with status {status}; allowed: 2xx")
            href, host = _redirected(href, location, host, policy)
    raise InvalidRequest(f"the subscriber redirects more than {policy.fetch.redirects} times")


def _posted(
    session: requests.Session, href: str, body: object, host: str, deadline: Deadline
) -> tuple[int, str | None]:
    """Status and Location of the answer, whose body nobody reads."""
    try:
        with (
            readable(host),
            session.post(
                href, json=body, stream=True, allow_redirects=False, timeout=CONNECT_TIMEOUT
            ) as answer,
        ):
            deadline.check()  # cut within the headers, an answer may still look whole
            return answer.status_code, answer.headers.get("Location")
    except InvalidRequest as error:
        deadline.check(error)
        raise


def follow(
    session: requests.Session,
    href: str,
    policy: SourcePolicy,
    *,
    headers: Mapping[str, str] | None = None,
    stall: float = math.inf,
) -> requests.Response:
    """The first answer that is no redirect, whatever its status, its body unread.

    ``headers`` go with each request; ``stall`` seconds without a byte end it, as the policy's time does.
    """
    host, _port = check_web_href(href, policy)
    silence = min(stall, policy.fetch.timeout)
    for _ in range(policy.fetch.redirects + 1):
        with readable(host):
            response = session.get(
                href, stream=True, allow_redirects=False, timeout=(CONNECT_TIMEOUT, silence), headers=headers
            )
        location = response.headers.get("Location")
        if response.status_code not in REDIRECTS:
            return response
        response.close()
        if not location:
            raise refused(response, "200")
        href, host = _redirected(href, location, host, policy)
    raise InvalidRequest(f"the reference is redirected more than {policy.fetch.redirects} times")


def _content(session: requests.Session, href: str, policy: SourcePolicy) -> requests.Response:
    """The 200 at the end of all redirects."""
    response = follow(session, href, policy)
    if response.status_code == 200:
        return response
    response.close()
    raise refused(response, "200")


def refused(response: requests.Response, allowed: str) -> InvalidRequest:
    """The error for a status that is not ``allowed``, which names the host that answered."""
    host = urlsplit(response.url).hostname or ""
    return InvalidRequest(f"{host} answered with status {response.status_code}; allowed: {allowed}")


def _redirected(href: str, location: str, host: str, policy: SourcePolicy) -> tuple[str, str]:
    """Where an answer of ``host`` leads, and the host there; InvalidRequest where nobody may be led."""
    try:
        # headers come as Latin-1; a Location beyond ASCII, which none should be, is UTF-8
        target = urldefrag(urljoin(href, location.encode("latin-1").decode("utf-8"))).url
    except ValueError as error:
        raise InvalidRequest(f"{host} redirects by a Location that is no URL") from error
    try:
        return target, check_web_href(target, policy)[0]
    except InvalidRequest as error:
        raise InvalidRequest(f"{host} redirects to what is not fetched: {error.detail}") from error


def _save(response: requests.Response, target: Path, limit: int) -> int:
    """Bytes written; both what is received and what it unpacks to stay within the limit."""
    too_large = InvalidRequest(f"the content is larger than {limit} bytes, which is the limit")
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise too_large
    decoder = decoder_for(response.headers.get("Content-Encoding", ""))
    received = written = 0
    with target.open("wb") as file, hashing() as digest:
        for chunk in received_from(response):
            received += len(chunk)
            if received > limit:
                raise too_large
            for piece in decoder.feed(chunk):
                written += len(piece)
                if written > limit:
                    raise too_large
                file.write(piece)
                digest.update(piece)
        for piece in decoder.finish():
            written += len(piece)
            file.write(piece)
            digest.update(piece)
    if written > limit:
        raise too_large
    return written


def received_from(response: requests.Response) -> Iterator[bytes]:
    """The body as it comes, never unpacked by the library, which would do so without a limit.

    What has come is not held back until a chunk is full: so it is not lost with the connection, or the process.
    """
    raw = response.raw
    chunks: Iterator[bytes]
    if raw.chunked:
        chunks = raw.stream(CHUNK, decode_content=False)
    else:
        chunks = iter(lambda: raw.read1(CHUNK, decode_content=False), b"")
    host = urlsplit(response.url).hostname or ""
    while True:
        with readable(host):
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk
