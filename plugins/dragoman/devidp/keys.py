"""The keys that tokens are signed with, how they change, and what of them is published."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

if TYPE_CHECKING:
    from collections.abc import Mapping

type Algorithm = Literal["RS256", "ES256", "PS256"]

KEY_SIZE: Final = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One private key and the name that is published with its public half."""

    kid: str
    algorithm: Algorithm
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls, algorithm: Algorithm = "RS256") -> SigningKey:
        """A new key, with a name that no other has."""
        if algorithm == "ES256":
            private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = ec.generate_private_key(ec.SECP256R1())
        else:
            private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_SIZE)
        return cls(kid=uuid4().hex, algorithm=algorithm, private=private)

    def sign(self, claims: Mapping[str, Any], *, typ: str = "JWT") -> str:
        """A signed token of these claims."""
        return jwt.encode(
            dict(claims), self.private, algorithm=self.algorithm, headers={"kid": self.kid, "typ": typ}
        )

    def public_jwk(self) -> dict[str, Any]:
        """The public half, as a JWK (RFC 7517)."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            jwk = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        else:
            jwk = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**jwk, "kid": self.kid, "use": "sig", "alg": self.algorithm}


class KeyRing:
    """The published keys; the last of them signs. Any thread may ask and rotate."""

    def __init__(self, algorithm: Algorithm = "RS256") -> None:
        self._lock = threading.Lock()
        self._keys: tuple[SigningKey, ...] = (SigningKey.generate(algorithm),)

    @property
    def current(self) -> SigningKey:
        """The key that signs."""
        return self._keys[-1]

    @property
    def published(self) -> tuple[SigningKey, ...]:
        """Every key whose tokens are good, the oldest first."""
        return self._keys

    def publish(self, key: SigningKey) -> None:
        """From now on sign with ``key``; tokens of the others stay good."""
        with self._lock:
            self._keys = (*self._keys, key)

    def rotate(self, *, forget: bool = False) -> SigningKey:
        """Sign with a new key of the same algorithm; ``forget`` withdraws the others, and with them their tokens."""
        key = SigningKey.generate(self.current.algorithm)
        with self._lock:
            self._keys = (key,) if forget else (*self._keys, key)
        return key

    def jwks(self) -> dict[str, Any]:
        """The published keys as a JWK set."""
        return {"keys": [key.public_jwk() for key in self._keys]}
