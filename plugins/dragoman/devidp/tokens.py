"""Tokens in Keycloak's shape: typ JWT, the client as ``azp`` and no ``client_id``, roles below ``realm_access``."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import jwt

from dragoman.devidp.realm import Client, User

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.devidp.keys import KeyRing
    from dragoman.devidp.realm import Realm

DEFAULT_SCOPES: Final = ("email", "profile")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who signed in, through which client, and what was granted."""

    party: User | Client
    client: Client
    scopes: tuple[str, ...]
    audiences: tuple[str, ...]
    id: str

    def claims(self) -> dict[str, Any]:
        """What every token of the session says, in Keycloak's words."""
        name = self.party.name if isinstance(self.party, User) else f"service-account-{self.party.id}"
        return {
            "sub": self.party.sub,
            "azp": self.client.id,
            "sid": self.id,
            "scope": " ".join(self.scopes),
            "preferred_username": name,
            "realm_access": {"roles": list(self.party.roles)},
        }


class Tokens:
    """Makes tokens of one issuer, and tells whether they are still good. Any thread may ask."""

    def __init__(self, issuer: str, realm: Realm, keys: KeyRing) -> None:
        self.issuer = issuer
        self.keys = keys
        self._realm = realm
        self._secret = secrets.token_bytes(64)
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._handles: dict[str, dict[str, Any]] = {}
        self._revoked: set[str] = set()

    def open(self, party: User | Client, client: Client, scope: str, audiences: Sequence[str]) -> Session:
        """A new session of somebody who has shown who they are."""
        scopes = tuple(sorted({*DEFAULT_SCOPES, *scope.split()}))
        session = Session(
            party=party, client=client, scopes=scopes, audiences=tuple(audiences), id=str(uuid4())
        )
        with self._lock:
            self._sessions[session.id] = session
        return session

    def answer(self, session: Session, *, refreshable: bool) -> dict[str, Any]:
        """The body of a token response (RFC 6749, 5.1) with Keycloak's additions."""
        lifetime = self._realm.lifetime
        body: dict[str, Any] = {
            "access_token": self.access(session),
            "expires_in": lifetime,
            "token_type": "Bearer",
            "not-before-policy": 0,
            "scope": " ".join(session.scopes),
        }
        if refreshable:
            body["refresh_token"] = self.refresh(session)
            body["refresh_expires_in"] = self._realm.refresh_lifetime
            body["session_state"] = session.id
        if "openid" in session.scopes:
            body["id_token"] = self.identity(session)
        return body

    def access(self, session: Session, **changes: Any) -> str:
        """An access token; a change of None leaves the claim out."""
        claims = self.access_claims(session) | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        if not session.client.opaque:
            return self.keys.current.sign(claims)
        handle = secrets.token_urlsafe(32)
        with self._lock:
            self._handles[handle] = claims
        return handle

    def access_claims(self, session: Session) -> dict[str, Any]:
        """What an access token that is made now says."""
        audiences = session.audiences
        return {
            **self._times(self._realm.lifetime),
            "aud": audiences[0] if len(audiences) == 1 else list(audiences),
            "typ": "Bearer",
            **session.claims(),
        }

    def identity(self, session: Session) -> str:
        """An ID token: for the client, never for a resource server."""
        claims = session.claims() | {"aud": session.client.id, "typ": "ID"}
        return self.keys.current.sign({**self._times(self._realm.lifetime), **claims})

    def refresh(self, session: Session) -> str:
        """A refresh token, which this provider alone can read."""
        claims = {**self._times(self._realm.refresh_lifetime), "aud": self.issuer, "typ": "Refresh"}
        return jwt.encode({**claims, **session.claims()}, self._secret, algorithm="HS512")

    def session_of(self, refresh_token: str) -> Session | None:
        """The session that a refresh token continues, if it is ours, fresh and not revoked."""
        try:
            claims = jwt.decode(refresh_token, self._secret, algorithms=["HS512"], audience=self.issuer)
        except jwt.PyJWTError:
            return None
        return None if self._withdrawn(claims) else self._sessions.get(claims["sid"])

    def bearer(self, token: str) -> Session | None:
        """The session of an access token that is good."""
        claims = self.explain(token)
        return self._sessions.get(claims["sid"]) if claims and claims["typ"] == "Bearer" else None

    def explain(self, token: str) -> Mapping[str, Any] | None:
        """The claims of an access or refresh token that is good now; else None."""
        claims = self._handles.get(token) or self._decoded(token)
        if claims is None or self._withdrawn(claims) or claims["exp"] <= time.time():
            return None
        return claims

    def revoke(self, token: str) -> None:
        """Let a token be good no longer; with a refresh token goes its whole session (RFC 7009)."""
        claims = self._handles.get(token) or self._decoded(token)
        if claims is not None:
            with self._lock:
                self._revoked.add(claims["sid"] if claims["typ"] == "Refresh" else claims["jti"])

    def _decoded(self, token: str) -> dict[str, Any] | None:
        options: Any = {"verify_aud": False, "verify_exp": False}
        candidates: list[tuple[Any, str]] = [
            (key.private.public_key(), key.algorithm) for key in self.keys.published
        ]
        for key, algorithm in [*candidates, (self._secret, "HS512")]:
            try:
                claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options=options)
            except (jwt.PyJWTError, RecursionError, ValueError):
                continue
            return claims if claims.get("iss") == self.issuer and "sid" in claims else None
        return None

    def _withdrawn(self, claims: Mapping[str, Any]) -> bool:
        return claims["jti"] in self._revoked or claims["sid"] in self._revoked

    def _times(self, lifetime: int) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": self.issuer, "iat": now, "exp": now + lifetime, "jti": str(uuid4())}
