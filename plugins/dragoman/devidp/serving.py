"""The provider as it runs: on loopback, in a thread of this process."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from dragoman.devidp.app import OPENID, make_app
from dragoman.devidp.keys import KeyRing
from dragoman.devidp.realm import Realm
from dragoman.devidp.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.devidp.keys import Algorithm

LOOPBACK: Final = "127.0.0.1"


class DevIdp:
    """A provider that listens; ``close`` ends it."""

    def __init__(
        self, realm: Realm | None = None, *, port: int = 0, algorithm: Algorithm = "RS256", quiet: bool = True
    ) -> None:
        """Listen on a port of loopback, 0 for any that is free; raises OSError if it is taken."""
        self.realm = realm or Realm()
        self.keys = KeyRing(algorithm)
        handler = _Quiet if quiet else WSGIRequestHandler
        self._server = ThreadedWSGIServer(LOOPBACK, port, _not_yet, handler)
        self.issuer = f"http://{LOOPBACK}:{self._server.port}/realms/{self.realm.name}"
        self.tokens = Tokens(self.issuer, self.realm, self.keys)
        self._server.app = make_app(self.realm, self.tokens)
        self._thread = threading.Thread(target=self._server.serve_forever, name="dev-idp", daemon=True)
        self._thread.start()

    @property
    def token_endpoint(self) -> str:
        """Where tokens are given."""
        return f"{self.issuer}{OPENID}/token"

    @property
    def introspection_endpoint(self) -> str:
        """Where opaque tokens are explained."""
        return f"{self.token_endpoint}/introspect"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.port)

    def wait(self) -> None:
        """Return when it has been closed."""
        self._thread.join()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def dev_idp(realm: Realm | None = None, *, port: int = 0, algorithm: Algorithm = "RS256") -> Iterator[DevIdp]:
    """A provider for as long as the block runs."""
    idp = DevIdp(realm, port=port, algorithm=algorithm)
    try:
        yield idp
    finally:
        idp.close()


def _not_yet(_environ: object, _start_response: object) -> list[bytes]:
    raise RuntimeError("the port is known before the issuer's name is; nobody is served before both are")


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing: tests have no reader."""
