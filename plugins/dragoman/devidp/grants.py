"""What a token is given for: a password, a client's secret, a refresh token, a ticket for an audience."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragoman.devidp.realm import Client, Realm
    from dragoman.devidp.tokens import Tokens

type Form = Mapping[str, str]

UMA_TICKET: Final = "urn:ietf:params:oauth:grant-type:uma-ticket"


class OAuthError(Exception):
    """A refusal in the words of RFC 6749, 5.2: ``invalid_client`` is 401, all else 400."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


class Grants:
    """The token endpoint without HTTP; ``authorization`` is the header of that name, or empty."""

    def __init__(self, realm: Realm, tokens: Tokens) -> None:
        self._realm = realm
        self._tokens = tokens
        self._grants: dict[str, Callable[[Form, str], dict[str, Any]]] = {
            "password": self._password,
            "client_credentials": self._client_credentials,
            "refresh_token": self._refresh_token,
            UMA_TICKET: self._uma_ticket,
        }

    @property
    def names(self) -> list[str]:
        """The grants there are."""
        return list(self._grants)

    def token(self, form: Form, authorization: str) -> dict[str, Any]:
        """The body of a token response; raises OAuthError."""
        name = _needed(form, "grant_type")
        if name not in self._grants:
            allowed = ", ".join(self._grants)
            raise OAuthError("unsupported_grant_type", f"unknown grant_type; allowed: {allowed}")
        return self._grants[name](form, authorization)

    def confidential(self, form: Form, authorization: str) -> Client:
        """The client that asks, which has shown its secret; raises OAuthError."""
        client = self.client(form, authorization)
        if not client.secret:
            raise OAuthError("unauthorized_client", "a public client may not do this: it has no secret")
        return client

    def client(self, form: Form, authorization: str) -> Client:
        """The client that asks, by HTTP Basic or in the form; raises OAuthError."""
        name, secret = _credentials(form, authorization)
        client = self._realm.client(name)
        if client is None or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            raise OAuthError("invalid_client", "no such client, or another secret")
        return client

    def _audiences(self) -> tuple[str, ...]:
        return (*self._realm.audiences, "account")

    def _password(self, form: Form, authorization: str) -> dict[str, Any]:
        client = self.client(form, authorization)
        name, password = _needed(form, "username"), _needed(form, "password")
        user = self._realm.user(name)
        if user is None or not hmac.compare_digest(user.password.encode(), password.encode()):
            raise OAuthError("invalid_grant", "Invalid user credentials")
        session = self._tokens.open(user, client, form.get("scope", ""), self._audiences())
        return self._tokens.answer(session, refreshable=True)

    def _client_credentials(self, form: Form, authorization: str) -> dict[str, Any]:
        client = self.confidential(form, authorization)
        session = self._tokens.open(client, client, form.get("scope", ""), self._audiences())
        return self._tokens.answer(session, refreshable=False)

    def _refresh_token(self, form: Form, authorization: str) -> dict[str, Any]:
        client = self.client(form, authorization)
        session = self._tokens.session_of(_needed(form, "refresh_token"))
        if session is None or session.client.id != client.id:
            raise OAuthError("invalid_grant", "the refresh token is not good, or is another client's")
        return self._tokens.answer(session, refreshable=True)

    def _uma_ticket(self, form: Form, authorization: str) -> dict[str, Any]:
        """A token for one audience, as the scripts of CCP ask for it; the audience may be percent-encoded twice."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            session = self._tokens.bearer(token.strip())
            if session is None:
                raise OAuthError("invalid_grant", "the bearer token is not good")
        else:
            client = self.confidential(form, authorization)
            session = self._tokens.open(client, client, "", ())
        audience = _needed(form, "audience")
        if not {audience, unquote(audience)} & set(self._realm.audiences):
            raise OAuthError("invalid_request", "no such audience; dev-idp knows those of --audience")
        ticket = self._tokens.open(session.party, session.client, " ".join(session.scopes), [audience])
        return self._tokens.answer(ticket, refreshable=True)


def _needed(form: Form, name: str) -> str:
    if not (value := form.get(name, "")):
        raise OAuthError("invalid_request", f"{name} is missing")
    return value


def _credentials(form: Form, authorization: str) -> tuple[str, str]:
    """A client's name and secret; by HTTP Basic both are form-encoded first (RFC 6749, 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise OAuthError("invalid_client", "the Basic credentials cannot be read") from error
    return unquote_plus(name), unquote_plus(secret)
