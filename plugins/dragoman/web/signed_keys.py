"""Keys for URLs that a browser opens without headers: the pages of a task, the tiles of a service.

A key opens one subject for one purpose, for as long as that subject is there; nobody can make one without the secret
of this HOME, which all its server processes share. There is nothing to keep: what was signed is worked out again. A
dialect makes its own ``SignedKeys(settings.home)``, and gives the routes that check a key the word ``BY_KEY``, so that
the guard asks for no token there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Final

from dragoman.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "signing-secret"
SIZE: Final = 32
"""Bytes of the secret."""


class SignedKeys:
    """Signs and checks keys by the secret of a HOME, which is made when it is first needed."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def sign(self, purpose: str, subject: str) -> str:
        """The key, 43 characters that may stand in a URL's path; raises Unavailable if there can be no secret."""
        parts = (part.encode("utf-8", errors="surrogatepass") for part in (purpose, subject))
        text = b"".join(
            len(part).to_bytes(8, "big") + part for part in parts
        )  # ("ab", "c") is not ("a", "bc")
        digest = hmac.new(self._secret, text, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    def check(self, purpose: str, subject: str, key: str) -> bool:
        """Whether a key is the one that ``sign`` gives, told in the same time for every wrong one."""
        signed = self.sign(purpose, subject).encode("ascii")
        return hmac.compare_digest(signed, key.encode("utf-8", errors="surrogatepass"))

    @cached_property
    def _secret(self) -> bytes:
        try:
            return _read(self._home / FILE) or _make(self._home)
        except OSError as error:
            raise Unavailable(f"the signing secret cannot be used: {error.strerror}") from error


def _read(path: Path) -> bytes | None:
    """The secret; None if there is none yet. Raises Unavailable for a file that holds something else."""
    try:
        text = path.read_text("ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    with suppress(ValueError):
        secret = bytes.fromhex(text)
        if len(secret) == SIZE:
            return secret
    raise Unavailable(
        f"the signing secret is damaged; remove {FILE} in HOME, which makes all signed links void"
    )


def _make(home: Path) -> bytes:
    """Whole or not at all, and one for all: of several processes that make one, the first has its way."""
    handle, draft = tempfile.mkstemp(dir=home, prefix=f"{FILE}.")  # mode 600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_hex(SIZE)}\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, home / FILE)
    finally:
        os.unlink(draft)
    secret = _read(home / FILE)
    if secret is None:
        raise Unavailable("the signing secret was removed while it was made")
    return secret
