"""The npm package oidc-provider, a certified OpenID provider, as a process of its own on loopback.

It is installed by ``make test`` into ``.node-oidc`` of the checkout (or DRAGOMAN_OIDC_PROVIDER names the folder) from
the lock file in ``tests/clients/oidc-provider``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest
import requests
from harness import HANG, REPOSITORY, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET: Final = "secret"
"""Of every client."""
RESOURCE_SERVER: Final = "dragoman"
"""The client that asks what opaque tokens mean; and the audience of every token that is for us."""

type Resource = Literal["urn:dragoman:jwt", "urn:dragoman:opaque", "urn:other:jwt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealProvider:
    """A provider that listens."""

    issuer: str

    @property
    def discovery(self) -> dict[str, Any]:
        """Its discovery document."""
        document: dict[str, Any] = requests.get(
            f"{self.issuer}/.well-known/openid-configuration", timeout=HANG
        ).json()
        return document

    def token(
        self, resource: Resource = "urn:dragoman:jwt", *, client: str = "scientist", scope: str = "geo.run"
    ) -> str:
        """An access token by client_credentials."""
        form = {"grant_type": "client_credentials", "resource": resource, "scope": scope}
        answer = requests.post(
            self.discovery["token_endpoint"], data=form, auth=(client, SECRET), timeout=HANG
        )
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def introspection(self) -> dict[str, str]:
        """``auth.oidc.introspection`` of a server's configuration."""
        return {
            "url": self.discovery["introspection_endpoint"],
            "client_id": RESOURCE_SERVER,
            "client_secret": SECRET,
        }

    def revoke(self, token: str, *, client: str = "scientist") -> None:
        """Let a token be good no longer."""
        answer = requests.post(
            self.discovery["revocation_endpoint"], data={"token": token}, auth=(client, SECRET), timeout=HANG
        )
        assert answer.status_code == 200, answer.text


@contextmanager
def real_provider(folder: Path, *, lifetime: int = 300) -> Iterator[RealProvider]:
    """The provider for as long as the block runs, its log in ``folder``; skips where it is not installed."""
    node = shutil.which("node")
    installed = Path(os.environ.get("DRAGOMAN_OIDC_PROVIDER") or REPOSITORY / ".node-oidc")
    if node is None or not (installed / "node_modules" / "oidc-provider").is_dir():
        pytest.skip(f"oidc-provider is not in {installed}, or there is no node; `make test` installs it")
    output, log = folder / "provider.out", folder / "provider.log"
    with output.open("wb") as out, log.open("wb") as err:
        command = [node, "provider.mjs", str(lifetime)]
        process = subprocess.Popen(command, cwd=installed, stdout=out, stderr=err)

    def issuer() -> str:
        assert process.poll() is None, f"the provider ended\n{log.read_text()}"
        return output.read_text().partition("issuer ")[2].strip()

    try:
        yield RealProvider(issuer=wait_for(issuer, "the provider listens"))
    finally:
        process.kill()
        process.wait(HANG)
