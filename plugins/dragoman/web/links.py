"""Absolute links, from the server's public base URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urlsplit

from flask import request
from werkzeug.routing import RequestRedirect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Response
    from werkzeug.datastructures import Headers

    from dragoman.config.settings import Settings
    from dragoman.model.process import JSON

type Link = dict[str, JSON]
type Query = Sequence[tuple[str, str]]

_HOST: Final = re.compile(r"[A-Za-z0-9._\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~\-]+)*/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which part of a list is shown, and of how many."""

    limit: int
    offset: int
    """How many come before; where the list goes on by key, as many as did when its first page was shown."""
    matched: int
    more: bool | None = None
    """Whether there is a next page; None: the numbers tell."""
    key: int | None = None
    """What the next page goes on after; None: it begins at an offset."""


def public_base(settings: Settings) -> str:
    """The server's base URL as the current client sees it, without a slash at its end.

    Behind a proxy the X-Forwarded headers of the last hop go before ``server.url``; else they are ignored.
    """
    if not settings.behind_proxy:
        return settings.server_url
    return forwarded_base(settings.server_url, request.headers)


def keep_outside(settings: Settings, response: Response) -> Response:
    """Have a redirect of the routing, of doubled slashes say, lead to where the client sees the server."""
    error = request.routing_exception
    if isinstance(error, RequestRedirect):
        parts = urlsplit(error.new_url)
        path = parts.path.removeprefix(request.script_root)
        response.headers["Location"] = (
            public_base(settings) + path + (f"?{parts.query}" if parts.query else "")
        )
    return response


def client_base(settings: Settings) -> str:
    """The base URL that the current client used, port and all: some know their links by it.

    Its Host header; behind a proxy that of the proxy is no help, and what counts is as in ``public_base``.
    """
    host = request.headers.get("Host", "")
    if settings.behind_proxy or not _HOST.fullmatch(host):
        return public_base(settings)
    return f"{request.scheme}://{host}{request.script_root}"


def forwarded_base(server_url: str, headers: Headers | Mapping[str, str]) -> str:
    """``server_url`` with what X-Forwarded-Proto, -Host and -Prefix say; a malformed one is ignored."""
    proto, host = _last(headers, "X-Forwarded-Proto").lower(), _last(headers, "X-Forwarded-Host")
    prefix = _last(headers, "X-Forwarded-Prefix")
    parts = urlsplit(server_url)
    scheme = proto if proto in ("http", "https") else parts.scheme
    netloc = host if _HOST.fullmatch(host) else parts.netloc
    path = prefix if prefix and _PREFIX.fullmatch(prefix) else parts.path
    return f"{scheme}://{netloc}{path.rstrip('/')}"


def _last(headers: Headers | Mapping[str, str], name: str) -> str:
    """What the nearest proxy wrote."""
    return headers.get(name, "").rsplit(",", 1)[-1].strip()


def origin_of(url: str) -> str:
    """``scheme://host[:port]`` in lower case, the default port left out, as a browser's Origin has it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, default) else "")


def url(base: str, *segments: str, query: Query = ()) -> str:
    """``base`` with segments (each percent-encoded) and a query."""
    path = "".join("/" + quote(segment, safe="", errors="replace") for segment in segments)
    return f"{base}{path}" + (f"?{urlencode(query, errors='replace')}" if query else "")


def link(href: str, rel: str, type: str = "application/json", title: str = "") -> Link:
    """An OGC link (link.yaml); an empty ``type`` or ``title`` is left out."""
    members: Link = {"href": href, "rel": rel}
    if type:
        members["type"] = type
    if title:
        members["title"] = title
    return members


def self_links(
    href: str, query: Query = (), *, form: str = "json", title: str = "This document"
) -> list[Link]:
    """``self`` in the form of this answer, and ``alternate`` in the other one, which names it by ``f``."""
    kept = [(name, value) for name, value in query if name != "f"]
    as_json, as_html = _with(href, [*kept, ("f", "json")]), _with(href, [*kept, ("f", "html")])
    if form == "html":
        return [
            link(as_html, "self", "text/html", title),
            link(as_json, "alternate", "application/json", f"{title} as JSON"),
        ]
    return [
        link(_with(href, kept), "self", "application/json", title),
        link(as_html, "alternate", "text/html", f"{title} as HTML"),
    ]


def page_links(href: str, query: Query, paging: Paging, *, form: str = "json") -> list[Link]:
    """self, alternate, and next and prev where there are such pages; other query members are kept."""
    links = self_links(href, query, form=form)
    rest = [(name, value) for name, value in query if name not in ("limit", "offset", "after", "f")]
    rest += [("f", "html")] if form == "html" else []
    media_type = "text/html" if form == "html" else "application/json"

    def page(offset: int, rel: str, title: str, *key: tuple[str, str]) -> Link:
        members = [*rest, ("limit", str(paging.limit)), ("offset", str(offset)), *key]
        return link(_with(href, members), rel, media_type, title)

    behind = paging.offset + paging.limit
    if behind < paging.matched if paging.more is None else paging.more:
        key = [] if paging.key is None else [("after", str(paging.key))]
        links.append(page(behind, "next", "Next page", *key))
    if paging.offset > 0:
        links.append(page(max(0, paging.offset - paging.limit), "prev", "Previous page"))
    return links


def _with(href: str, query: Query) -> str:
    return f"{href}?{urlencode(query, errors='replace')}" if query else href
