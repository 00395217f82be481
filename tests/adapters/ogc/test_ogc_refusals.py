"""Executions that are refused: 400 that names what is wrong, before any job is made."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.config.settings import FetchSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient
    from tests.adapters.ogc.conftest import Server

    from dragoman.model.process import JSON

ECHO = "/processes/echo/execution"
RASTER = "/processes/raster/execution"


def refused(client: FlaskClient, request: Any) -> str:
    response = client.post(ECHO, json=request)
    assert response.status_code == 400, response.text
    return str(response.get_json()["detail"])


def test_each_wrong_input_is_named(server: Server) -> None:
    detail = refused(server.client(), {"inputs": {"text": 5, "numbers": ["x"], "more": 1}})
    for name in ("text", "numbers", "more"):
        assert f"input '{name}'" in detail
    assert not server.engine.jobs


def test_wrong_inputs_are_members_of_the_problem(client: FlaskClient) -> None:
    document = client.post(ECHO, json={"inputs": {}}).get_json()
    assert [wrong["name"] for wrong in document["invalid-params"]] == ["text"]


def test_what_is_null_is_as_good_as_left_out(client: FlaskClient) -> None:
    """As the clients that are generated for Java, and R, send it."""
    inputs = {"text": "a", "numbers": None, "box": {"bbox": [1, 2, 3, 4], "crs": None}}
    outputs = {"text": {"format": None, "transmissionMode": None}, "numbers": None}
    choices: tuple[JSON, ...] = (None, [], outputs)
    for named in choices:
        request = {"inputs": inputs, "outputs": named, "response": None, "subscriber": None}
        response = client.post(ECHO, json=request)
        assert response.status_code == 200, response.text
    assert "'text'" in refused(client, {"inputs": {"text": None}})


@pytest.mark.parametrize(
    "request_",
    [
        [], 5, "text", None, {"inputs": []}, {"inputs": None},
        {"inputs": {"text": "a"}, "outputs": ["text"]},
        {"inputs": {"text": "a"}, "outputs": {"nothing": {}}},
        {"inputs": {"text": "a"}, "outputs": {"text": "value"}},
        {"inputs": {"text": "a"}, "outputs": {"text": {"transmissionMode": "pigeon"}}},
        {"inputs": {"text": "a"}, "outputs": {"text": {"format": 3}}},
        {"inputs": {"text": "a"}, "outputs": {"text": {"format": {"mediaType": 3}}}},
        {"inputs": {"text": "a"}, "response": "loud"}, {"inputs": {"text": "a"}, "response": ["raw"]},
        {"inputs": {"text": "a"}, "subscriber": "x"},
        {"inputs": {"text": "a"}, "subscriber": {"sucessUri": "https://example.org"}},
        {"inputs": {"text": "a"}, "subscriber": {"successUri": "ftp://x"}},
        {"inputs": {"text": "a"}, "subscriber": {"successUri": "http://["}},
        {"inputs": {"text": {"href": 5}}}, {"inputs": {"text": {"href": ""}}},
        {"inputs": {"text": {"href": "file:///etc/passwd"}}},
        {"inputs": {"text": {"value": "a", "mediaType": 5}}},
    ],
)  # fmt: skip
def test_malformed_requests(client: FlaskClient, request_: Any) -> None:
    assert refused(client, request_)


@pytest.mark.parametrize(
    ("process", "inputs", "output", "asked", "offered"),
    [
        ("raster", {"size": 1}, "image", "image/png", "image/tiff"),
        ("raster", {"size": 1}, "statistics", "text/csv", "allowed: application/json"),
        ("echo", {"text": "a"}, "text", "image/png", "allowed: text/plain"),
        ("echo", {"text": "a"}, "numbers", "text/plain", "allowed: application/json"),
    ],
)
def test_unsupported_output_formats_are_refused(
    server: Server, process: str, inputs: Any, output: str, asked: str, offered: str
) -> None:
    request = {"inputs": inputs, "outputs": {output: {"format": {"mediaType": asked}}}}
    response = server.client().post(f"/processes/{process}/execution", json=request)
    assert response.status_code == 400
    assert f"got the media type '{asked}'" in response.get_json()["detail"]
    assert offered in response.get_json()["detail"]
    assert not server.engine.jobs


@pytest.mark.parametrize(
    ("process", "inputs", "output", "asked"),
    [
        ("raster", {"size": 1}, "image", "image/tiff"),
        ("raster", {"size": 1}, "points", "application/json"),
        ("raster", {"size": 1}, "statistics", "application/json; charset=utf-8"),
        ("echo", {"text": "a"}, "text", "text/plain"),
        ("tiles", {"size": 1}, "tiles", "image/png"),
    ],
)
def test_formats_that_are_offered_are_taken(
    client: FlaskClient, process: str, inputs: Any, output: str, asked: str
) -> None:
    request = {"inputs": inputs, "outputs": {output: {"format": {"mediaType": asked}}}}
    assert client.post(f"/processes/{process}/execution", json=request).status_code == 200


def test_an_unknown_output_is_refused_as_such(server: Server, valid: Callable[[str, JSON], None]) -> None:
    response = server.client().post(ECHO, json={"inputs": {"text": "a"}, "outputs": {"text": {}, "nope": {}}})
    document = response.get_json()
    valid("exception", document)
    assert (response.status_code, document["code"]) == (400, "no-such-output")
    assert document["type"].endswith("/no-such-output")
    assert document["detail"] == "unknown output 'nope'; allowed: text, numbers, all"
    assert not server.engine.jobs


def test_the_given_word_is_named(client: FlaskClient) -> None:
    loud = {"inputs": {"text": "a"}, "response": "loud"}
    assert refused(client, loud) == "'response': got \"loud\"; allowed: raw, document"
    pigeon = {"inputs": {"text": "a"}, "outputs": {"text": {"transmissionMode": "pigeon"}}}
    assert "'transmissionMode': got \"pigeon\"; allowed: value, reference" in refused(client, pigeon)


@pytest.mark.parametrize("member", ["successUri", "inProgressUri", "failedUri"])
@pytest.mark.parametrize("host", ["10.0.0.1", "localhost:5001", "[::1]", "2130706433", "169.254.169.254"])
def test_subscribers_that_would_never_be_told(server: Server, member: str, host: str) -> None:
    request = {"inputs": {"text": "a"}, "subscriber": {member: f"http://{host}/x"}}
    detail = refused(server.client(), request)
    assert f"subscriber: '{member}': the host" in detail
    assert "is not on the public network" in detail
    assert not server.engine.jobs


def test_subscribers_that_the_operator_allows(make_server: Callable[..., Server]) -> None:
    client = make_server(fetch=FetchSettings(allow=("localhost:5001",))).client()
    for url in ("http://localhost:5001/x", "https://example.org/x"):
        request = {"inputs": {"text": "a"}, "subscriber": {"successUri": url}}
        assert client.post(ECHO, json=request).status_code == 200


def test_members_that_are_not_known_count_nothing(client: FlaskClient) -> None:
    request = {"inputs": {"text": "a"}, "mode": "async", "outputs": {"text": {}}}
    assert client.post(ECHO, json=request).text == "a"


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff", b'{"inputs": NaN}', b'{"inputs":{"text":"\\ud800"}}', b"[" * 90_000,
     b'{"inputs":{"numbers":1e999}}', b"1" * 9000],
)  # fmt: skip
def test_bodies_that_are_not_json(client: FlaskClient, data: bytes) -> None:
    response = client.post(ECHO, data=data, content_type="application/json")
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"


def test_other_media_types_are_415(client: FlaskClient) -> None:
    response = client.post(ECHO, data="x", content_type="text/plain")
    assert response.status_code == 415


def test_a_body_that_is_too_large_is_413(client: FlaskClient) -> None:
    response = client.post(ECHO, data=b" " * 100_001, content_type="application/json")
    assert response.status_code == 413
    assert response.get_json()["code"] == "payload-too-large"


def test_a_body_of_unknown_length_is_cut_off(client: FlaskClient) -> None:
    response = client.post(
        ECHO, input_stream=io.BytesIO(b" " * 200_000), content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )  # fmt: skip
    assert response.status_code == 413


def test_a_bad_f_is_refused_before_anything_is_done(server: Server) -> None:
    assert server.client().post(f"{ECHO}?f=x", json={"inputs": {"text": "a"}}).status_code == 400
    assert not server.engine.jobs
