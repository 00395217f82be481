"""An issuer on loopback that does as a test tells it: keys that rotate, tokens of every kind, answers that fail."""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from dragoman.config.auth import IntrospectionSettings, OidcSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

AUDIENCE = "dragoman"


@cache
def private_key(name: str, kind: str = "RSA") -> Any:
    """The same key for the same name, made once: an RSA key takes a while."""
    if kind == "EC":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "OKP":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(kid: str, kind: str = "RSA", **members: Any) -> dict[str, Any]:
    """The public half of a key as a JWK."""
    algorithm = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}[kind]
    public = private_key(kid, kind).public_key()
    document: dict[str, Any] = json.loads(get_default_algorithms()[algorithm].to_jwk(public))
    return {**document, "kid": kid, "use": "sig", **members}


def part(value: Any) -> str:
    """One segment of a token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """What it answers may be changed at any time; ``asked`` counts how often each path was asked for."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/realms/geo"
        self.keys: list[dict[str, Any]] = [jwk("one")]
        self.discovery: dict[str, Any] = {"issuer": self.url, "jwks_uri": f"{self.url}/certs"}
        self.opaque: dict[str, Any] = {}
        """What introspection says of each token."""
        self.broken: int | None = None
        """The status of every answer, if not the right one."""
        self.asked: dict[str, int] = {}
        self.credentials: list[str] = []
        """The header Authorization of each introspection."""

    def settings(self, *, introspection: bool = False, **changes: Any) -> OidcSettings:
        """The operator's part about this issuer."""
        endpoint = IntrospectionSettings(url=f"{self.url}/introspect", client_id="geo:1", client_secret="s h")
        given: dict[str, Any] = {"issuer": self.url, "audience": (AUDIENCE,), **changes}
        return OidcSettings(**given, introspection=endpoint if introspection else None)

    def claims(self, user: str = "alice", **changes: Any) -> dict[str, Any]:
        """Those of a good access token, in Keycloak's shape; a change to None leaves a claim out."""
        now = int(time.time())
        claims = {
            "iss": self.url, "sub": user, "aud": AUDIENCE, "azp": "geo-client", "typ": "Bearer", "iat": now,
            "exp": now + 300, "scope": "openid geo.run", "realm_access": {"roles": ["analyst"]}, **changes,
        }  # fmt: skip
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        user: str = "alice",
        *,
        kid: str | None = "one",
        kind: str = "RSA",
        algorithm: str = "RS256",
        headers: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """A good token with these changes to its claims, signed by the key of that name."""
        header = {**({} if kid is None else {"kid": kid}), **(headers or {})}
        data = json.dumps(self.claims(user, **changes)).encode()
        return jwt.api_jws.encode(data, private_key(kid or "one", kind), algorithm, header)

    def answer(self, path: str, form: Mapping[str, list[str]]) -> tuple[int, Any]:
        """What is said to a request."""
        name = path.rpartition("/")[2]
        self.asked[name] = self.asked.get(name, 0) + 1
        if self.broken is not None:
            return self.broken, {}
        if name == "openid-configuration":
            return 200, self.discovery
        if name == "certs":
            return 200, {"keys": self.keys}
        return 200, self.opaque.get(form.get("token", [""])[0], {"active": False})


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer that answers until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            form = parse_qs(self.rfile.read(length).decode())
            if length:
                issuer.credentials.append(self.headers.get("Authorization", ""))
            status, document = issuer.answer(self.path, form)
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        issuer = Issuer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
