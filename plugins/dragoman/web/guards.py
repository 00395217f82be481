"""Who may ask at all, and from where; for every path of the server, pygeoapi's own included.

Without a proxy and without authentication the server serves this machine alone:

- the peer is loopback, whatever the web server was told to bind to;
- the Host is loopback, ``localhost`` or that of ``server.url``: a name that somebody else's DNS points at
  127.0.0.1 makes a hostile page same-origin with this server, and its own Origin no longer tells on it;
- an unsafe method has no Origin (no browser), the server's own, or one of ``cors.origins``; any at all where
  the operator says ``server.cors: true``, as pygeoapi does.

With ``auth.oidc`` the first two fall away, for which they stood in; the third stays. Whoever passes is authenticated
here, before any view, by the function that the composition root chose.

GET is open to all origins; OPTIONS preflights are answered here and never challenged.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from flask import request

from dragoman.errors import DragomanError, Forbidden, PayloadTooLarge
from dragoman.web import auth, wording
from dragoman.web.auth import SAFE
from dragoman.web.links import keep_outside, origin_of, public_base
from dragoman.web.responses import empty_response

if TYPE_CHECKING:
    from flask import Blueprint, Response
    from flask.blueprints import BlueprintSetupState

    from dragoman.config.settings import Settings
    from dragoman.web.auth import Authenticate

EXPOSED: Final = (
    "Accept-Ranges, Allow, Content-Disposition, Content-Length, Content-Location, Content-Range, ETag, "
    "Last-Modified, Link, Location, Preference-Applied, Retry-After, WWW-Authenticate"
)
"""Headers that scripts of other origins may read."""

ACCEPTED: Final = (
    "Accept, Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-Modified-Since, "
    "If-None-Match, If-Range, If-Unmodified-Since, Prefer, Range, X-CSRFToken, X-Requested-With"
)
"""Headers that scripts of other origins may send."""

METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

_INSTALLED: Final = "dragoman_guards"


def install(blueprint: Blueprint, settings: Settings, authenticate: Authenticate) -> None:
    """Guard every path of the application that the blueprint is registered with; once per application."""

    def register(state: BlueprintSetupState) -> None:
        if _INSTALLED in state.app.extensions:
            return
        state.app.extensions[_INSTALLED] = settings
        state.app.before_request_funcs.setdefault(None, []).insert(0, lambda: check(settings, authenticate))
        after = state.app.after_request_funcs.setdefault(None, [])
        after.append(lambda answer: open_up(settings, keep_outside(settings, answer)))

    blueprint.record(register)


def check(settings: Settings, authenticate: Authenticate) -> Response | None:
    """A refusal of the current request, or the answer to a preflight; None lets it pass, authenticated."""
    try:
        if not settings.behind_proxy and settings.auth.oidc is None:
            _check_peer(request.remote_addr or "")
            _check_host(request.host, settings)
        if request.method not in SAFE:
            _check_origin(request.headers.get("Origin"), settings)
        _check_size(settings.limits.request_bytes)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return empty_response()
        auth.identify(request, authenticate)
    except DragomanError as error:
        return wording.refuse_here(error, settings.server_url)
    return None


def open_up(settings: Settings, response: Response) -> Response:
    """Add the CORS headers, unless somebody has."""
    origin = request.headers.get("Origin")
    method = request.headers.get("Access-Control-Request-Method", "") if request.method == "OPTIONS" else ""
    if "Access-Control-Allow-Origin" in response.headers:
        return response
    if (method.upper() or request.method) in SAFE:
        response.headers["Access-Control-Allow-Origin"] = "*"
    elif origin and allowed_origin(origin, settings):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers.add("Vary", "Origin")
    else:
        return response
    if method:
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = ACCEPTED
        response.headers["Access-Control-Max-Age"] = "600"
    response.headers["Access-Control-Expose-Headers"] = "*" if settings.cors_everyone else EXPOSED
    return response


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether an address, or a name without port, stands for this machine and no other."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.split("%", 1)[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def is_own_host(host: str, settings: Settings) -> bool:
    """Whether a Host is this machine, or that of ``server.url``; a page of any other is somebody else's."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name) or name == urlsplit(settings.server_url).hostname


def allowed_origin(origin: str, settings: Settings) -> bool:
    """Whether a page of ``origin`` may change anything here."""
    own = {origin_of(settings.server_url), origin_of(public_base(settings))}
    if not settings.behind_proxy and is_own_host(request.host, settings):
        own.add(origin_of(f"{request.scheme}://{request.host}"))
    sent = origin.lower()
    return sent in own - {""} or sent in settings.cors_origins or settings.cors_everyone


def _check_peer(address: str) -> None:
    if not is_loopback(address):
        raise Forbidden("this server answers its own machine only; see server.manager.auth")


def _check_host(host: str, settings: Settings) -> None:
    if not is_own_host(host, settings):
        raise Forbidden("the Host is not one of this server's names; see server.url")


def _check_origin(origin: str | None, settings: Settings) -> None:
    if origin is not None and not allowed_origin(origin, settings):
        raise Forbidden("pages of this Origin may not do this; see server.manager.cors")


def _check_size(limit: int) -> None:
    """Refuse a body that says it is too large.

    One that does not say is cut off one byte beyond the limit, which ``bodies`` takes for too large.
    """
    if (request.content_length or 0) > limit:
        raise PayloadTooLarge(f"the body is larger than this server accepts; allowed: {limit} bytes")
    request.max_content_length = limit + 1
