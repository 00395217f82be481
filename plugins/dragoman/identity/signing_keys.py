"""The keys that the provider signs tokens with: discovered, fetched when they are needed, and kept for a minute."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from jwt import PyJWK, PyJWKClient
from jwt.exceptions import PyJWKClientError

from dragoman.config.auth import is_private_enough
from dragoman.errors import InvalidToken, Unavailable
from dragoman.identity.provider import AWAY, RETRY, TIMEOUT, Provider, Refusal, fetch_json

if TYPE_CHECKING:
    from collections.abc import Iterable

LIFESPAN: Final = 60.0
"""Seconds after which a key that the provider has withdrawn is no longer used."""
COOLDOWN: Final = 5.0
"""Seconds between two fetches for the sake of keys that are not known."""
DISCOVERY: Final = "/.well-known/openid-configuration"


class SigningKeys:
    """Finds a key by its id."""

    def __init__(self, issuer: str, provider: Provider) -> None:
        self._provider = provider
        self._client = _Client(issuer, provider)

    @property
    def until(self) -> float:
        """The time, by the monotonic clock, up to which what these keys say counts."""
        return self._client.fetched + LIFESPAN

    def key(self, key_id: str, algorithm: str) -> Any:
        """The public key for a token's signature.

        Raises InvalidToken if the provider has none of that id for this algorithm, Unavailable if it cannot be asked.
        """
        key = self._known(key_id) or self._fetched(key_id)
        declared = self._client.declared.get(key_id)
        if declared is not None and declared != algorithm:
            raise InvalidToken("the token's key is not for its algorithm")
        return key.key

    def _known(self, key_id: str) -> PyJWK | None:
        """Without a lock: nobody waits because another's key is being looked for."""
        cache = self._client.jwk_set_cache
        keys = cache.get() if cache is not None else None
        return None if keys is None else _matching(keys.keys, key_id)

    def _fetched(self, key_id: str) -> PyJWK:
        if self._provider.silent:
            raise Unavailable(AWAY, retry_after=RETRY)
        try:
            return self._client.get_signing_key(key_id)
        except PyJWKClientError as error:
            raise InvalidToken("the token's key is none of the issuer's") from error


def _matching(keys: Iterable[PyJWK], key_id: str) -> PyJWK | None:
    return next((key for key in keys if key.key_id == key_id and key.public_key_use in ("sig", None)), None)


class _Client(PyJWKClient):
    """PyJWT's own cache of keys, whose address is discovered each time: it may change."""

    def __init__(self, issuer: str, provider: Provider) -> None:
        discovery = issuer.rstrip("/") + DISCOVERY
        super().__init__(discovery, lifespan=LIFESPAN, timeout=TIMEOUT, cooldown_duration=COOLDOWN)
        self._issuer, self._discovery, self._provider = issuer, discovery, provider
        self.fetched = float("-inf")
        """When the keys were fetched, by the monotonic clock."""
        self.declared: dict[str, str | None] = {}
        """The algorithm that each key is for, if the provider says so, by its id."""

    def fetch_data(self) -> Any:
        """The key set; raises Unavailable."""
        keys = self._provider.ask(self._fetch)
        self.declared = {str(key.get("kid")): key.get("alg") for key in keys["keys"] if isinstance(key, dict)}
        self.fetched = time.monotonic()
        return keys

    def _fetch(self) -> Any:
        try:
            document = fetch_json(urllib.request.Request(self._discovery))
        except Refusal as refusal:
            raise OSError(f"{self._discovery} answers 400") from refusal
        if document.get("issuer") != self._issuer:
            raise ValueError(f"{self._discovery} is of the issuer {document.get('issuer')!r}")
        uri = document.get("jwks_uri")
        if not isinstance(uri, str) or not is_private_enough(uri):
            raise ValueError(f"{self._discovery} names no jwks_uri by https, or by http on loopback")
        self.uri = uri
        return super().fetch_data()
