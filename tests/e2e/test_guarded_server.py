"""A real server that asks for tokens: which come in, which do not, over the wire."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import requests
from guardedserver import oidc_manager
from harness import HANG, Server, wait_for
from hostile_tokens import GOOD, HOSTILE, WITHOUT_TOKEN
from tokenkit import Listener, TokenFactory, listening

from dragoman.devidp.serving import dev_idp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as waiting:
        yield waiting


@pytest.fixture(scope="module")
def factory(listener: Listener) -> Iterator[TokenFactory]:
    with dev_idp() as idp:
        made = TokenFactory(idp=idp, listener=listener.url)
        for make in (
            *GOOD.values(),
            *HOSTILE.values(),
        ):  # all keys are published before the server asks for them
            make(made)
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, factory: TokenFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("guarded"), manager=oidc_manager(factory))
    try:
        yield running.start()
    finally:
        running.stop()


def _get(server: Server, path: str, authorization: str | None) -> requests.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    return requests.get(f"{server.url}{path}", headers=headers, timeout=HANG)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_token_comes_in(server: Server, factory: TokenFactory, name: str) -> None:
    answer = _get(server, "/jobs?f=json", GOOD[name](factory))
    assert answer.status_code == 200, answer.text


def test_hostile_tokens_over_the_wire(server: Server, factory: TokenFactory, listener: Listener) -> None:
    """Some are too large for the web server itself, which hangs up then or says so."""
    for name, make in HOSTILE.items():
        header = make(factory)
        status, challenge = _raw(server, "GET /jobs HTTP/1.1", header)
        if header is not None and len(header) > 60_000:
            assert status in (0, 400, 401, 431), name
            continue
        assert status == 401, name
        assert challenge.startswith('Bearer realm="dragoman"'), name
        assert ("error=" in challenge) == (name not in WITHOUT_TOKEN), (name, challenge)
    assert _get(server, "/readyz", None).status_code == 200
    assert listener.connections == 0, "nobody follows jku or x5u"


def _raw(server: Server, line: str, authorization: str | None) -> tuple[int, str]:
    """Status and challenge; 0 if the connection is cut instead."""
    head = f"{line}\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n"
    if authorization is not None:
        head += f"Authorization: {authorization}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG) as connection:
        data = b""
        try:
            connection.sendall(f"{head}\r\n".encode("latin-1"))
            while piece := connection.recv(65536):
                data += piece
        except ConnectionError:
            pass
    text = data.decode("latin-1")
    lines = [each for each in text.split("\r\n") if each.lower().startswith("www-authenticate:")]
    status = text.split(" ", 2)[1] if text.startswith("HTTP/") else "0"
    return int(status), lines[0].partition(":")[2].strip() if lines else ""


def test_a_key_that_is_rotated_in_is_known_soon(server: Server, factory: TokenFactory) -> None:
    token, publish = factory.unknown_key()
    assert _get(server, "/jobs", f"Bearer {token}").status_code == 401
    publish()
    wait_for(lambda: _get(server, "/jobs", f"Bearer {token}").status_code == 200, "the new key is known")
    assert _get(server, "/jobs", f"Bearer {factory.good()}").status_code == 200


def test_opaque_tokens_come_in_until_they_are_revoked(server: Server, factory: TokenFactory) -> None:
    form = {"grant_type": "client_credentials"}
    answer = requests.post(
        factory.idp.token_endpoint, data=form, auth=("dragoman-opaque", "secret"), timeout=HANG
    )
    token = answer.json()["access_token"]
    assert _get(server, "/jobs", f"Bearer {token}").status_code == 200
    second = requests.post(
        factory.idp.token_endpoint, data=form, auth=("dragoman-opaque", "secret"), timeout=HANG
    )
    revoked = second.json()["access_token"]
    factory.idp.tokens.revoke(revoked)
    assert _get(server, "/jobs", f"Bearer {revoked}").status_code == 401


def test_metrics_are_for_an_admin(server: Server, factory: TokenFactory) -> None:
    assert _get(server, "/metrics", None).status_code == 401
    refused = _get(server, "/metrics", f"Bearer {factory.good()}")
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    page = _get(server, "/metrics", f"Bearer {factory.good('admin')}")
    assert page.status_code == 200
    assert "dragoman_jobs" in page.text


def test_a_ccp_script_signs_in_by_its_two_steps(
    server: Server, factory: TokenFactory, tmp_path: Path
) -> None:
    form = {"grant_type": "password", "client_id": "dragoman-cli", "username": "alice", "password": "alice"}
    first = requests.post(factory.idp.token_endpoint, data=form, timeout=HANG).json()["access_token"]
    ticket = {"grant_type": "urn:ietf:params:oauth:grant-type:uma-ticket", "audience": "%64ragoman"}
    headers = {"Authorization": f"Bearer {first}"}
    second = requests.post(factory.idp.token_endpoint, data=ticket, headers=headers, timeout=HANG).json()
    headers = {"Authorization": f"Bearer {second['access_token']}", "Prefer": "respond-async"}
    url = f"{server.url}/processes/echo/execution"
    made = requests.post(url, json={"inputs": {"text": "a"}}, headers=headers, timeout=HANG)
    assert made.status_code == 201, made.text
    others = _get(server, f"/jobs/{made.json()['jobID']}", f"Bearer {factory.good('bob')}")
    assert others.status_code == 404
