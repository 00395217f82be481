"""A server behind the certified provider: signed tokens, opaque ones, revocation, and the provider gone for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from harness import HANG, Server, wait_for
from realprovider import RESOURCE_SERVER, RealProvider, real_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProvider]:
    with real_provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: RealProvider) -> Iterator[Server]:
    oidc = {
        "issuer": provider.issuer,
        "audience": RESOURCE_SERVER,
        "scopes": ["geo.run"],
        "introspection": provider.introspection(),
    }
    running = Server(tmp_path_factory.mktemp("flows"), manager={"auth": {"oidc": oidc}})
    try:
        yield running.start()
    finally:
        running.stop()


def _ask(server: Server, token: str, path: str = "/jobs?f=json") -> requests.Response:
    return requests.get(f"{server.url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=HANG)


def _submit(server: Server, token: str) -> str:
    answer = requests.post(
        f"{server.url}/processes/echo/execution",
        json={"inputs": {"text": "hello"}},
        headers={"Authorization": f"Bearer {token}", "Prefer": "respond-async"},
        timeout=HANG,
    )
    assert answer.status_code == 201, answer.text
    job_id: str = answer.json()["jobID"]
    return job_id


def test_a_client_runs_a_job_by_a_signed_token_and_reads_it_by_an_opaque_one(
    server: Server, provider: RealProvider
) -> None:
    """Both are the same client's, so the same owner's."""
    job_id = _submit(server, provider.token())
    opaque = provider.token("urn:dragoman:opaque")
    assert _ask(server, opaque, f"/jobs/{job_id}").status_code == 200
    assert _ask(server, opaque).json()["numberMatched"] == 1


def test_another_client_sees_nothing_of_it(server: Server, provider: RealProvider) -> None:
    job_id = _submit(server, provider.token())
    for resource in ("urn:dragoman:jwt", "urn:dragoman:opaque"):
        token = provider.token(resource, client="stranger")
        assert _ask(server, token, f"/jobs/{job_id}").status_code == 404
        assert _ask(server, token).json()["numberMatched"] == 0


def test_a_token_for_another_resource_is_refused(server: Server, provider: RealProvider) -> None:
    answer = _ask(server, provider.token("urn:other:jwt"))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_token_without_the_scope_that_all_need_is_told_which(
    server: Server, provider: RealProvider
) -> None:
    answer = _ask(server, provider.token(scope=""))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert "geo.run" in answer.headers["WWW-Authenticate"]


def test_a_revoked_token_is_refused_at_once_if_it_was_never_seen_and_within_a_minute_if_it_was(
    server: Server, provider: RealProvider
) -> None:
    unseen, seen = provider.token("urn:dragoman:opaque"), provider.token("urn:dragoman:opaque")
    assert _ask(server, seen).status_code == 200
    for token in (unseen, seen):
        provider.revoke(token)
    assert _ask(server, unseen).status_code == 401
    wait_for(lambda: _ask(server, seen).status_code == 401, "an answer counts for a minute")
