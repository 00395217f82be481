"""A server that asks for tokens of a provider of dev-idp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenkit import TokenFactory


def oidc_manager(factory: TokenFactory) -> dict[str, Any]:
    """The server's part of its configuration, for signed and for opaque tokens."""
    introspection = {
        "url": factory.idp.introspection_endpoint,
        "client_id": "dragoman-service",
        "client_secret": "secret",
    }
    oidc = {"issuer": factory.idp.issuer, "audience": "dragoman", "introspection": introspection}
    return {"auth": {"oidc": oidc}}
