"""Every token that must not count, on every endpoint of the whole application; and what counts, on a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from attacker import EVERY_METHOD
from guardedserver import oidc_manager
from harness import HANG, REPOSITORY, Server
from hostile_tokens import HOSTILE
from tokenkit import Listener, TokenFactory, listening

from dragoman.config.auth import PUBLIC
from dragoman.devidp.serving import dev_idp
from dragoman.web.dispatch import BY_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ATTACKER = REPOSITORY / "tests" / "support" / "attacker.py"


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as waiting:
        yield waiting


@pytest.fixture(scope="module")
def factory(listener: Listener) -> Iterator[TokenFactory]:
    with dev_idp() as idp:
        yield TokenFactory(idp=idp, listener=listener.url)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, factory: TokenFactory) -> dict[str, Any]:
    """What came of all attacks."""
    server = Server(tmp_path_factory.mktemp("attacks"), manager=oidc_manager(factory))
    people = {name: f"Bearer {factory.good(user)}" for name, user in _PEOPLE.items()}
    tokens = {name: make(factory) for name, make in HOSTILE.items()}
    ended = subprocess.run(
        [sys.executable, str(ATTACKER)],
        input=json.dumps({"tokens": tokens, **people}),
        env=server.environment(),
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=5 * HANG,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-5000:]
    assert not (server.home / "supervisor.json").exists(), (
        "its engine, which holds its standard error, has ended"
    )
    assert "Traceback" not in ended.stderr, ended.stderr[-5000:]
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result


_PEOPLE = {"alice": "alice", "bob": "bob", "root": "admin"}


def test_every_endpoint_met_every_token(report: dict[str, Any]) -> None:
    blueprints = {endpoint.partition(".")[0] for endpoint in report["endpoints"]}
    assert {
        "dragoman_ogc",
        "dragoman_pesto",
        "dragoman_appstore",
        "dragoman_health",
        "dragoman_metrics",
        "pygeoapi",
        "",
    } <= blueprints
    assert report["count"] > len(report["endpoints"]) * (len(HOSTILE) - len(EVERY_METHOD))


def test_nothing_fails(report: dict[str, Any]) -> None:
    assert [answer for answer in report["answers"] if answer["status"] >= 500] == []


def test_only_public_paths_answer_and_only_to_who_reads(report: dict[str, Any]) -> None:
    """What is not a challenge is public, and a good answer, or none at that path."""
    for answer in report["answers"]:
        by_key = (answer["word"], answer["status"]) == (BY_KEY, 404)  # and no attacker has the key
        assert answer["word"] in PUBLIC or by_key, answer
        assert answer["method"] in ("GET", "HEAD"), answer
        assert answer["status"] in (200, 302, 303, 304, 308, 404), answer


def test_nothing_is_told(report: dict[str, Any]) -> None:
    assert [answer for answer in report["answers"] if answer["secret"]] == []
    assert report["unlike"] == []


def test_no_job_was_made_and_none_was_touched(report: dict[str, Any]) -> None:
    assert (report["jobs"], report["bobs"]) == (1, 0)
    assert report["mine"]["status"] in ("accepted", "running", "successful")


def test_nobody_followed_what_a_token_says_of_its_key(report: dict[str, Any], listener: Listener) -> None:
    assert report["count"]
    assert listener.connections == 0
