"""Opaque tokens: the provider is asked what they are (RFC 7662)."""

from __future__ import annotations

import base64
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus, urlencode

from dragoman.errors import InvalidToken
from dragoman.identity.claims import seconds
from dragoman.identity.provider import Provider, Refusal, fetch_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.config.auth import IntrospectionSettings, OidcSettings

KEPT: Final = 60.0
"""Seconds for which an answer counts at most: that long a revoked token may still be accepted."""


def introspected_claims(
    token: str, endpoint: IntrospectionSettings, oidc: OidcSettings, provider: Provider
) -> Mapping[str, Any]:
    """What the provider says of a good token. Raises InvalidToken, and Unavailable if it cannot be asked."""
    request = _request(token, endpoint)
    try:
        claims = provider.ask(lambda: fetch_json(request))
    except Refusal as refusal:
        raise InvalidToken("the token is none that the issuer knows") from refusal
    if claims.get("active") is not True:
        raise InvalidToken("the token has expired, was revoked, or is none that the issuer knows")
    _check(claims, oidc)
    return claims


def _request(token: str, endpoint: IntrospectionSettings) -> urllib.request.Request:
    """RFC 6749, 2.3.1: id and secret are form-encoded before they are joined."""
    pair = f"{quote_plus(endpoint.client_id)}:{quote_plus(endpoint.client_secret)}"
    form = urlencode({"token": token, "token_type_hint": "access_token"})
    return urllib.request.Request(
        endpoint.url,
        data=form.encode(),
        headers={
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        },
    )


def _check(claims: Mapping[str, Any], oidc: OidcSettings) -> None:
    """Issuer, time and kind, each as far as the answer has it: RFC 7662 makes them optional."""
    now = time.time()
    if claims.get("iss", oidc.issuer) != oidc.issuer:
        raise InvalidToken("the token is of another issuer")
    if seconds(claims.get("exp"), now + 1) <= now - oidc.leeway:
        raise InvalidToken("the token has expired")
    if seconds(claims.get("nbf"), now) > now + oidc.leeway:
        raise InvalidToken("the token is not valid yet")
    for name in ("token_type", "typ"):
        if str(claims.get(name) or "bearer").lower() != "bearer":
            raise InvalidToken("the token is no access token that its bearer may use")
