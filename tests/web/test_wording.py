"""Whose words an error gets: the longest claim of its path, by whole segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Blueprint, Flask, Response, abort

from dragoman.web import wording
from dragoman.web.problems import status_of

if TYPE_CHECKING:
    from flask.testing import FlaskClient

CLAIMS = {
    "rest": [""],
    "pesto": ["/api/v1", "/pesto"],
    "appstore": ["/api/v1/task"],
    "aeon": ["/api/v1/dataset"],
}


def serve(prefix: str | None = None) -> FlaskClient:
    app = Flask("host")
    for name, paths in CLAIMS.items():
        blueprint = Blueprint(name, __name__)

        def render(error: Exception, name: str = name) -> Response:
            return Response(name, status_of(error).value)

        wording.claim(blueprint, paths, wording.refusal(render))
        app.register_blueprint(blueprint, url_prefix=prefix)
    app.add_url_rule("/api/v1/task", "task", lambda: "a task", methods=["GET"])
    app.add_url_rule("/api/v1/raises", "raises", lambda: abort(404))
    return app.test_client()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "rest"),
        ("/nope", "rest"),
        ("/api", "rest"),
        ("/api/v1", "pesto"),
        ("/api/v1/", "pesto"),
        ("/api/v1/jobs/x/y", "pesto"),
        ("/pesto/x", "pesto"),
        ("/pestos", "rest"),
        ("/api/v1/tasks", "pesto"),
        ("/api/v1/task/x", "appstore"),
        ("/api/v1/dataset/7/next", "aeon"),
        ("/api/v1/dataset", "aeon"),
    ],
)
def test_the_longest_claim_wins(path: str, name: str) -> None:
    response = serve().get(path)
    assert (response.status_code, response.text) == (404, name)
    prefixed = serve("/oapi").get(f"/oapi{path}")
    assert (prefixed.status_code, prefixed.text) == (404, name)


def test_a_wrong_method_is_worded_too() -> None:
    response = serve().delete("/api/v1/task")
    assert (response.status_code, response.text) == (405, "appstore")
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_what_a_view_of_the_host_raises_is_the_hosts_to_word() -> None:
    response = serve().get("/api/v1/raises")
    assert (response.status_code, response.mimetype) == (404, "text/html")


def test_beside_the_prefix_nobody_claims_anything() -> None:
    assert serve("/oapi").get("/nope").mimetype == "text/html"
