"""What the real provider gives, so that what our server makes of it rests on something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests
from realprovider import RESOURCE_SERVER, SECRET, RealProvider, real_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProvider]:
    with real_provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


def _explained(provider: RealProvider, token: str) -> dict[str, Any]:
    settings = provider.introspection()
    answer = requests.post(settings["url"], data={"token": token}, auth=(RESOURCE_SERVER, SECRET), timeout=60)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_resource_indicator_gives_a_signed_token_of_rfc_9068(provider: RealProvider) -> None:
    token = provider.token()
    key = jwt.PyJWKClient(provider.discovery["jwks_uri"]).get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["RS256"], audience="dragoman", issuer=provider.issuer)
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    assert (claims["client_id"], claims["scope"]) == ("scientist", "geo.run")


def test_an_opaque_token_is_explained_until_it_is_revoked(provider: RealProvider) -> None:
    token = provider.token("urn:dragoman:opaque")
    assert "." not in token
    told = _explained(provider, token)
    assert (told["active"], told["client_id"], told["aud"]) == (True, "scientist", "dragoman")
    provider.revoke(token)
    assert _explained(provider, token) == {"active": False}
