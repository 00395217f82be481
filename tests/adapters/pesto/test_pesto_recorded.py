"""What the real service answered, we answer too, wherever the contract does not say that we do better."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.adapters.pesto.recorded import payload, recording

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from tests.adapters.pesto.conftest import Server
    from werkzeug.test import TestResponse

HERE = "http://localhost"
STATELESS = "/pesto/algo-service/api/v1"
STATEFUL = "/pesto/algo-stateful/api/v1"


def job(client: FlaskClient) -> str:
    """A finished job of the stateful project; its id."""
    answer = client.post(f"{STATEFUL}/process", json=payload("payload_4band_b64"))
    assert answer.status_code == 200
    link: str = answer.get_json()["link"]
    return link.split("/")[-2]


def same_head(answer: TestResponse, name: str) -> None:
    assert answer.status_code == recording(name).status
    assert answer.headers["Content-Type"] == recording(name).headers["content-type"]


@pytest.mark.parametrize(
    ("base", "root"), [(STATELESS, f"{HERE}/pesto/algo-service"), ("/api/v1", HERE)], ids=["named", "default"]
)
def test_describe_of_the_stateless_project(client: FlaskClient, base: str, root: str) -> None:
    answer = client.get(f"{base}/describe")
    same_head(answer, "stateless-describe")
    assert answer.get_json() == recording("stateless-describe").moved(root)


def test_describe_of_the_stateful_project(client: FlaskClient) -> None:
    answer = client.get(f"{STATEFUL}/describe")
    assert answer.get_json() == recording("stateful-describe").moved(f"{HERE}/pesto/algo-stateful")


def test_health(client: FlaskClient) -> None:
    answer = client.get(f"{STATELESS}/health")
    same_head(answer, "stateless-health")
    assert answer.data == recording("stateless-health").body


def test_health_answers_head_where_the_real_one_refuses(client: FlaskClient) -> None:
    assert recording("stateless-health-HEAD").status == 405
    answer = client.head(f"{STATELESS}/health")
    assert (answer.status_code, answer.data) == (200, b"")


def test_config_is_there_where_the_real_one_only_links_to_it(client: FlaskClient) -> None:
    assert recording("stateless-config").status == 404
    assert client.get(f"{STATELESS}/config").get_json() == {"zoom": [16], "padding": 0}


@pytest.mark.parametrize("base", [STATELESS, "/api/v1"])
def test_an_unknown_path(client: FlaskClient, base: str) -> None:
    answer = client.get(f"{base}/nothing")
    same_head(answer, "stateless-404")
    assert answer.data == recording("stateless-404").body


@pytest.mark.parametrize(("base", "name"), [(STATELESS, "stateless-jobs"), (STATEFUL, "stateful-jobs-empty")])
def test_no_jobs(client: FlaskClient, base: str, name: str) -> None:
    answer = client.get(f"{base}/jobs")
    same_head(answer, name)
    assert answer.data == recording(name).body


def test_the_answer_of_the_stateless_project(client: FlaskClient) -> None:
    answer = client.post(f"{STATELESS}/process", json=payload("payload_4band_b64"))
    same_head(answer, "stateless-process-4band")
    assert answer.get_json() == recording("stateless-process-4band").json


def test_an_image_of_300_kb_is_taken(server: Server, client: FlaskClient) -> None:
    assert client.post(f"{STATELESS}/process", json=payload("payload_test_1_b64")).status_code == 200
    kept = next(iter(server.engine.jobs.values()))
    assert kept.request.spooled
    assert kept.dialect == "pesto"


def test_the_link_and_the_list_of_jobs(client: FlaskClient) -> None:
    answer = client.post(f"{STATEFUL}/process", json=payload("payload_4band_b64"))
    same_head(answer, "stateful-process")
    made = answer.get_json()["link"].split("/")[-2]
    root = f"{HERE}/pesto/algo-stateful"
    assert answer.get_json() == recording("stateful-process").moved(root, made)
    assert client.get(f"{STATEFUL}/jobs").get_json() == recording("stateful-jobs").moved(root, made)


def test_status_and_results(client: FlaskClient) -> None:
    made, root = job(client), f"{HERE}/pesto/algo-stateful"
    status = client.get(f"{STATEFUL}/jobs/{made}/status")
    assert (
        status.data
        == json.dumps(recording("stateful-status").moved(root, made), separators=(",", ":")).encode()
    )
    results = client.get(f"{STATEFUL}/jobs/{made}/results")
    assert results.get_json() == recording("stateful-results").moved(root, made)


# the geojson, areas and string of the recording are of another image
VALUES: dict[str, Any] = {
    "areas": recording("stateful-partial-areas").json,
    "dict_output": recording("stateful-partial-dict_output").json,
    "geojson": recording("stateful-partial-geojson").json,
    "integer_output": 42,
    "number_output": 3.14159,
    "string_output": "some input value",
}


@pytest.mark.parametrize("name", VALUES)
def test_a_result_by_itself(server: Server, client: FlaskClient, name: str) -> None:
    made = job(client)
    kept = server.engine.jobs[made]
    changed = replace(kept.outputs[name], value=VALUES[name])
    server.engine.jobs[made] = kept.evolve(outputs={**kept.outputs, name: changed})
    answer = client.get(f"{STATEFUL}/jobs/{made}/results/{name}")
    same_head(answer, f"stateful-partial-{name}")
    assert answer.data == recording(f"stateful-partial-{name}").body


def test_a_deleted_image_leaves_the_others_their_names(client: FlaskClient) -> None:
    made, root = job(client), f"{HERE}/pesto/algo-stateful"
    path = f"{STATEFUL}/jobs/{made}/results"
    for _ in range(2):
        answer = client.delete(f"{path}/image_list0")
        same_head(answer, "stateful-partial-DELETE")
        assert answer.data == recording("stateful-partial-DELETE").body
    assert client.get(path).get_json() == recording("stateful-results-after-delete").moved(root, made)
    assert client.get(f"{path}/image_list0").status_code == 404
    assert client.get(f"{path}/image_list1").status_code == 200


def test_an_unknown_result_is_404_where_the_real_one_fails(client: FlaskClient) -> None:
    assert recording("stateful-partial-nothere").status == 500
    answer = client.get(f"{STATEFUL}/jobs/{job(client)}/results/nothere")
    assert answer.status_code == 404
    assert list(answer.get_json()) == ["detail"]
