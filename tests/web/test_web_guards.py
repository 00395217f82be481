"""Who may ask: peers, hosts, origins; on our paths and on the host's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Blueprint, Flask, request

from dragoman.config.auth import AuthSettings, OidcSettings
from dragoman.config.settings import LimitSettings, Settings
from dragoman.web import guards
from dragoman.web.auth import anonymous

if TYPE_CHECKING:
    from flask.testing import FlaskClient

FRIEND = "https://maps.example.org"
URL = "http://geo.example.org:5000"


def app(**changes: Any) -> FlaskClient:
    settings = Settings(
        config_path=Path("x"), server_url=URL, host="127.0.0.1", port=5000, home=Path("x"), database_url="",
        workers=1, cors_origins=(FRIEND,), limits=LimitSettings(request_bytes=10), **changes,
    )  # fmt: skip
    made = Flask("host")
    for name in ("one", "two"):
        blueprint = Blueprint(name, __name__)
        guards.install(blueprint, settings, anonymous)
        made.register_blueprint(blueprint)
    made.add_url_rule(
        "/x", view_func=lambda: request.get_data(as_text=True) or "fine", methods=["GET", "POST"]
    )
    return made.test_client()


@pytest.mark.parametrize(
    ("peer", "status"),
    [("127.0.0.1", 200), ("127.9.9.9", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("10.0.0.1", 403),
     ("", 403), ("::ffff:10.0.0.1", 403), ("nonsense", 403)],
)  # fmt: skip
def test_peers(peer: str, status: int) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = app().open("/x", method=method, environ_base={"REMOTE_ADDR": peer})
        assert answer.status_code == status
    assert app(behind_proxy=True).get("/x", environ_base={"REMOTE_ADDR": peer}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:5000", 200), ("127.0.0.1:5000", 200), ("[::1]:5000", 200), ("a.localhost", 200),
     ("LOCALHOST", 200), ("geo.example.org", 200), ("geo.example.org:81", 200), ("evil.org", 403),
     ("localhost.evil.org", 403), ("127.0.0.1.evil.org", 403), ("[", 403)],
)  # fmt: skip
def test_hosts(host: str, status: int) -> None:
    """A foreign name in Host is another's DNS pointing here."""
    assert app().get("/x", headers={"Host": host}).status_code == status
    assert app(behind_proxy=True).get("/x", headers={"Host": "evil.org"}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [(None, 200), (URL, 200), ("http://localhost", 200), (FRIEND, 200), ("http://evil.org", 403),
     ("null", 403), ("", 403), ("https://localhost", 403), ("http://localhost:81", 403),
     (FRIEND.upper(), 200)],
)  # fmt: skip
def test_origins_of_unsafe_methods(origin: str | None, status: int) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answer = app().post("/x", headers=headers)
    assert answer.status_code == status
    assert app().get("/x", headers=headers).status_code == 200
    if status == 403:
        assert answer.mimetype == "application/problem+json"
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_own_origin_behind_a_proxy() -> None:
    headers = {"X-Forwarded-Host": "maps.org", "X-Forwarded-Proto": "https", "Origin": "https://maps.org"}
    assert app(behind_proxy=True).post("/x", headers=headers).status_code == 200
    assert app().post("/x", headers=headers).status_code == 403


def test_get_is_open_to_all() -> None:
    answer = app().get("/x", headers={"Origin": "http://anybody.org"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    for name in ("Location", "Preference-Applied", "Link", "Retry-After"):
        assert name in answer.headers["Access-Control-Expose-Headers"]


def preflight(method: str, origin: str) -> Any:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return app().options("/x", headers=headers)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_preflight(method: str) -> None:
    friend = preflight(method, FRIEND)
    assert friend.status_code == 204
    assert friend.headers["Access-Control-Allow-Origin"] == FRIEND
    assert method in friend.headers["Access-Control-Allow-Methods"]
    assert "Idempotency-Key" in friend.headers["Access-Control-Allow-Headers"]
    stranger = preflight(method, "http://evil.org")
    assert stranger.status_code == 204
    assert "Access-Control-Allow-Origin" not in stranger.headers
    assert preflight("GET", "http://evil.org").headers["Access-Control-Allow-Origin"] == "*"


def test_allowed_origin_reads_the_answer_to_its_post() -> None:
    answer = app().post("/x", headers={"Origin": FRIEND})
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
    assert answer.headers["Vary"] == "Origin"


def test_bodies_have_a_limit() -> None:
    assert app().post("/x", data=b"x" * 10).status_code == 200
    assert app().post("/x", data=b"x" * 11).status_code == 413


def test_pages_of_every_origin_where_the_operator_says_so() -> None:
    stranger = {"Origin": "https://elsewhere.example.org"}
    assert app().post("/x", headers=stranger).status_code == 403
    answer = app(cors_everyone=True).post("/x", headers=stranger)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == stranger["Origin"]
    assert answer.headers["Access-Control-Expose-Headers"] == "*"
    preflight = {**stranger, "Access-Control-Request-Method": "DELETE"}
    asked = app(cors_everyone=True).options("/x", headers=preflight)
    assert "DELETE" in asked.headers["Access-Control-Allow-Methods"]


def test_tokens_take_the_place_of_peer_and_host_but_not_of_origin() -> None:
    client = app(auth=AuthSettings(oidc=OidcSettings(issuer="https://id.example.org", audience=("x",))))
    there = {"environ_base": {"REMOTE_ADDR": "10.0.0.1"}}
    assert client.get("/x", **there).status_code == 200
    assert client.get("/x", headers={"Host": "evil.org"}).status_code == 200
    assert client.post("/x", headers={"Origin": "http://evil.org"}).status_code == 403
    rebound = {"Host": "evil.org", "Origin": "http://evil.org"}
    assert client.post("/x", headers=rebound).status_code == 403
    assert client.post("/x", headers={"Host": "geo.example.org:81", "Origin": URL}).status_code == 200


def test_scripts_of_other_origins_may_read_the_challenge() -> None:
    assert "WWW-Authenticate" in app().get("/x").headers["Access-Control-Expose-Headers"]
