"""Executions that are refused: 400 that names what is wrong, before any job is made."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from tests.adapters.ogc.conftest import Server

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


@pytest.mark.parametrize(
    "request_",
    [
        [], 5, "text", None, {"inputs": []}, {"inputs": None},
        {"inputs": {"text": "a"}, "outputs": []},
        {"inputs": {"text": "a"}, "outputs": {"nothing": {}}},
        {"inputs": {"text": "a"}, "outputs": {"text": None}},
        {"inputs": {"text": "a"}, "outputs": {"text": {"transmissionMode": "pigeon"}}},
        {"inputs": {"text": "a"}, "outputs": {"text": {"format": 3}}},
        {"inputs": {"text": "a"}, "outputs": {"text": {"format": {"mediaType": 3}}}},
        {"inputs": {"text": "a"}, "response": "loud"}, {"inputs": {"text": "a"}, "response": ["raw"]},
        {"inputs": {"text": "a"}, "subscriber": "x"},
        {"inputs": {"text": "a"}, "subscriber": {"successUri": "ftp://x"}},
        {"inputs": {"text": "a"}, "subscriber": {"successUri": "http://["}},
        {"inputs": {"text": {"href": 5}}}, {"inputs": {"text": {"href": ""}}},
        {"inputs": {"text": {"href": "file:///etc/passwd"}}},
        {"inputs": {"text": {"value": "a", "mediaType": 5}}},
    ],
)  # fmt: skip
def test_malformed_requests(client: FlaskClient, request_: Any) -> None:
    assert refused(client, request_)


def test_unsupported_output_format_is_refused(client: FlaskClient) -> None:
    request = {"inputs": {"size": 1}, "outputs": {"image": {"format": {"mediaType": "image/png"}}}}
    response = client.post(RASTER, json=request)
    assert response.status_code == 400
    assert "image/tiff" in response.get_json()["detail"]


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
