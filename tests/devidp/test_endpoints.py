"""The provider as clients meet it: discovery, grants, introspection, revocation, rotation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jwt
import pytest
import requests

from dragoman.devidp.grants import UMA_TICKET

if TYPE_CHECKING:
    from dragoman.devidp.serving import DevIdp

PASSWORD = {"grant_type": "password", "client_id": "dragoman-cli", "username": "alice", "password": "alice"}
SERVICE = ("dragoman-service", "secret")


def _post(url: str, form: dict[str, Any], **options: Any) -> requests.Response:
    return requests.post(url, data=form, timeout=30, **options)


def _token(idp: DevIdp, form: dict[str, Any], **options: Any) -> dict[str, Any]:
    answer = _post(idp.token_endpoint, form, **options)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = answer.json()
    return body


def _claims(idp: DevIdp, token: str, audience: str = "dragoman") -> dict[str, Any]:
    """What a resource server reads, by discovery alone."""
    discovery = requests.get(f"{idp.issuer}/.well-known/openid-configuration", timeout=30).json()
    key = jwt.PyJWKClient(discovery["jwks_uri"]).get_signing_key_from_jwt(token)
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["RS256"], audience=audience, issuer=discovery["issuer"]
    )
    return claims


def test_a_password_gives_a_token_in_keycloaks_shape(idp: DevIdp) -> None:
    body = _token(idp, {**PASSWORD, "scope": "geo.run"})
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 300, "email geo.run profile")
    assert jwt.get_unverified_header(body["access_token"])["typ"] == "JWT"
    claims = _claims(idp, body["access_token"])
    assert claims["azp"] == "dragoman-cli"
    assert "client_id" not in claims
    assert claims["aud"] == ["dragoman", "/root/VO/VRE", "account"]
    assert claims["realm_access"] == {"roles": ["analyst"]}
    assert (claims["preferred_username"], claims["typ"]) == ("alice", "Bearer")
    assert "id_token" not in body


def test_openid_adds_an_id_token_that_is_the_clients(idp: DevIdp) -> None:
    body = _token(idp, {**PASSWORD, "scope": "openid"})
    claims = _claims(idp, body["id_token"], audience="dragoman-cli")
    assert claims["typ"] == "ID"


def test_a_client_acts_for_itself_by_its_secret(idp: DevIdp) -> None:
    form = {"grant_type": "client_credentials"}
    basic = _token(idp, form, auth=SERVICE)
    posted = _token(idp, {**form, "client_id": SERVICE[0], "client_secret": SERVICE[1]})
    subjects = {_claims(idp, body["access_token"])["sub"] for body in (basic, posted)}
    assert len(subjects) == 1
    assert "refresh_token" not in basic


def test_a_refresh_token_is_exchanged_and_is_no_access_token(idp: DevIdp) -> None:
    first = _token(idp, {**PASSWORD, "scope": "geo.run"})
    form = {
        "grant_type": "refresh_token",
        "client_id": "dragoman-cli",
        "refresh_token": first["refresh_token"],
    }
    second = _token(idp, form)
    assert _claims(idp, second["access_token"])["scope"] == "email geo.run profile"
    other = _post(idp.token_endpoint, {**form, "client_id": "a client"})
    assert (other.status_code, other.json()["error"]) == (400, "invalid_grant")
    bearer = {"Authorization": f"Bearer {first['refresh_token']}"}
    ticket = _post(idp.token_endpoint, {"grant_type": UMA_TICKET, "audience": "dragoman"}, headers=bearer)
    assert (ticket.status_code, ticket.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("audience", ["/root/VO/VRE", "%2Froot%2FVO%2FVRE"])
def test_the_two_steps_of_a_ccp_script(idp: DevIdp, audience: str) -> None:
    """As R sends them: a client with a blank in its name, then the audience, percent-encoded once more."""
    form = f"grant_type=password&client_id={quote('a client')}&username=alice&password=alice"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    first = requests.post(idp.token_endpoint, data=form, headers=headers, timeout=30).json()
    form = f"grant_type={quote(UMA_TICKET, safe='')}&audience={quote(audience, safe='')}"
    headers["Authorization"] = f"Bearer {first['access_token']}"
    second = requests.post(idp.token_endpoint, data=form, headers=headers, timeout=30)
    assert second.status_code == 200, second.text
    claims = _claims(idp, second.json()["access_token"], audience=audience)
    assert claims["aud"] == audience
    assert claims["azp"] == "a client"


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no grant": ({}, 400, "invalid_request"),
    "an unknown grant": ({"grant_type": "implicit"}, 400, "unsupported_grant_type"),
    "another password": ({**PASSWORD, "password": "alicf"}, 400, "invalid_grant"),
    "no password": ({**PASSWORD, "password": ""}, 400, "invalid_request"),
    "nobody": ({**PASSWORD, "username": "nobody"}, 400, "invalid_grant"),
    "an unknown client": ({**PASSWORD, "client_id": "who"}, 401, "invalid_client"),
    "a public client": (
        {"grant_type": "client_credentials", "client_id": "dragoman-cli"},
        400,
        "unauthorized_client",
    ),
    "another secret": (
        {"grant_type": "client_credentials", "client_id": SERVICE[0], "client_secret": "x"},
        401,
        "invalid_client",
    ),
    "a field twice": ({**PASSWORD, "username": ["alice", "bob"]}, 400, "invalid_request"),
    "a forged refresh token": (
        {"grant_type": "refresh_token", "client_id": "dragoman-cli", "refresh_token": "a.b.c"},
        400,
        "invalid_grant",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_in_the_words_of_rfc_6749(idp: DevIdp, name: str) -> None:
    form, status, code = REFUSED[name]
    answer = _post(idp.token_endpoint, form)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_an_audience_that_nobody_has_gets_no_ticket(idp: DevIdp) -> None:
    bearer = {"Authorization": f"Bearer {_token(idp, PASSWORD)['access_token']}"}
    answer = _post(idp.token_endpoint, {"grant_type": UMA_TICKET, "audience": "other"}, headers=bearer)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("client", ["dragoman-service", "dragoman-opaque"])
def test_tokens_are_explained_until_they_are_revoked(idp: DevIdp, client: str) -> None:
    body = _token(idp, {"grant_type": "client_credentials"}, auth=(client, "secret"))
    token = body["access_token"]
    assert (token.count(".") == 2) == (client == "dragoman-service")
    told = _post(idp.introspection_endpoint, {"token": token}, auth=SERVICE).json()
    assert (told["active"], told["client_id"], told["iss"]) == (True, client, idp.issuer)
    assert told["aud"][0] == "dragoman"
    assert (
        _post(f"{idp.issuer}/protocol/openid-connect/revoke", {"token": token}, auth=SERVICE).status_code
        == 200
    )
    assert _post(idp.introspection_endpoint, {"token": token}, auth=SERVICE).json() == {"active": False}


def test_introspection_is_for_clients_with_a_secret(idp: DevIdp) -> None:
    token = _token(idp, PASSWORD)["access_token"]
    assert _post(idp.introspection_endpoint, {"token": token}).status_code == 401
    public = _post(idp.introspection_endpoint, {"token": token, "client_id": "dragoman-cli"})
    assert public.status_code == 400
    for nonsense in ("", "x", "a.b.c", "." * 5000):
        answer = _post(idp.introspection_endpoint, {"token": nonsense}, auth=SERVICE)
        assert (answer.status_code, answer.json()) == (200, {"active": False})


def test_a_revoked_refresh_token_ends_its_session(idp: DevIdp) -> None:
    body = _token(idp, PASSWORD)
    form = {"token": body["refresh_token"], "client_id": "dragoman-cli"}
    assert _post(f"{idp.issuer}/protocol/openid-connect/revoke", form).status_code == 200
    again = {
        "grant_type": "refresh_token",
        "client_id": "dragoman-cli",
        "refresh_token": body["refresh_token"],
    }
    assert _post(idp.token_endpoint, again).json()["error"] == "invalid_grant"
    assert _post(idp.introspection_endpoint, {"token": body["access_token"]}, auth=SERVICE).json() == {
        "active": False
    }


def test_keys_rotate_on_demand(idp: DevIdp) -> None:
    old = _token(idp, PASSWORD)["access_token"]
    kid = requests.post(f"{idp.issuer}/dev/rotate", timeout=30).json()["kid"]
    new = _token(idp, PASSWORD)["access_token"]
    assert jwt.get_unverified_header(new)["kid"] == kid
    assert _claims(idp, old)["sub"] == _claims(idp, new)["sub"]
    requests.post(f"{idp.issuer}/dev/rotate?forget", timeout=30)
    with pytest.raises(jwt.PyJWKClientError):
        _claims(idp, old)
    assert _post(idp.introspection_endpoint, {"token": old}, auth=SERVICE).json() == {"active": False}


def test_an_unknown_path_is_an_error_in_json(idp: DevIdp) -> None:
    answer = requests.get(f"{idp.issuer}/nothing", timeout=30)
    assert (answer.status_code, answer.json()["error"]) == (404, "invalid_request")
