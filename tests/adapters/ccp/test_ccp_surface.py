"""OGC's resources below /ccp: the habits, the reserved inputs, and what the root keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.adapters.ccp.conftest import METHOD, echo, submit

from dragoman.adapters.ccp.settings import CcpSettings
from dragoman.model.job import Replicas

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient
    from tests.adapters.ccp.conftest import Server

TEXT = {"inputs": {"text": "hello"}}
RESERVED = {"ccpimage", "ccpreplicas", "ccpmaxtime", "ccpnote"}
FORMS = (
    "application/json",
    "text/html,application/xhtml+xml",
    "application/problem+json",
    "image/png",
    "*/*",
)


def test_what_the_recorded_script_sends_is_answered_as_it_needs(client: FlaskClient, server: Server) -> None:
    headers = {
        "User-Agent": "libcurl/7.88.1 r-curl/5.0.0 httr/1.4.5",
        "Accept": "application/json, text/xml, application/xml, */*",
        "Content-Type": "application/json",
    }
    body = (
        b'{"inputs":{"ccpimage":"bash","ccpreplicas":"1"},'
        b'"outputs":{"output":{"transmissionMode":"value"}},"response":"raw"}'
    )
    assert len(body) == 115
    response = client.post(f"/ccp/processes/{METHOD}/execution", data=body, headers=headers)
    assert (response.status_code, response.mimetype) == (201, "application/json")
    job_id = response.get_json()["jobID"]
    del headers["Content-Type"]
    polled = client.get(f"/ccp/jobs/{job_id}", headers=headers)
    assert (polled.status_code, polled.get_json()["status"]) == (200, "successful")
    assert server.engine.get(job_id).request.reserved == {"ccpimage": "bash", "ccpreplicas": "1"}


def test_a_cancelled_job_reads_as_failed_where_scripts_wait_and_nowhere_else(client: FlaskClient) -> None:
    job_id = submit(client, "slow")
    ended = client.delete(f"/ccp/jobs/{job_id}").get_json()
    assert (ended["status"], ended["message"]) == ("failed", "Execution cancelled")
    assert client.get(f"/jobs/{job_id}").get_json()["status"] == "dismissed"
    listed = client.get("/ccp/jobs?status=failed").get_json()["jobs"]
    assert [job["jobID"] for job in listed] == [job_id]
    assert client.get("/jobs?status=failed").get_json()["jobs"] == []


def test_the_operator_may_have_it_read_as_it_is(make_server: Callable[..., Server]) -> None:
    client = make_server(dialects={"ccp": CcpSettings(cancelled_as_failed=False)}).client()
    assert client.delete(f"/ccp/jobs/{submit(client, 'slow')}").get_json()["status"] == "dismissed"


def test_with_ccp_off_nothing_of_it_is_there(make_server: Callable[..., Server]) -> None:
    client = make_server(dialects={"ccp": False}).client()
    assert client.get("/ccp/processes").status_code == 404
    assert client.get("/executions").status_code == 404
    response = client.post("/processes/echo/execution", json={"inputs": {"text": "x", "ccpnote": "y"}})
    assert response.status_code == 400
    assert "'ccpnote': unknown input" in response.get_json()["detail"]


@pytest.mark.parametrize("path", ["/", "/processes", "/processes/echo", "/jobs", "/openapi", "/conformance"])
def test_accept_and_f_change_nothing(client: FlaskClient, path: str) -> None:
    plain = client.get(f"/ccp{path}")
    assert plain.status_code == 200
    assert "text/html" not in plain.text
    for accept in FORMS:
        for f in ("", "?f=html", "?f=xml"):
            response = client.get(f"/ccp{path}{f}", headers={"Accept": accept})
            assert (response.status_code, response.mimetype) == (200, plain.mimetype)


def test_results_do_not_depend_on_accept_either(client: FlaskClient) -> None:
    job_id = submit(client, "echo")
    answers = {client.get(f"/ccp/jobs/{job_id}/results", headers={"Accept": accept}).data for accept in FORMS}
    assert len(answers) == 1
    refusals = {client.get("/ccp/jobs/x", headers={"Accept": accept}).mimetype for accept in FORMS}
    assert refusals == {"application/problem+json"}


@pytest.mark.parametrize("prefix", ["", "/ccp"])
def test_reserved_inputs_are_taken_and_kept_as_sent(client: FlaskClient, server: Server, prefix: str) -> None:
    sent = {"ccpnote": "first try", "ccpmaxtime": "30", "ccpreplicas": "1", "ccpimage": "any:1"}
    job_id = submit(client, "echo", {"text": "hello", **sent}, prefix=prefix)
    job = server.engine.get(job_id)
    assert job.request.reserved == sent
    assert job.request.inputs.keys() == {"text"}
    assert job.timeout == 30
    assert job.request.replicas == Replicas(count=1, variables=("CCP_TASK_ID", "ccptaskid"))


@pytest.mark.parametrize("count", [2, "16", 3.0, " 4 "])
def test_several_runs_are_asked_by_number_or_text(client: FlaskClient, server: Server, count: Any) -> None:
    job = server.engine.get(submit(client, "echo", {"text": "hello", "ccpreplicas": count}, prefix=""))
    assert job.request.replicas is not None
    assert job.request.replicas.count == float(count)
    assert server.engine.get(submit(client, "echo")).request.replicas is None


@pytest.mark.parametrize(
    ("name", "values", "allowed"),
    [
        ("ccpmaxtime", ["soon", "", 0, -1, True, [3], "1e3", 10**10, {"value": "x"}], "more than 0"),
        ("ccpreplicas", ["17", 0, 1.5, "2.5", "x", True, -1], "whole numbers from 1 to 16"),
        ("ccpnote", [3, ["x"], "x" * 10_001], "a text"),
        ("ccpimage", [3, {}], "a text"),
    ],
)
def test_a_wrong_reserved_input_is_named_with_what_is_allowed(
    client: FlaskClient, server: Server, name: str, values: list[Any], allowed: str
) -> None:
    for value in values:
        response = client.post("/processes/echo/execution", json={"inputs": {"text": "x", name: value}})
        assert response.status_code == 400, value
        (problem,) = response.get_json()["invalid-params"]
        assert problem["name"] == name
        assert allowed in problem["reason"]
    assert not server.engine.jobs


def test_a_process_that_lists_runtimes_takes_one_of_those(client: FlaskClient) -> None:
    submit(client, "pictures", {"ccpimage": "python"})
    response = client.post("/ccp/processes/pictures/execution", json={"inputs": {"ccpimage": "perl"}})
    assert response.status_code == 400
    assert "allowed: bash, python" in response.get_json()["detail"]
    described = client.get("/ccp/processes/pictures").get_json()["inputs"]["ccpimage"]["schema"]
    assert described["enum"] == ["bash", "python"]


def test_what_a_process_defines_itself_is_its_own(client: FlaskClient, server: Server) -> None:
    job_id = submit(client, "noted", {"ccpnote": 5})
    assert server.engine.get(job_id).request.reserved == {}
    body = {"inputs": {"ccpnote": 5}, "outputs": {"output": {}}}
    job_id = client.post("/ccp/processes/noted/execution", json=body).get_json()["jobID"]
    assert (server.engine.get(job_id).request.outputs or {}).keys() == {"output"}
    assert client.post("/processes/echo/execution", json={**TEXT, "outputs": {"output": {}}}).status_code in (
        400,
        404,
    )


def test_only_descriptions_below_ccp_tell_of_them(client: FlaskClient) -> None:
    described = client.get("/ccp/processes/echo").get_json()["inputs"]
    assert described.keys() >= RESERVED
    assert {described[name]["minOccurs"] for name in RESERVED} == {0}
    assert client.get("/processes/echo").get_json()["inputs"].keys().isdisjoint(RESERVED)
    noted = client.get("/ccp/processes/noted").get_json()["inputs"]
    assert noted["ccpnote"]["schema"]["type"] == "integer"


def test_links_stay_below_the_prefix(client: FlaskClient, server: Server) -> None:
    job_id = submit(client, "slow")
    server.engine.finish(job_id, lambda job, folder: {"text": echo(job, folder)["text"]})
    for path in ("/", "/processes", "/jobs", f"/jobs/{job_id}"):
        for link in client.get(f"/ccp{path}").get_json()["links"]:
            assert link["href"].startswith("http://localhost:5000/ccp/")
