"""The door: a token in, a principal out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import InvalidToken
from dragoman.identity.claims import principal, seconds
from dragoman.identity.introspection import KEPT, introspected_claims
from dragoman.identity.jwts import is_jwt, verified_claims
from dragoman.identity.kept import Kept
from dragoman.identity.provider import Provider
from dragoman.identity.signing_keys import SigningKeys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.config.auth import OidcSettings
    from dragoman.model.principal import Principal

LONGEST: Final = 16 * 1024
"""Characters of a token; of a longer one nothing is looked at."""


class Tokens:
    """Tells whom tokens speak for; the answer counts for a minute at most, and not beyond ``exp``."""

    def __init__(self, oidc: OidcSettings) -> None:
        self._oidc = oidc
        self._of_keys, self._of_introspection = (
            Provider(),
            Provider(),
        )  # what ails one must not stop the other
        self._keys = SigningKeys(oidc.issuer, self._of_keys)
        self._good: Kept[Principal] = Kept()
        self._bad: Kept[str] = Kept()  # of opaque tokens alone: each costs a question

    def away(self) -> bool:
        """Whether the provider could not be asked the last time that somebody tried."""
        return bool(self.fault)

    @property
    def fault(self) -> str:
        """Why the provider could not be asked the last time; empty: it could, or nobody has."""
        return self._of_keys.fault or self._of_introspection.fault

    def principal(self, token: str) -> Principal:
        """Whom a token speaks for.

        Raises InvalidToken, InsufficientScope for a good one without the scopes that every token needs, and
        Unavailable while the provider cannot be asked.
        """
        if len(token) > LONGEST:
            raise InvalidToken(f"the token is longer than {LONGEST} characters")
        known = self._good.get(token)
        if known is not None:
            return known
        return self._of_jwt(token) if is_jwt(token) else self._of_opaque(token)

    def _of_jwt(self, token: str) -> Principal:
        claims = verified_claims(token, self._oidc, self._keys)
        owner = principal(claims, self._oidc)
        self._good.put(token, owner, until=self._keys.until, moment=self._expiry(claims))
        return owner

    def _of_opaque(self, token: str) -> Principal:
        endpoint = self._oidc.introspection
        if endpoint is None:
            raise InvalidToken("the token is no JWT, and others are not accepted here")
        fault = self._bad.get(token)
        if fault is not None:
            raise InvalidToken(fault)
        until = time.monotonic() + KEPT  # from before the question: the answer may be as old
        try:
            claims = introspected_claims(token, endpoint, self._oidc, self._of_introspection)
            owner = principal(claims, self._oidc)
        except InvalidToken as error:
            self._bad.put(token, error.detail, until=until)
            raise
        self._good.put(token, owner, until=until, moment=self._expiry(claims))
        return owner

    def _expiry(self, claims: Mapping[str, Any]) -> float:
        return seconds(claims.get("exp"), float("inf")) + self._oidc.leeway
