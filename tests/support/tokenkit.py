"""Makes tokens of a provider, good ones and others; ``hostile_tokens`` has the table of those that are refused."""

from __future__ import annotations

import base64
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from forging import json_bytes, signed

from dragoman.devidp.keys import SigningKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragoman.devidp.realm import Client, User
    from dragoman.devidp.serving import DevIdp


class Listener:
    """A port of loopback that counts who comes; nobody is answered."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.connections = 0
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        """Stop listening."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener for as long as the block runs."""
    listener = Listener()
    try:
        yield listener
    finally:
        listener.close()


@dataclass(frozen=True, kw_only=True)
class TokenFactory:
    """Makes tokens of a provider that publishes an RSA key and signs with it; some of them in nobody's interest."""

    idp: DevIdp
    listener: str = "http://127.0.0.1:9"
    """Where ``jku`` and ``x5u`` point; nobody may ever come."""

    @cached_property
    def key(self) -> SigningKey:
        """The provider's published RSA key."""
        return next(key for key in self.idp.keys.published if key.algorithm == "RS256")

    @cached_property
    def ec_key(self) -> SigningKey:
        """A published EC key; it never signs for anybody."""
        known = [key for key in self.idp.keys.published if key.algorithm == "ES256"]
        if not known:
            known = [SigningKey.generate("ES256")]
            self.idp.keys.publish(known[0])
            self.idp.keys.publish(self.key)
        return known[0]

    @cached_property
    def foreign(self) -> SigningKey:
        """An attacker's RSA key."""
        return SigningKey.generate()

    @cached_property
    def foreign_ec(self) -> SigningKey:
        """An attacker's EC key."""
        return SigningKey.generate("ES256")

    def claims(self, user: str = "alice", **changes: Any) -> dict[str, Any]:
        """What a good token of a user, or of a client by its id, says; a change of None leaves a claim out."""
        party: User | Client | None = self.idp.realm.user(user) or self.idp.realm.client(user)
        client = self.idp.realm.client("dragoman-cli")
        assert party is not None
        assert client is not None
        session = self.idp.tokens.open(party, client, "", self.idp.realm.audiences)
        claims = {**self.idp.tokens.access_claims(session), **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def header(self, **changes: Any) -> dict[str, Any]:
        """The header of a good token; a change of None leaves a member out."""
        header = {"alg": "RS256", "kid": self.key.kid, "typ": "JWT", **changes}
        return {name: value for name, value in header.items() if value is not None}

    def good(self, user: str = "alice", **changes: Any) -> str:
        """A token that is good, unless the changes spoil it."""
        return signed(self.key, self.header(), self.claims(user, **changes))

    def headed(self, key: SigningKey | None = None, **changes: Any) -> str:
        """A token with good claims, another header, and the signature of a key: the provider's by default."""
        return signed(key or self.key, self.header(**changes), self.claims())

    def unknown_key(self) -> tuple[str, Callable[[], None]]:
        """A token of a key that is not published yet, and what publishes it."""
        key = SigningKey.generate()
        return signed(key, self.header(kid=key.kid), self.claims()), lambda: self.idp.keys.publish(key)

    @cached_property
    def public_forms(self) -> dict[str, bytes]:
        """Every form in which somebody may take the public key for a secret."""
        public = self.key.private.public_key()
        jwk = self.key.public_jwk()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        bare = {name: jwk[name] for name in ("e", "kty", "n")}
        return {
            "PEM": pem,
            "PEM without its last line break": pem.rstrip(b"\n"),
            "PEM with CRLF": pem.replace(b"\n", b"\r\n"),
            "PEM in one line": b"".join(pem.splitlines()[1:-1]),
            "PKCS1 PEM": public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
            "DER": der,
            "PKCS1 DER": public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
            "base64 of DER": base64.b64encode(der),
            "OpenSSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
            "JWK": json_bytes(jwk),
            "JWK with blanks": json.dumps(jwk).encode(),
            "bare JWK": json_bytes(bare),
            "JWK set": json_bytes({"keys": [jwk]}),
            "modulus": jwk["n"].encode(),
            "modulus in bytes": base64.urlsafe_b64decode(jwk["n"] + "=="),
            "nothing": b"",
            "its name": self.key.kid.encode(),
        }
