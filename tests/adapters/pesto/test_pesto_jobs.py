"""Jobs over PESTO: states, results, ends, and that links are the client's own."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient
from resultkit import publish
from tests.adapters.pesto.conftest import ROOT, echo

from dragoman.adapters.pesto import documents
from dragoman.adapters.pesto.contract import contract_of
from dragoman.adapters.pesto.settings import settings_of
from dragoman.model.job import JobFailure, Output
from dragoman.model.status import JobStatus
from dragoman.web.sync_slots import SyncSlots

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.adapters.pesto.conftest import Server

    type MakeServer = Callable[..., Server]

UNKNOWN = "00000000-0000-4000-8000-000000000000"
IMAGES = {"images": ["QUJD"]}


def submit(client: FlaskClient, process: str = "later", **inputs: Any) -> str:
    answer = client.post(f"/pesto/{process}/api/v1/process", json=inputs or {"text": "a"})
    assert answer.status_code == 200, answer.text
    link: str = answer.get_json()["link"]
    return link.split("/")[-2]


def waiting(make_server: MakeServer) -> tuple[Server, FlaskClient, str]:
    """A job that waits, of a stateful process."""
    server = make_server()
    settings = replace(settings_of(server.settings), asynchronous=("waiting", "fail", "many"))
    server = make_server(dialects={"pesto": settings})
    client = server.client()
    return server, client, submit(client, "waiting")


def test_a_job_from_its_start_to_its_end(make_server: MakeServer) -> None:
    server, client, job = waiting(make_server)
    path = f"/pesto/waiting/api/v1/jobs/{job}"
    assert client.get(f"{path}/status").get_json() == {"status": "ACCEPTED", "progress": 0}
    server.engine.transition(job, JobStatus.RUNNING, progress=40, message="halfway")
    assert client.get(f"{path}/status").get_json() == {
        "status": "RUNNING",
        "progress": 40,
        "message": "halfway",
    }
    answer = client.get(f"{path}/results")
    assert answer.status_code == 404
    assert "not ready" in answer.get_json()["detail"]
    server.engine.transition(
        job, JobStatus.SUCCESSFUL, outputs=echo(server.engine.jobs[job], server.settings.home)
    )
    status = client.get(f"{path}/status").get_json()
    assert status.keys() == {"status", "progress", "link"}, "the last message is of no use any more"
    assert (status["status"], status["progress"]) == ("DONE", 100)
    assert client.get(status["link"]).get_json() == {
        name: f"http://localhost{path}/results/{name}" for name in ("text", "count")
    }


def test_a_job_is_cancelled_and_then_removed(make_server: MakeServer) -> None:
    server, client, job = waiting(make_server)
    server.engine.transition(job, JobStatus.RUNNING, progress=40)
    path = f"/pesto/waiting/api/v1/jobs/{job}"
    cancelled = {"status": "CANCELLED", "progress": 40}
    answer = client.delete(path)
    assert (answer.status_code, answer.get_json()) == (200, cancelled)
    assert client.get(f"{path}/status").get_json() == cancelled
    assert client.get(f"/jobs/{job}").get_json()["status"] == "dismissed"
    answer = client.get(f"{path}/results")
    assert answer.status_code == 404
    assert "cancelled" in answer.get_json()["detail"]
    assert client.delete(path).get_json() == cancelled
    assert client.get(f"{path}/status").status_code == 404
    assert client.delete(path).status_code == 404


def test_a_failed_job_says_why(make_server: MakeServer) -> None:
    server, client, _ = waiting(make_server)
    job = submit(client, "fail")
    path = f"/pesto/fail/api/v1/jobs/{job}"
    assert client.get(f"{path}/status").get_json() == {
        "status": "FAILED",
        "progress": 0,
        "message": "the sky fell",
    }
    answer = client.get(f"{path}/results")
    assert (answer.status_code, answer.get_json()) == (500, {"detail": "the sky fell"})
    assert client.get(f"{path}/results/text").status_code == 500
    assert client.delete(f"{path}/results/text").get_json() == {}
    assert server.engine.jobs[job].status is JobStatus.FAILED


def test_a_job_that_failed_by_its_inputs_is_the_callers_fault(make_server: MakeServer) -> None:
    server, client, job = waiting(make_server)
    failure = JobFailure(code="invalid-inputs", detail="x", problems=(("text", "is no scene"),))
    server.engine.transition(job, JobStatus.FAILED, failure=failure)
    answer = client.get(f"/pesto/waiting/api/v1/jobs/{job}/results")
    assert (answer.status_code, answer.get_json()) == (400, {"detail": "input 'text': is no scene"})


def test_a_stateless_failure_is_500_with_the_reason(client: FlaskClient) -> None:
    answer = client.post("/pesto/fail/api/v1/process", json={"text": "a"})
    assert (answer.status_code, answer.get_json()) == (500, {"detail": "the sky fell"})


def test_a_stateless_call_waits_for_its_job(server: Server) -> None:
    def finish() -> None:
        while not server.engine.jobs:
            time.sleep(0.01)
        server.engine.finish(next(iter(server.engine.jobs)), echo)

    thread = threading.Thread(target=finish)
    thread.start()
    answer = server.client().post("/pesto/waiting/api/v1/process", json={"text": "late"})
    thread.join()
    assert answer.get_json() == {"text": "late", "count": 0}
    job = next(iter(server.engine.jobs.values()))
    assert (job.mode, job.dialect) == ("sync", "pesto")


def test_stateless_jobs_are_listed_too(client: FlaskClient) -> None:
    assert client.post("/pesto/echo/api/v1/process", json={"text": "a"}).status_code == 200
    jobs = client.get("/pesto/echo/api/v1/jobs").get_json()
    assert len(jobs) == 1
    job, entry = jobs.popitem()
    assert entry == {"link": f"http://localhost/pesto/echo/api/v1/jobs/{job}/status"}
    assert client.get(entry["link"]).get_json()["status"] == "DONE"
    assert client.get("/pesto/later/api/v1/jobs").get_json() == {}


def test_a_list_of_12_keeps_its_order_and_band2_its_name(make_server: MakeServer) -> None:
    _, client, _ = waiting(make_server)
    path = f"/pesto/many/api/v1/jobs/{submit(client, 'many', **IMAGES)}/results"
    results = client.get(path).get_json()
    assert results["tiles"] == [f"http://localhost{path}/tiles{number}" for number in range(12)]
    assert results["band2"] == f"http://localhost{path}/band2"
    assert "nothing" not in results
    assert [client.get(url).data[-1] for url in results["tiles"]] == list(range(12))
    assert client.get(results["band2"]).data == b"its own name"
    assert client.get(results["numbers"]).data == b'{"a":1,"b":null}'
    for name in ("tiles", "tiles12", "tiles00", "tiles²", "nothing", "tilesx"):
        assert client.get(f"{path}/{name}").status_code == 404, name


def test_the_stateless_form_of_the_same(client: FlaskClient) -> None:
    results = client.post("/pesto/many/api/v1/process", json=IMAGES).get_json()
    assert len(results["tiles"]) == 12
    assert results["nothing"] is None
    assert results["numbers"] == {"b": None, "a": 1}


def test_an_image_is_sent_by_its_kind(client: FlaskClient) -> None:
    image = {"image": "QUJD"}
    path = f"/pesto/algo-stateful/api/v1/jobs/{submit(client, 'algo-stateful', **image)}/results"
    answer = client.get(f"{path}/image")
    assert answer.headers["Content-Type"] == "image/tiff"
    assert answer.data[:4] == b"II*\0"


@pytest.mark.parametrize(
    ("output", "media_type", "data"),
    [
        (Output(id="text", media_type="text/plain", value="grüß"), "text/plain; charset=utf-8", "grüß".encode()),
        (Output(id="text", media_type="text/html", value="<b>"), "text/plain; charset=utf-8", b"<b>"),
        (Output(id="count", media_type="application/json", value=7), "application/json", b"7"),
        (Output(id="count", media_type="x/y", value=[{"b": 1, "a": 2}]), "application/json", b'[{"a":2,"b":1}]'),
    ],
)  # fmt: skip
def test_a_value_by_itself(
    server: Server, client: FlaskClient, output: Output, media_type: str, data: bytes
) -> None:
    job = submit(client)
    server.engine.jobs[job] = server.engine.jobs[job].evolve(outputs={output.id: output})
    answer = client.get(f"/pesto/later/api/v1/jobs/{job}/results/{output.id}")
    assert (answer.headers["Content-Type"], answer.data) == (media_type, data)


@pytest.mark.parametrize("schema", [{}, {"$ref": "#/definitions/Metadata"}, {"type": "object"}])
def test_a_text_in_an_output_that_is_not_declared_one_is_json(
    server: Server, client: FlaskClient, schema: dict[str, Any]
) -> None:
    process = server.catalogue.get("algo-stateful")
    hints = process.dialects["pesto"]
    output = {"properties": {**hints["output"]["properties"], "other": schema}}
    changed = replace(process, dialects={"pesto": {**hints, "output": output}})
    server.catalogue.processes["algo-stateful"] = changed  # type: ignore[index]  # a dict, in a test
    job = submit(client, "algo-stateful", image="QUJDRA==")
    server.engine.results.clear(job)
    publish(server.engine.results, job, {"other.txt": "long"})
    for made in (
        Output(id="other", media_type="text/plain", value="long"),
        Output(id="other", media_type="text/plain", file="other.txt", size=4),
    ):
        server.engine.jobs[job] = server.engine.jobs[job].evolve(outputs={"other": made})
        answer = client.get(f"/pesto/algo-stateful/api/v1/jobs/{job}/results/other")
        assert (answer.headers["Content-Type"], answer.data) == ("application/json", b'"long"')


def test_null_is_a_member_of_a_stateless_answer_and_no_result_of_a_stateful_one(
    server: Server, client: FlaskClient
) -> None:
    names = ("image", "image_list", "integer_output")
    job = submit(client, "algo-stateful", image="QUJDRA==")
    outputs = {name: Output(id=name, media_type="application/json") for name in names}
    made = server.engine.jobs[job] = server.engine.jobs[job].evolve(outputs=outputs)
    contract = contract_of(server.catalogue.get("algo-stateful"), ())
    assert documents.outputs(made, contract, lambda _: 1) == dict.fromkeys(names)
    assert client.get(f"/pesto/algo-stateful/api/v1/jobs/{job}/results").get_json() == {}


def test_a_value_too_large_for_its_row_comes_from_its_file(server: Server, client: FlaskClient) -> None:
    job = submit(client)
    publish(server.engine.results, job, {"count.json": '{"b": 1, "a": NaN}', "text.txt": "long"})
    made = {
        "text": Output(id="text", media_type="text/plain", file="text.txt", size=4),
        "count": Output(id="count", media_type="application/json", file="count.json", size=18),
    }
    server.engine.jobs[job] = server.engine.jobs[job].evolve(outputs=made)
    path = f"/pesto/later/api/v1/jobs/{job}/results"
    assert client.get(f"{path}/text").data == b"long"
    assert client.get(f"{path}/count").data == b'{"a":null,"b":1}'


@pytest.mark.parametrize(
    "path",
    [
        "jobs/{job}/status",
        "jobs/{job}/results",
        "jobs/{job}/results/text",
        "jobs/2490693754/status",
        "jobs/../x/status",
        f"jobs/{UNKNOWN}/status",
        f"jobs/{UNKNOWN}/results",
        f"jobs/{UNKNOWN}/results/text",
    ],
)
def test_a_job_of_another_process_or_of_none_is_404(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/pesto/echo/api/v1/{path}".format(job=submit(client)))
    assert answer.status_code == 404
    assert list(answer.get_json()) == ["detail"]


def test_a_job_is_one_in_every_dialect(client: FlaskClient) -> None:
    job = submit(client)
    info = client.get(f"/jobs/{job}").get_json()
    assert (info["status"], info["processID"]) == ("successful", "later")
    listed = client.get("/jobs").get_json()["jobs"]
    assert [each["jobID"] for each in listed] == [job]
    assert client.get(f"/jobs/{job}/results/text").data == b"a"
    made = client.post("/processes/later/execution", json={"inputs": {"text": "ogc"}})
    assert made.status_code == 200
    assert len(client.get("/pesto/later/api/v1/jobs").get_json()) == 2


def test_a_full_queue_is_429(server: Server) -> None:
    server.engine.full = True
    for process in ("echo", "later"):
        answer = server.client().post(f"/pesto/{process}/api/v1/process", json={"text": "a"})
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "7"
        assert list(answer.get_json()) == ["detail"]


def test_too_many_waiting_calls_are_503(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SyncSlots, "enter", lambda self, patience=0: False)
    answer = server.client().post("/pesto/echo/api/v1/process", json={"text": "a"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert not server.engine.jobs
    assert server.client().post("/pesto/later/api/v1/process", json={"text": "a"}).status_code == 200


# -- paths, methods, links


@pytest.mark.parametrize("path", ["describe", "health", "config", "version", "openapi", "metrics", "jobs"])
@pytest.mark.parametrize("base", ["/pesto/echo/api/v1/", "/api/v1/"])
def test_a_slash_at_the_end_and_head_are_answered(client: FlaskClient, base: str, path: str) -> None:
    plain, slashed, head = client.get(base + path), client.get(f"{base}{path}/"), client.head(base + path)
    assert plain.status_code == slashed.status_code == head.status_code == 200
    assert plain.data == slashed.data
    assert head.data == b""
    assert head.headers["Content-Length"] == str(len(plain.data))


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "describe", "GET, HEAD, OPTIONS"),
        ("GET", "process", "OPTIONS, POST"),
        ("DELETE", "jobs", "GET, HEAD, OPTIONS, POST"),
        ("GET", f"jobs/{UNKNOWN}", "DELETE, OPTIONS"),
        ("DELETE", f"jobs/{UNKNOWN}/results", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_is_405(client: FlaskClient, method: str, path: str, allow: str) -> None:
    answer = client.open(f"/pesto/echo/api/v1/{path}", method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)
    assert answer.data == b'{"detail":"Method Not Allowed"}'
    assert client.options(f"/pesto/echo/api/v1/{path}").status_code == 204


def test_jobs_takes_the_payload_as_process_does(client: FlaskClient) -> None:
    assert client.post("/pesto/echo/api/v1/jobs/", json={"text": "a"}).get_json() == {"text": "a", "count": 0}


@pytest.mark.parametrize(
    "path", ["/pesto/nothing/api/v1/describe", "/pesto/echo", "/pesto/echo/api/v2/describe"]
)
def test_what_is_not_there_is_404(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert list(answer.get_json()) == ["detail"]


def test_no_default_process_no_paths_at_the_root(make_server: MakeServer) -> None:
    server = make_server()
    settings = replace(settings_of(server.settings), default_process=None)
    client = make_server(dialects={"pesto": settings}).client()
    assert client.get("/pesto/echo/api/v1/health").data == b"OK"
    unchecked = FlaskClient(client.application)
    assert unchecked.get("/api/v1/health").status_code == 404


@pytest.mark.parametrize("host", ["localhost:4000", "127.0.0.1:80", "localhost", "[::1]:5000"])
def test_links_begin_as_the_client_began(client: FlaskClient, host: str) -> None:
    for path in ("/pesto/algo-service", ""):
        document = client.get(f"{path}/api/v1/describe", headers={"Host": host}).get_json()
        assert document["_links"]["self"]["href"] == f"http://{host}{path}/api/v1/describe"


def test_forwarded_headers_count_behind_a_proxy_alone(server: Server, make_server: MakeServer) -> None:
    headers = {"X-Forwarded-Host": "a.example, geo.example.org", "X-Forwarded-Proto": "https"}
    path = "/pesto/echo/api/v1/describe"
    link = server.client().get(path, headers=headers).get_json()["_links"]["self"]["href"]
    assert link == f"http://localhost{path}"
    client = make_server(behind_proxy=True).client()
    link = client.get(path, headers=headers).get_json()["_links"]["self"]["href"]
    assert link == f"https://geo.example.org{path}"
    assert client.get(path).get_json()["_links"]["self"]["href"] == f"{ROOT}{path}"


def test_under_a_prefix(server: Server) -> None:
    client = server.client("/geo")
    document = client.get("/geo/pesto/echo/api/v1/describe").get_json()
    assert document["_links"]["self"]["href"] == "http://localhost/geo/pesto/echo/api/v1/describe"


def test_what_the_guards_refuse_has_the_form_of_the_dialect(client: FlaskClient) -> None:
    headers = {"Origin": "https://elsewhere.example.org"}
    answer = client.post("/pesto/echo/api/v1/process", json={"text": "a"}, headers=headers)
    assert answer.status_code == 403
    assert list(answer.get_json()) == ["detail"]
    assert client.get("/pesto/echo/api/v1/health", headers={"Host": "evil.example.org"}).status_code == 403


def test_an_unexpected_error_tells_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(server.jobs, "find", broken)
    answer = server.client().get("/pesto/echo/api/v1/jobs")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert list(answer.get_json()) == ["detail"]
    assert "unexpected error" in caplog.text


def test_version_is_sorted_and_names_who_packaged_it(client: FlaskClient) -> None:
    answer = client.get("/api/v1/version")
    assert list(json.loads(answer.data)) == ["__packaging", "other", "version"]
    assert answer.get_json()["__packaging"].startswith("packaged with dragoman v")


def test_openapi_is_the_document_with_this_address(client: FlaskClient) -> None:
    answer = client.get("/pesto/echo/api/v1/openapi")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "url: http://localhost/pesto/echo\n" in answer.text


def test_metrics_count_the_jobs_of_the_process(make_server: MakeServer) -> None:
    _, client, _ = waiting(make_server)
    submit(client, "waiting")
    text = client.get("/pesto/waiting/api/v1/metrics").text
    assert 'dragoman_jobs{process="waiting",state="accepted"} 2.0' in text
    assert 'dragoman_jobs{process="waiting",state="failed"} 0.0' in text
    assert "# TYPE dragoman_jobs gauge" in text
