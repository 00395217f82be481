"""Who asks: the one place where a request becomes a principal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flask import Request, current_app, g, has_request_context

from dragoman.errors import DragomanError, InsufficientScope, Unauthorized
from dragoman.model.principal import ANONYMOUS, Principal
from dragoman.web.bearer import token_of
from dragoman.web.dispatch import BY_KEY, public_word

if TYPE_CHECKING:
    from dragoman.config.auth import AuthSettings, OidcSettings

type Authenticate = Callable[[Request], Principal]
"""Finds out for whom a request is made; raises Unauthorized, Forbidden, Unavailable. It sees every path."""
type Speaker = Callable[[str], Principal]
"""Finds out whom a token speaks for; raises InvalidToken, InsufficientScope, Unavailable."""

SAFE: Final = ("GET", "HEAD", "OPTIONS")
ADMIN_ONLY: Final = ("metrics", "admin")
"""What is for an admin unless it is public; ``admin``, the host's own interface, can never be."""


def anonymous(_request: Request) -> Principal:
    """The principal of every request while there is no authentication."""
    return ANONYMOUS


def by_token(auth: AuthSettings, speaker: Speaker) -> Authenticate:
    """Authenticate by bearer tokens (RFC 6750).

    What ``auth.public`` names, and what checks a key in its URL, may be read by everybody: there a token counts if it
    is good, and else is nothing.
    """
    assert auth.oidc is not None
    need, hints, admin_role = (
        words_for_strangers(auth.oidc),
        hints_for_strangers(auth.oidc),
        auth.oidc.admin_role,
    )

    def authenticate(request: Request) -> Principal:
        word = public_word(current_app, request.endpoint)
        if (word in auth.public or word == BY_KEY) and request.method in SAFE:
            return _if_good(request, speaker)
        token = token_of(request)
        if token is None:
            raise Unauthorized(need, hints=hints)
        principal = speaker(token)
        if word in ADMIN_ONLY and not principal.admin:
            raise InsufficientScope(f"this is for those with the role {admin_role}")
        return principal

    return authenticate


def words_for_strangers(oidc: OidcSettings) -> str:
    """What somebody without a token is told, in every dialect."""
    return f"this needs a token of {oidc.issuer}: send it in the header Authorization, as Bearer TOKEN"


def hints_for_strangers(oidc: OidcSettings) -> tuple[str, ...]:
    """What a page tells them besides: a browser cannot send the header by itself."""
    client = f" People log in there by the client {oidc.client_id}." if oidc.client_id else ""
    return (
        f"Get an access token from {oidc.issuer}, which speaks OpenID Connect.{client}",
        "Send it with every request, for instance: curl -H 'Authorization: Bearer TOKEN' URL",
        "A browser does not send one by itself; an extension that sets request headers makes it do so.",
    )


def _if_good(request: Request, speaker: Speaker) -> Principal:
    if "Authorization" not in request.headers:
        return ANONYMOUS
    try:
        token = token_of(request)
        return ANONYMOUS if token is None else speaker(token)
    except DragomanError:
        return ANONYMOUS


def identify(request: Request, authenticate: Authenticate) -> None:
    """Authenticate the current request, once, before any view; raises as ``authenticate``."""
    g.dragoman_principal = authenticate(request)


def current() -> Principal:
    """Whom the current request is made for; anonymous outside of any request, where pygeoapi itself asks.

    A request that the guards have not seen has no principal, which is an error and not anonymous.
    """
    if not has_request_context():
        return ANONYMOUS
    principal: Principal = g.dragoman_principal
    return principal
