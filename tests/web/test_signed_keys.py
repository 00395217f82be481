"""Keys for URLs: for one subject and one purpose, by a secret that all processes of a HOME share."""

from __future__ import annotations

import re
import stat
import sys
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING

import pytest
from flask import Blueprint, Flask, Response
from werkzeug.exceptions import NotFound

from dragoman.config.auth import AuthSettings, OidcSettings
from dragoman.config.settings import Settings
from dragoman.errors import InvalidToken, Unavailable
from dragoman.web import guards
from dragoman.web.auth import by_token
from dragoman.web.dispatch import BY_KEY, add_rule
from dragoman.web.signed_keys import FILE, SignedKeys

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.model.principal import Principal


def test_a_key_opens_its_subject_for_its_purpose_alone(tmp_path: Path) -> None:
    keys = SignedKeys(tmp_path)
    key = keys.sign("task", "abc")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", key)
    assert keys.check("task", "abc", key)
    assert not keys.check("task", "abcd", key)
    assert not keys.check("tiles", "abc", key)
    assert keys.sign("taska", "bc") != key
    for wrong in ("", key[:-1], f"{key}A", key.swapcase(), "é\ud800"):
        assert not keys.check("task", "abc", wrong)


def test_the_secret_is_the_owners_alone_and_outlives_the_process(tmp_path: Path) -> None:
    key = SignedKeys(tmp_path).sign("task", "abc")
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert SignedKeys(tmp_path).check("task", "abc", key)


def test_another_home_has_other_keys(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    first, second = (SignedKeys(home).sign("task", "abc") for home in homes)
    assert first != second


def test_processes_that_begin_together_agree(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from dragoman.web.signed_keys import SignedKeys; sys.stdin.read(); "
        "print(SignedKeys(pathlib.Path(sys.argv[1])).sign('task', 'abc'))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    started = [Popen(command, stdin=PIPE, stdout=PIPE, text=True) for _ in range(4)]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()  # which each has waited for, so that all begin at once
        process.stdin = None
    keys = [process.communicate()[0] for process in started]
    assert len(set(keys)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_damaged_secret_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("abcd")
    with pytest.raises(Unavailable, match="damaged"):
        SignedKeys(tmp_path).sign("task", "abc")
    with pytest.raises(Unavailable, match="cannot be used"):
        SignedKeys(tmp_path / "nowhere").sign("task", "abc")


def test_a_route_that_checks_a_key_takes_no_token(tmp_path: Path) -> None:
    auth = AuthSettings(
        oidc=OidcSettings(issuer="https://id.example.org", audience=("x",)), public=frozenset()
    )
    settings = Settings(
        config_path=tmp_path, server_url="http://localhost", host="127.0.0.1", port=80, home=tmp_path, database_url="",
        workers=1, auth=auth,
    )  # fmt: skip
    keys, pages = SignedKeys(tmp_path), Blueprint("pages", __name__)

    def page(task: str, key: str) -> Response:
        if not keys.check("page", task, key):
            raise NotFound
        return Response(task)

    guards.install(pages, settings, by_token(auth, _nobody))
    add_rule(pages, "/pages/<task>/<key>", "page", page, public=BY_KEY)
    app = Flask("host")
    app.register_blueprint(pages)
    client, key = app.test_client(), keys.sign("page", "seven")
    assert client.get(f"/pages/seven/{key}").text == "seven"
    assert client.get(f"/pages/eight/{key}").status_code == 404
    assert client.post(f"/pages/seven/{key}").status_code == 401
    assert client.get("/pages").status_code == 401


def _nobody(token: str) -> Principal:
    raise InvalidToken
