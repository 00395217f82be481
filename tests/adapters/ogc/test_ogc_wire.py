"""Headers that tell a client, or a proxy, what to do next: Allow, Accept-Encoding, Location."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient
    from tests.adapters.ogc.conftest import Server


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "PUT"])
@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/processes", "GET, HEAD, OPTIONS"),
        ("/processes/echo/execution", "OPTIONS, POST"),
        ("/livez", "GET, HEAD, OPTIONS"),
        ("/readyz", "GET, HEAD, OPTIONS"),
    ],
)
def test_allow_lists_what_is_allowed(client: FlaskClient, method: str, path: str, allow: str) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)
    assert answer.mimetype == "application/problem+json"


def test_health_tells_its_methods(client: FlaskClient) -> None:
    answer = client.options("/livez")
    assert (answer.status_code, answer.headers["Allow"], answer.data) == (204, "GET, HEAD, OPTIONS", b"")
    assert client.head("/livez").status_code == 200


def test_a_content_coding_is_refused_with_those_that_are_not(client: FlaskClient) -> None:
    path = "/processes/echo/execution"
    coded = client.post(
        path, data=b"{}", headers={"Content-Type": "application/json", "Content-Encoding": "br"}
    )
    assert (coded.status_code, coded.headers["Accept-Encoding"]) == (415, "identity")
    typed = client.post(path, data=b"{}", headers={"Content-Type": "text/csv"})
    assert (typed.status_code, typed.headers.get("Accept-Encoding")) == (415, None)


def test_a_redirect_of_the_routing_stays_outside(make_server: Callable[..., Server]) -> None:
    client = make_server(behind_proxy=True).client()
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "geo.example.org",
        "X-Forwarded-Prefix": "/ogc",
    }
    answer = client.get("/processes//echo?f=json", headers=headers)
    assert answer.status_code == 308
    assert answer.headers["Location"] == "https://geo.example.org/ogc/processes/echo?f=json"
