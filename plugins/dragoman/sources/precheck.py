"""The look at a reference before a job is made: nothing is resolved or fetched, nothing heavy imported.

What passes here is checked again, address by address, when it is fetched (``http.py``).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, unquote, urlsplit

from dragoman.errors import InvalidRequest
from dragoman.sources.addresses import is_public, literal_address

if TYPE_CHECKING:
    from dragoman.sources.policy import SourcePolicy

SCHEMES: Final = ("http", "https", "data", "file")
OBJECTS: Final = ("s3", "gs")
PRIVATE: Final = "is not on the public network, which is all that this server talks to"

_ODD = re.compile(
    r"[\x00-\x20\x7f\\\ud800-\udfff]"
)  # parsers disagree on them, and that is how a guard is passed by
_OBJECT = re.compile(r"(?:s3|gs)://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]*)/(?P<key>[^\x00-\x1f\x7f\\?#*{}]+)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)


def check_href(href: str, policy: SourcePolicy) -> None:
    """Raise InvalidRequest, saying what and why, for a reference that would not be fetched."""
    scheme = scheme_of(href)
    if scheme == "data":
        if "," not in href[:4096]:
            raise InvalidRequest("the data: URL has no comma; allowed: data:[media type][;base64],content")
    elif scheme == "file":
        local_file(href, policy)
    elif scheme in ("http", "https"):
        check_web_href(href, policy)
    elif scheme in OBJECTS:
        check_object_href(href, policy)
    else:
        named = f"the scheme {scheme!r} is not allowed" if scheme else "the reference has no scheme"
        raise InvalidRequest(f"{named}; allowed: {', '.join(SCHEMES)}")


def scheme_of(href: str) -> str:
    """The scheme in lower case; empty where there is none, or one of absurd length."""
    match = _SCHEME.match(href[:32])
    return match[1].lower() if match else ""


def check_web_href(href: str, policy: SourcePolicy) -> tuple[str, int]:
    """The host (no brackets) and port of an http(s) URL that may be tried; else InvalidRequest."""
    parts = _split(href)
    if parts.scheme not in ("http", "https"):
        raise InvalidRequest("only http and https are fetched from the network")
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest("the URL holds a user name or password, which is not allowed")
    host, port = parts.hostname or "", parts.port
    if not host or "%" in host or port == 0:
        raise InvalidRequest("the URL names no usable host; allowed: http(s)://host[:port]/path")
    port = port or (443 if parts.scheme == "https" else 80)
    address, name = literal_address(host), host.rstrip(".")
    local = name == "localhost" or name.endswith(".localhost")  # RFC 6761: these are loopback
    private = local if address is None else not is_public(address)
    if private and not policy.allows(host, port) and not (address and policy.allows(str(address), port)):
        raise InvalidRequest(f"the host {host!r} {PRIVATE}")
    return host, port


def check_object_href(href: str, policy: SourcePolicy) -> tuple[str, str, str]:
    """Scheme, bucket and key of an object that the operator lets be read; else InvalidRequest."""
    scheme, allowed = scheme_of(href), policy.fetch.object_stores
    if not allowed:
        raise InvalidRequest(
            f"{scheme}: references are not allowed on this server; "
            "its operator can allow them by server.manager.fetch.object_stores"
        )
    match = _OBJECT.fullmatch(href) if len(href) <= 8192 else None
    if match is None or not {"", ".", ".."}.isdisjoint(match["key"].split("/")):
        raise InvalidRequest(f"the {scheme}: reference cannot be read; allowed: {scheme}://bucket/key")
    if not any(href.startswith(prefix) for prefix in allowed):
        raise InvalidRequest(
            "the object is not below a prefix of server.manager.fetch.object_stores, "
            "which is all that this server reads"
        )
    return scheme, match["bucket"], match["key"]


def local_file(href: str, policy: SourcePolicy) -> Path:
    """The path behind a ``file:`` URL: a regular file under a root, symlinks resolved; else InvalidRequest.

    Whatever lies outside the roots is refused in the same words, whether it exists or not.
    """
    if not policy.roots:
        raise InvalidRequest("file: references are not allowed on this server")
    parts = _split(href)
    if parts.netloc.lower() not in ("", "localhost") or parts.query or parts.fragment:
        raise InvalidRequest("the file: URL is not a local one; allowed: file:///path")
    path = unquote(parts.path)
    if not path.startswith("/") or "\0" in path:
        raise InvalidRequest("the file: URL has no absolute path; allowed: file:///path")
    try:
        real = Path(os.path.realpath(path))
    except OSError as error:  # a link that goes while it is read
        raise InvalidRequest("there is no such file, or it cannot be read") from error
    if not any(real.is_relative_to(os.path.realpath(root)) for root in policy.roots):
        raise InvalidRequest("the file is not in a folder that this server may read")
    if not os.path.isfile(real) or not os.access(real, os.R_OK):
        raise InvalidRequest("there is no such file, or it cannot be read")
    return real


def _split(href: str) -> SplitResult:
    if len(href) > 8192 or _ODD.search(href):
        raise InvalidRequest(
            "the URL is too long, or holds spaces, backslashes or characters that no URL has"
        )
    try:
        parts = urlsplit(href)
        parts.port  # noqa: B018 - reading it is the check
    except ValueError as error:
        raise InvalidRequest("the URL cannot be read; allowed: http(s)://host[:port]/path") from error
    return parts
