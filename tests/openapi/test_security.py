"""Documents of servers that ask for tokens: valid, and public where the server is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from dragoman.adapters import registry
from dragoman.adapters.dialect import ServerInfo
from dragoman.config.auth import AuthSettings, OidcSettings
from dragoman.openapi.security import Security, security_of

if TYPE_CHECKING:
    from dragoman.packages.catalogue import Catalogue

ISSUER = "https://id.example.org/"
OIDC = OidcSettings(issuer=ISSUER, audience=("x",), scopes=("geo",))
NEEDED = [{"openIdConnect": ["geo"]}, {"bearer": []}]


def documents(catalogue: Catalogue, security: Security | None) -> dict[str, Any]:
    return registry.documents(catalogue, ServerInfo(url="http://x", title="t", security=security))


def test_without_authentication_none_is_declared(catalogue: Catalogue) -> None:
    assert security_of(AuthSettings()) is None
    for document in documents(catalogue, None).values():
        assert document["security"] == []
        assert "securitySchemes" not in document["components"]


@pytest.mark.parametrize("name", [dialect.name for dialect in registry.DIALECTS])
def test_with_it_each_operation_takes_a_token_unless_it_is_public(catalogue: Catalogue, name: str) -> None:
    security = security_of(AuthSettings(oidc=OIDC, public=frozenset({"processes", "landing", "health"})))
    document = documents(catalogue, security)[name]
    OpenAPIV30SpecValidator(document).validate()
    scheme = document["components"]["securitySchemes"]["openIdConnect"]
    assert scheme["openIdConnectUrl"] == "https://id.example.org/.well-known/openid-configuration"
    assert document["security"] == NEEDED
    free = {path for path, item in document["paths"].items() if {} in item.get("get", {}).get("security", [])}
    stubs = {"/processes/{processID}/stubs", "/processes/{processID}/stubs/{language}"}
    of_ogc = {"/", "/processes", *(f"/processes/{process.id}" for process in catalogue), *stubs}
    expected = {
        "ogc": {
            "/",
            "/livez",
            "/readyz",
            "/processes",
            *(f"/processes/{process.id}" for process in catalogue),
            "/processes/{processID}/stubs",
            "/processes/{processID}/stubs/{language}",
        },
        "pesto": {f"/api/v1/{word}" for word in ("describe", "config", "version", "health")},
        "ccp": of_ogc,
        "aeon": {"/health"},
        "ncdjango": set(),
        "appstore": set(),
    }
    assert free == expected[name]
    for item in document["paths"].values():
        assert "security" not in item.get("post", {})


def test_what_the_repository_carries_is_of_servers_with_and_without(catalogue: Catalogue) -> None:
    for document in registry.documents(catalogue).values():
        assert document["security"] == [{}, {"openIdConnect": []}, {"bearer": []}]
