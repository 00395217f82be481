"""Outputs that are lists of files: in documents, in parts, and each by itself."""

from __future__ import annotations

import base64
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.model.principal import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient
    from tests.adapters.ogc.conftest import Server
    from werkzeug.test import TestResponse

TILES = "/processes/tiles/execution"
BASE = "http://localhost:5000"


def run(client: FlaskClient, size: int = 10, **request: Any) -> TestResponse:
    response = client.post(TILES, json={"inputs": {"size": size}, **request})
    assert response.status_code < 300, response.text
    return response


def job_id(client: FlaskClient) -> str:
    headers = {"Prefer": "respond-async"}
    response = client.post(TILES, json={"inputs": {"size": 10}, "response": "document"}, headers=headers)
    made: str = response.json["jobID"]  # type: ignore[index]  # it is statusInfo
    return made


def test_a_document_holds_small_files_in_order(
    client: FlaskClient, valid: Callable[[str, Any], None]
) -> None:
    document = run(client, response="document").json
    valid("results", document)
    assert document is not None
    assert document["count"] == 12
    assert [base64.b64decode(item["value"])[0] for item in document["tiles"]] == list(range(12))
    assert {(item["mediaType"], item["encoding"]) for item in document["tiles"]} == {("image/png", "base64")}


def test_a_document_links_to_large_files(client: FlaskClient, valid: Callable[[str, Any], None]) -> None:
    document = run(client, size=100_000, response="document").json
    valid("results", document)
    assert document is not None
    assert [link["href"].rpartition("/")[2] for link in document["tiles"]] == [str(n) for n in range(12)]
    assert client.get(document["tiles"][11]["href"]).data == bytes([11]) * 100_000


def test_by_reference_it_is_one_link_to_the_list(client: FlaskClient) -> None:
    wanted = {"tiles": {"transmissionMode": "reference"}}
    document = run(client, response="document", outputs=wanted).json
    assert document is not None
    links = client.get(document["tiles"]["href"])
    assert links.headers["Content-Type"] == "application/json"
    assert links.json == [
        {"href": f"{document['tiles']['href']}/{index}", "type": "image/png"} for index in range(12)
    ]


@pytest.mark.parametrize("outputs", [None, {"tiles": {}}])
def test_raw_each_file_is_a_part(client: FlaskClient, outputs: Any) -> None:
    response = run(client, **({"outputs": outputs} if outputs else {}))
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    message: Any = message_from_bytes(head + response.data, policy=policy.HTTP)
    parts = list(message.iter_parts())
    tiles = [part for part in parts if part["Content-ID"].startswith("tiles/")]
    assert [part["Content-ID"] for part in tiles] == [f"tiles/{index}" for index in range(12)]
    assert [part.get_payload(decode=True)[0] for part in tiles] == list(range(12))
    assert int(response.headers["Content-Length"]) == len(response.data)
    assert len(parts) == (12 if outputs else 13)


def test_one_file_is_fetched_by_its_place(client: FlaskClient) -> None:
    place = f"/jobs/{job_id(client)}/results/tiles"
    response = client.get(f"{place}/10", headers={"Range": "bytes=0-3"})
    assert (response.status_code, response.data) == (206, b"\x0a" * 4)
    assert response.headers["Content-Type"] == "image/png"
    for missing in ("12", "-1", "x", "1/2"):
        assert client.get(f"{place}/{missing}").status_code == 404
    assert client.get(f"{place[:-5]}count/0").status_code == 404


def test_a_deleted_file_leaves_the_others_in_their_places(client: FlaskClient, server: Server) -> None:
    job = job_id(client)
    server.jobs.remove_output(job, "tiles", ANONYMOUS, 3)
    links = client.get(f"/jobs/{job}/results/tiles").json
    assert links is not None
    assert [link["href"].rpartition("/")[2] for link in links] == [str(n) for n in range(12) if n != 3]
    assert client.get(f"/jobs/{job}/results/tiles/3").status_code == 404
    assert client.get(f"/jobs/{job}/results/tiles/4").data == b"\x04" * 10
    document = client.get(f"/jobs/{job}/results").json
    assert document is not None
    assert len(document["tiles"]) == 11


def test_a_page_links_to_each(client: FlaskClient) -> None:
    job = job_id(client)
    page = client.get(f"/jobs/{job}/results?f=html").text
    assert f"{BASE}/jobs/{job}/results/tiles/11" in page
