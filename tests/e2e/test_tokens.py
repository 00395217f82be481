"""A real server that asks for tokens, with a provider that comes later."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests
from harness import HANG, Server, free_port, wait_for
from issuerkit import Issuer
from tokenkit import TokenFactory

from dragoman.devidp.realm import Realm
from dragoman.devidp.serving import DevIdp, dev_idp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

REALM = Realm(audiences=("dragoman",))

WALK = """
import json
from pygeoapi.flask_app import APP
from dragoman.web.dispatch import public_word

adapter, rows = APP.url_map.bind("localhost"), []
for rule in APP.url_map.iter_rules():
    path = "".join(part if not dynamic else "x" for dynamic, part in rule._trace)
    path = path.partition("|")[2] or path
    for method in rule.methods - {"OPTIONS", "HEAD"}:
        try:
            endpoint = adapter.match(path, method=method)[0]
        except Exception:
            continue
        rows.append([path, endpoint, public_word(APP, endpoint)])
print(json.dumps(rows))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Started while there is no provider; the first test sees that."""
    folder: Path = tmp_path_factory.mktemp("tokens")
    port = free_port()
    issuer = f"http://127.0.0.1:{port}/realms/{REALM.name}"
    auth = {
        "oidc": {"issuer": issuer, "audience": "dragoman"},
        "execute": {"sort": {"roles": ["analyst"]}},
    }
    running = Server(folder, {"auth": auth})
    try:
        yield running.start(gunicorn=1)
    finally:
        running.stop()


@pytest.fixture(scope="module")
def idp(server: Server) -> Iterator[DevIdp]:
    """The provider, after a while without it."""
    port = int(_issuer(server).split(":")[2].partition("/")[0])
    away = Issuer(port).token(iss=_issuer(server))
    answer = ask(server, away, "/jobs")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert str(port) not in answer.text
    assert ask(server, away, "/processes").status_code == 200
    assert "issuer" in str(ask(server, "", "/readyz").json()["warnings"])
    assert ask(server, "", "/jobs").status_code == 401
    with dev_idp(REALM, port=port) as provider:
        good = TokenFactory(idp=provider).good()
        wait_for(lambda: ask(server, good, "/jobs").status_code == 200, "the provider is asked again")
        yield provider


@pytest.fixture(scope="module")
def tokens(idp: DevIdp) -> dict[str, str]:
    factory = TokenFactory(idp=idp)
    return {name: factory.good(name) for name in ("alice", "bob", "admin")}


def _issuer(server: Server) -> str:
    text = server.config.read_text("utf-8")
    return next(line.split(": ", 1)[1] for line in text.splitlines() if "issuer:" in line)


def ask(server: Server, token: str, path: str, method: str = "GET", **options: Any) -> requests.Response:
    headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **options.pop("headers", {})}
    return requests.request(method, server.url + path, headers=headers, timeout=HANG, **options)


def submit(server: Server, token: str, process: str = "echo", **inputs: Any) -> requests.Response:
    body = {"inputs": inputs or {"text": "hello"}}
    headers = {"Prefer": "respond-async"}
    return ask(server, token, f"/processes/{process}/execution", "POST", json=body, headers=headers)


def finished(server: Server, token: str, job_id: str) -> str:
    ends = {"successful", "failed", "dismissed"}
    return (
        wait_for(lambda: (state := ask(server, token, f"/jobs/{job_id}").json()["status"]) in ends and state)
        or ""
    )


def test_a_job_is_its_owners_in_every_place(server: Server, tokens: dict[str, str]) -> None:
    accepted = submit(server, tokens["alice"])
    assert accepted.status_code == 201, accepted.text
    job_id = accepted.json()["jobID"]
    assert finished(server, tokens["alice"], job_id) == "successful"
    theirs = submit(server, tokens["bob"]).json()["jobID"]
    assert finished(server, tokens["bob"], theirs) == "successful"
    for path in (f"/jobs/{job_id}", f"/jobs/{job_id}/results", f"/pesto/echo/api/v1/jobs/{job_id}/status"):
        assert ask(server, tokens["alice"], path).status_code == 200
        assert ask(server, tokens["admin"], path).status_code == 200
        assert ask(server, tokens["bob"], path).status_code == 404
        assert ask(server, tokens["bob"], f"{path}?f=html").status_code == 404
    assert ask(server, tokens["bob"], f"/jobs/{job_id}", "DELETE").status_code == 404
    lists = {name: ask(server, token, "/jobs").json() for name, token in tokens.items()}
    assert [job["jobID"] for job in lists["bob"]["jobs"]] == [theirs]
    assert lists["bob"]["numberMatched"] == 1
    assert {job_id, theirs} <= {job["jobID"] for job in lists["admin"]["jobs"]}
    measured = ask(server, tokens["bob"], "/pesto/echo/api/v1/metrics").text
    assert 'process="echo",state="successful"} 1.0' in measured
    shown = server.cli("jobs", "list")
    assert job_id in shown.stdout
    assert theirs in shown.stdout
    assert server.cli("jobs", "show", job_id).returncode == 0


def test_who_may_not_execute_makes_no_job(server: Server, tokens: dict[str, str]) -> None:
    answer = submit(server, tokens["bob"], "sort", nonsense=1)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert submit(server, tokens["alice"], "sort", nonsense=1).status_code == 400
    body = {"inputs": {"text": "x"}, "outputs": {"text": {}}}
    synchronous = ask(server, tokens["alice"], "/processes/echo/execution", "POST", json=body)
    assert (synchronous.status_code, synchronous.text) == (200, "x")


def test_pygeoapis_own_paths_and_unknown_ones_take_a_token(server: Server, tokens: dict[str, str]) -> None:
    for path in ("/collections", "/tileMatrixSets", "/static/css/default.css", "/admin/config", "/x/y"):
        assert ask(server, "", path).status_code == 401
        assert ask(server, tokens["bob"], path).status_code != 401
    document = ask(server, "", "/openapi?f=json").json()
    scheme = document["components"]["securitySchemes"]["openIdConnect"]
    assert requests.get(scheme["openIdConnectUrl"], timeout=HANG).json()["issuer"] == _issuer(server)
    assert {} in document["paths"]["/processes"]["get"]["security"]
    assert "security" not in document["paths"]["/jobs"]["get"]
    assert document["security"] == [{"openIdConnect": []}, {"bearer": []}]


def test_a_long_header_is_refused(server: Server) -> None:
    assert 400 <= ask(server, "x" * 300_000, "/jobs").status_code < 500


def test_a_key_is_rotated(server: Server, idp: DevIdp) -> None:
    token, publish = TokenFactory(idp=idp).unknown_key()
    assert ask(server, token, "/jobs").status_code == 401
    publish()
    wait_for(lambda: ask(server, token, "/jobs").status_code == 200, "the new key is fetched")


def test_no_path_of_jobs_is_left_to_pygeoapi(server: Server, idp: DevIdp) -> None:
    """Where ``collections`` is public, its own pages of jobs would be as well."""
    done = subprocess.run(
        [sys.executable, "-c", WALK], env=server.environment(), cwd=server.folder, capture_output=True, text=True,
        check=False, timeout=HANG,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    assert any(word == "collections" for _, _, word in rows)
    ours = [row for row in rows if row[0].startswith(("/jobs", "/processes"))]
    assert len(ours) > 5
    assert [row for row in ours if not row[1].startswith(("pygeoapi.dragoman_", "dragoman_"))] == []
