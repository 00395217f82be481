"""Execution: what is waited for, what is refused, and the table of answers, line by line."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.model.job import Job, Output
from dragoman.model.principal import ANONYMOUS
from dragoman.web.sync_slots import SyncSlots

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient
    from tests.adapters.ogc.conftest import Server
    from werkzeug.test import TestResponse

type Valid = Callable[[str, Any], None]

ECHO = "/processes/echo/execution"
RASTER = "/processes/raster/execution"
EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"


def parts(response: TestResponse) -> dict[str, Any]:
    """The parts of a multipart answer, by Content-ID."""
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    message = message_from_bytes(head + response.data, policy=policy.HTTP)
    return {part["Content-ID"]: part for part in message.iter_parts()}


def body(*names: str, by: str = "", response: str = "raw", **inputs: Any) -> dict[str, Any]:
    outputs = {name: {"transmissionMode": by} if by else {} for name in names}
    return {"inputs": inputs, "outputs": outputs, "response": response}


# -- the table


def test_raw_one_string_is_plain_text(client: FlaskClient) -> None:
    response = client.post(ECHO, json=body("text", text="grüß <b>"))
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.data == "grüß <b>".encode()
    assert "Link" not in response.headers


def test_raw_one_other_value_is_json(client: FlaskClient) -> None:
    response = client.post(ECHO, json=body("all", text="<&>"))
    assert response.headers["Content-Type"] == "application/json"
    assert response.data == b'{"text":"<&>"}'


def test_raw_one_file_is_sent_as_it_is(client: FlaskClient) -> None:
    response = client.post(RASTER, json=body("image", size=600))
    assert response.headers["Content-Type"] == "image/tiff; application=geotiff"
    assert len(response.data) == 600
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_raw_several_values_are_multipart(client: FlaskClient) -> None:
    response = client.post(ECHO, json={"inputs": {"text": "hello", "numbers": [1, 2]}})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("multipart/related;")
    boundary = response.headers["Content-Type"].split("boundary=")[1]
    assert response.data.startswith(f"--{boundary}\r\n".encode())
    assert int(response.headers["Content-Length"]) == len(response.data)
    assert "Link" not in response.headers
    found = parts(response)
    assert list(found) == ["text", "numbers", "all"]
    assert found["text"].get_content_type() == "text/plain"
    assert found["text"].get_payload(decode=True) == b"hello"
    assert json.loads(found["numbers"].get_payload(decode=True)) == [1, 2]


def test_files_in_multipart_are_whole(client: FlaskClient) -> None:
    response = client.post(RASTER, json={"inputs": {"size": 700_000}})
    image = parts(response)["image"]
    assert image.get_content_type() == "image/tiff"
    assert len(image.get_payload(decode=True)) == 700_000
    assert int(response.headers["Content-Length"]) == len(response.data)


def test_raw_all_by_reference_is_204_with_links(client: FlaskClient) -> None:
    response = client.post(RASTER, json=body("image", "statistics", by="reference", size=10))
    assert response.status_code == 204
    assert response.data == b""
    assert "Content-Type" not in response.headers
    links = response.headers.getlist("Link")
    assert len(links) == 2
    assert 'rel="image"' in links[0]
    href = links[0].split(">")[0].strip("<")
    fetched = client.get(href)
    assert (fetched.status_code, len(fetched.data)) == (200, 10)


def test_raw_mixed_has_an_empty_part_with_its_location(client: FlaskClient) -> None:
    wanted = {"image": {"transmissionMode": "reference"}, "statistics": {"transmissionMode": "value"}}
    response = client.post(RASTER, json={"inputs": {"size": 10}, "outputs": wanted})
    found = parts(response)
    assert found["image"].get_payload(decode=True) == b""
    assert client.get(found["image"]["Content-Location"]).data == bytes(range(10))
    assert json.loads(found["statistics"].get_payload(decode=True)) == {"mean": 1.5, "none": None}


def test_document_holds_values_qualified_values_and_links(client: FlaskClient, valid: Valid) -> None:
    request = body("image", "points", "statistics", response="document", size=4)
    request["outputs"]["points"] = {"transmissionMode": "reference"}
    response = client.post(RASTER, json=request)
    assert response.headers["Content-Type"] == "application/json"
    document = response.get_json()
    valid("results", document)
    assert document["image"] == {
        "value": "AAECAw==", "mediaType": "image/tiff; application=geotiff", "encoding": "base64"
    }  # fmt: skip
    assert document["points"]["href"].endswith("/results/points")
    assert document["points"]["type"] == "application/geo+json"
    assert document["statistics"] == {"value": {"mean": 1.5, "none": None}, "mediaType": "application/json"}


def test_document_links_to_large_files_unless_told_otherwise(client: FlaskClient) -> None:
    size = 1024**2 + 1
    document = client.post(RASTER, json=body("image", response="document", size=size)).get_json()
    assert document["image"].keys() == {"href", "type"}
    document = client.post(RASTER, json=body("image", response="document", by="value", size=size)).get_json()
    assert document["image"]["encoding"] == "base64"


def test_document_embeds_json_files(client: FlaskClient) -> None:
    document = client.post(RASTER, json=body("points", response="document", size=1)).get_json()
    assert document["points"]["value"] == {"type": "FeatureCollection", "features": []}


def test_document_of_plain_values(client: FlaskClient, valid: Valid) -> None:
    document = client.post(
        ECHO, json={"inputs": {"text": "a"}, "response": "document", "outputs": {}}
    ).get_json()
    valid("results", document)
    assert document["text"] == "a"
    assert document["numbers"] == []


@pytest.mark.parametrize("mode", ["raw", "document"])
def test_a_page_where_one_is_asked_for(client: FlaskClient, mode: str) -> None:
    request = {"inputs": {"text": "seen"}, "response": mode}
    response = client.post(ECHO, json=request, headers={"Accept": "text/html"})
    assert response.mimetype == "text/html"
    assert "seen" in response.text


# -- what is waited for


def echo(job: Job, folder: Path) -> dict[str, Output]:
    return {"text": Output(id="text", media_type="text/plain", value=job.request.inputs["text"][0].value)}


@pytest.mark.parametrize("prefer", ["respond-async", "Respond-Async ; x=1", "handling=lenient,respond-async"])
def test_respond_async(client: FlaskClient, valid: Valid, prefer: str) -> None:
    response = client.post(ECHO, json={"inputs": {"text": "a"}}, headers={"Prefer": prefer})
    assert response.status_code == 201
    assert response.headers["Preference-Applied"] == "respond-async"
    document = response.get_json()
    valid("statusInfo", document)
    assert response.headers["Location"] == f"http://localhost:5000/jobs/{document['jobID']}"
    assert client.get(response.headers["Location"]).get_json()["status"] == "successful"


def test_prefer_in_several_headers(client: FlaskClient) -> None:
    headers = [("Prefer", "return=minimal"), ("Prefer", "respond-async")]
    assert client.post(ECHO, json={"inputs": {"text": "a"}}, headers=headers).status_code == 201


def test_async_only_is_async_without_being_asked(client: FlaskClient) -> None:
    response = client.post("/processes/later/execution", json={"inputs": {"text": "a"}})
    assert response.status_code == 201
    assert "Preference-Applied" not in response.headers


def test_sync_only_is_sync_whatever_is_preferred(client: FlaskClient) -> None:
    request = {"inputs": {"text": "a"}, "outputs": {"text": {}}}
    response = client.post(
        "/processes/now/execution", json=request, headers={"Prefer": "respond-async, wait=0"}
    )
    assert (response.status_code, response.text) == (200, "a")


def test_wait_answers_with_the_job_when_time_is_up(client: FlaskClient) -> None:
    started = time.monotonic()
    headers = {"Prefer": "respond-async, wait=1"}
    response = client.post("/processes/slow/execution", json={"inputs": {"text": "a"}}, headers=headers)
    assert time.monotonic() - started >= 1
    assert response.status_code == 201
    assert response.get_json()["status"] == "accepted"


def test_wait_answers_with_the_result_if_it_is_there_by_then(client: FlaskClient) -> None:
    response = client.post(ECHO, json=body("text", text="a"), headers={"Prefer": "wait=5"})
    assert (response.status_code, response.text) == (200, "a")


def test_wait_zero_is_async(client: FlaskClient) -> None:
    response = client.post(ECHO, json=body("text", text="a"), headers={"Prefer": "wait=0"})
    assert response.status_code == 201


def test_a_sync_call_waits_for_its_job_and_is_recorded(server: Server) -> None:
    def finish() -> None:
        while not server.engine.jobs:
            time.sleep(0.01)
        server.engine.finish(next(iter(server.engine.jobs)), echo)

    thread = threading.Thread(target=finish)
    thread.start()
    response = server.client().post("/processes/slow/execution", json=body("text", text="late"))
    thread.join()
    assert (response.status_code, response.text) == (200, "late")
    assert next(iter(server.engine.jobs.values())).mode == "sync"


def test_too_many_waiting_calls_get_503(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SyncSlots, "enter", lambda self, patience=0: False)
    client = server.client()
    response = client.post(ECHO, json={"inputs": {"text": "a"}})
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert not server.engine.jobs
    assert client.post(ECHO, json={"inputs": {"text": "a"}}, headers={"Prefer": "wait=9"}).status_code == 201


def test_full_queue_is_503(server: Server) -> None:
    server.engine.full = True
    response = server.client().post(ECHO, json={"inputs": {"text": "a"}})
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "7"


def test_failure_of_a_sync_call(client: FlaskClient, valid: Valid) -> None:
    response = client.post("/processes/fail/execution", json={"inputs": {"text": "a"}})
    assert response.status_code == 500
    valid("exception", response.get_json())
    assert response.get_json()["detail"] == "the sky fell"
    assert response.get_json()["code"] == "execution-failed"


# -- the same key


def test_repetition_gives_the_first_job(server: Server) -> None:
    client, request = server.client(), {"inputs": {"text": "a"}}
    headers = {"Idempotency-Key": "k1", "Prefer": "respond-async"}
    first = client.post(ECHO, json=request, headers=headers)
    again = client.post(ECHO, json=request, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Location"] == first.headers["Location"]
    waited = client.post(ECHO, json=request, headers={"Idempotency-Key": "k1"})
    assert waited.status_code == 200
    assert len(server.engine.jobs) == 1


def test_another_body_under_the_same_key_is_409(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k"}
    client.post(ECHO, json={"inputs": {"text": "a"}}, headers=headers)
    response = client.post(ECHO, json={"inputs": {"text": "b"}}, headers=headers)
    assert response.status_code == 409


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_keys_that_cannot_be_kept(client: FlaskClient, key: str) -> None:
    response = client.post(ECHO, json={"inputs": {"text": "a"}}, headers={"Idempotency-Key": key})
    assert response.status_code == 400


SEVERAL = {"inputs": {"text": "hello", "numbers": [1, 2]}}


@pytest.mark.parametrize(
    ("path", "accept", "kind"),
    [
        (ECHO, "application/json", "application/json"),
        (ECHO + "?f=json", "", "application/json"),
        (ECHO + "?f=json", "multipart/related", "application/json"),
        (ECHO, "application/json, */*;q=0.1", "multipart/related"),
        (ECHO, "multipart/related, application/json", "multipart/related"),
        (ECHO, "", "multipart/related"),
    ],
)
def test_raw_several_are_a_document_for_who_asks_for_json_alone(
    client: FlaskClient, path: str, accept: str, kind: str
) -> None:
    response = client.post(path, json=SEVERAL, headers={"Accept": accept} if accept else {})
    assert response.mimetype == kind
    if kind == "application/json":
        assert response.get_json()["text"] == "hello"


@pytest.mark.parametrize(("query", "kind"), [("", "multipart/related"), ("?f=json", "application/json")])
def test_raw_several_are_multipart_for_who_asks_for_each_by_value(
    client: FlaskClient, query: str, kind: str
) -> None:
    outputs = {name: {"transmissionMode": "value"} for name in ("text", "numbers")}
    response = client.post(
        ECHO + query, json=SEVERAL | {"outputs": outputs}, headers={"Accept": "application/json"}
    )
    assert response.mimetype == kind


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (SEVERAL, "multipart/related"),
        (SEVERAL | {"response": "document"}, "application/json"),
        (SEVERAL | {"outputs": {"text": {}}}, "text/plain; charset=utf-8"),
    ],
)
def test_a_job_links_to_its_results_as_they_will_come_and_to_each_output(
    client: FlaskClient, request_: dict[str, Any], kind: str
) -> None:
    started = client.post(ECHO, json=request_, headers={"Prefer": "respond-async"})
    links = client.get(started.headers["Location"]).get_json()["links"]
    (results,) = (link for link in links if link["rel"].endswith("/results"))
    assert results["type"] == kind
    assert client.get(results["href"]).content_type.startswith(kind)
    items = [link for link in links if link["rel"] == "item"]
    assert len(items) == (1 if "outputs" in request_ else 3)
    for item in items:
        assert client.get(item["href"]).content_type == item["type"]
    (listed,) = client.get("/jobs?limit=1").get_json()["jobs"]
    (same,) = (link for link in listed["links"] if link["rel"].endswith("/results"))
    assert "type" not in same, "a listed job comes without its request, which the type depends on"


def test_the_link_to_results_that_lie_elsewhere_has_no_type(client: FlaskClient) -> None:
    request_ = SEVERAL | {"outputs": {"text": {"transmissionMode": "reference"}}}
    started = client.post(ECHO, json=request_, headers={"Prefer": "respond-async"})
    links = client.get(started.headers["Location"]).get_json()["links"]
    (results,) = (link for link in links if link["rel"].endswith("/results"))
    assert "type" not in results
    assert client.get(results["href"]).status_code == 204


def test_the_request_is_kept_with_the_job_as_it_was_sent(server: Server, client: FlaskClient) -> None:
    sent = '\ufeff{"inputs": {"text": "grüß\\u0000", "numbers": 1}, "comment": [1.0, null]}'.encode()
    answer = client.post(
        ECHO, data=sent, headers={"Prefer": "respond-async", "Content-Type": "application/json"}
    )
    job_id = answer.json["jobID"]  # type: ignore[index]  # an object
    assert server.services.jobs.request(job_id, ANONYMOUS) == json.loads(sent.decode("utf-8-sig"))
