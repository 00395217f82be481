"""What the official suite asks of jobs: their status, results, list, end, and the calls to subscribers."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from harness import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness import Server
    from tests.conformance.conftest import World

    type Get = Callable[..., requests.Response]
    type Post = Callable[..., requests.Response]
    type Valid = Callable[[str, Any], None]

pytestmark = pytest.mark.slow

EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
RESULTS = "http://www.opengis.net/def/rel/ogc/1.0/results"
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


def relations(document: dict[str, Any]) -> set[str]:
    return {link["rel"] for link in document["links"]}


@pytest.fixture
def done(server: Server) -> str:
    """A job that has ended well."""
    job_id = server.submit("echo", text="done")
    server.finished(job_id)
    return job_id


@pytest.fixture
def pausing(server: Server) -> str:
    """A job that runs for as long as the tests do."""
    job_id = server.submit("echo", text="late", pause=600)
    server.running(job_id)
    return job_id


# -- status -----------------------------------------------------------------------------------------------


def test_the_status_of_a_running_job_is_valid_and_links_to_its_monitor(
    server: Server, valid: Valid, pausing: str
) -> None:
    document = server.job(pausing)
    valid("statusInfo", document)
    assert (document["jobID"], document["id"], document["processID"]) == (pausing, pausing, "echo")
    assert (document["status"], document["type"]) == ("running", "process")
    assert document["processingEntityType"] == "ogc-api-processes"
    assert 0 <= document["progress"] < 100
    assert document["created"] <= document["started"] <= document["updated"]
    assert "finished" not in document
    assert None not in document.values()
    assert {"self", "alternate", "monitor"} <= relations(document)
    assert RESULTS not in relations(document)
    server.dismiss(pausing)


def test_the_status_of_a_job_that_ended_well_links_to_its_results(
    server: Server, valid: Valid, done: str
) -> None:
    document = server.job(done)
    valid("statusInfo", document)
    assert (document["status"], document["progress"]) == ("successful", 100)
    assert document["started"] <= document["finished"]
    assert RESULTS in relations(document)


def test_progress_never_falls(server: Server) -> None:
    job_id = server.submit("echo", text="a", pause=1)
    seen = []

    def ended() -> bool:
        info = server.job(job_id)
        seen.append(info["progress"])
        return bool(info["status"] == "successful")

    wait_for(ended, "the job ends")
    assert seen == sorted(seen)
    assert seen[-1] == 100


@pytest.mark.parametrize("accept", [None, JAVA, "*/*", "application/json"])
def test_status_and_results_answer_whatever_accept_says(get: Get, done: str, accept: str | None) -> None:
    headers = {"Accept": accept} if accept else {}
    assert get(f"/jobs/{done}", **headers).json()["jobID"] == done
    assert get(f"/jobs/{done}/results", **headers).status_code == 200


# -- results ----------------------------------------------------------------------------------------------


def test_results_have_the_form_that_the_request_asked_for(server: Server, get: Get, post: Post) -> None:
    forms: list[tuple[dict[str, Any], str]] = [
        ({"outputs": {"text": {}}}, "text/plain"),
        ({}, "multipart/related"),
        ({"response": "document"}, "application/json"),
    ]
    for members, media_type in forms:
        job_id = post({"text": "a"}, prefer="respond-async", **members).json()["jobID"]
        server.finished(job_id)
        answer = get(f"/jobs/{job_id}/results")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith(media_type)


def test_results_by_reference_are_204_with_links(server: Server, get: Get, post: Post) -> None:
    outputs = {"text": {"transmissionMode": "reference"}}
    job_id = post({"text": "a"}, prefer="respond-async", outputs=outputs).json()["jobID"]
    server.finished(job_id)
    answer = get(f"/jobs/{job_id}/results")
    assert answer.status_code == 204
    assert requests.get(answer.links["text"]["url"], timeout=120).text == "a"


def test_some_results_and_a_single_one_can_be_asked_for(get: Get, done: str) -> None:
    assert get(f"/jobs/{done}/results", params={"outputs": "text"}).text == "done"
    assert get(f"/jobs/{done}/results/received").json() == ['text="done"']
    several = get(f"/jobs/{done}/results", params={"outputs": "received,text"})
    assert several.headers["Content-Type"].startswith("multipart/related")


def test_an_output_that_does_not_exist_is_no_such_output(get: Get, done: str) -> None:
    for answer in (get(f"/jobs/{done}/results/no"), get(f"/jobs/{done}/results", params={"outputs": "no"})):
        assert (answer.status_code, answer.json()["type"]) == (400, f"{EXCEPTIONS}no-such-output")


def test_results_of_a_job_that_runs_are_not_ready(
    server: Server, get: Get, valid: Valid, pausing: str
) -> None:
    answer = get(f"/jobs/{pausing}/results")
    assert answer.status_code == 404
    valid("exception", answer.json())
    assert answer.json()["type"] == f"{EXCEPTIONS}result-not-ready"
    server.dismiss(pausing)


def test_results_of_a_job_that_failed_are_its_exception(
    server: Server, get: Get, post: Post, valid: Valid
) -> None:
    given = base64.b64encode(b"no raster at all").decode()
    job_id = post({"red": given, "nir": given}, process="ndvi", prefer="respond-async").json()["jobID"]
    info = server.finished(job_id)
    assert info["status"] == "failed"
    assert "'red'" in info["message"]
    answer = get(f"/jobs/{job_id}/results")
    assert answer.status_code == 400, "the caller's input was at fault"
    valid("exception", answer.json())
    assert "'red'" in answer.json()["detail"]


def test_byte_ranges_of_a_file_are_served(server: Server, get: Get) -> None:
    example = requests.get(f"{server.url}/openapi", timeout=120).json()
    body = example["paths"]["/processes/ndvi/execution"]["post"]["requestBody"]["content"][
        "application/json"
    ]["example"]
    job_id = server.submit("ndvi", **body["inputs"])
    server.finished(job_id)
    path = f"/jobs/{job_id}/results/ndvi"
    whole = get(path)
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.content[:2] in (b"II", b"MM")
    first = get(path, Range="bytes=0-15")
    assert (first.status_code, first.content) == (206, whole.content[:16])
    assert first.headers["Content-Range"] == f"bytes 0-15/{len(whole.content)}"
    assert get(path, Range="bytes=-7").content == whole.content[-7:]
    assert get(path, Range=f"bytes={len(whole.content)}-").status_code == 416
    assert get(path, If_None_Match=whole.headers["ETag"]).status_code == 304


# -- job-list ---------------------------------------------------------------------------------------------


def test_the_list_is_valid_newest_first_and_paged(server: Server, get: Get, valid: Valid) -> None:
    ids = [server.submit("echo", text=str(number)) for number in range(3)]
    document = get("/jobs", params={"limit": 2}).json()
    valid("jobList", document)
    assert [job["jobID"] for job in document["jobs"]] == ids[:0:-1]
    assert document["numberMatched"] >= 3
    assert {"self", "alternate", "next"} <= relations(document)
    href = next(link["href"] for link in document["links"] if link["rel"] == "next")
    following = requests.get(href, timeout=120).json()
    assert following["jobs"][0]["jobID"] == ids[0]
    assert "prev" in relations(following)
    for job_id in ids:
        server.finished(job_id)


def ids_of(answer: requests.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {job["jobID"] for job in answer.json()["jobs"]}


def test_the_list_is_filtered_by_type_and_process(server: Server, get: Get, done: str) -> None:
    other = server.submit("hello-world", name="World")
    server.finished(other)
    assert {done, other} <= ids_of(get("/jobs", params={"type": "process"}))
    assert done in (found := ids_of(get("/jobs", params={"processID": "echo"})))
    assert other not in found
    assert {done, other} <= ids_of(get("/jobs", params={"processID": "echo,hello-world"}))
    assert {done, other} <= ids_of(get("/jobs", params={"processID": ["echo", "hello-world"]}))
    assert not ids_of(get("/jobs", params={"processID": "nothing"}))


def test_the_list_is_filtered_by_status(server: Server, get: Get, done: str, pausing: str) -> None:
    assert pausing in (running := ids_of(get("/jobs", params={"status": "running"})))
    assert done not in running
    assert {done, pausing} <= ids_of(get("/jobs", params={"status": "running,successful"}))
    for status in ("accepted", "running", "successful", "failed", "dismissed"):
        jobs = get("/jobs", params={"status": status}).json()["jobs"]
        assert all(job["status"] == status for job in jobs)
    server.dismiss(pausing)


def test_the_list_is_filtered_by_the_time_of_creation(server: Server, get: Get, done: str) -> None:
    created = server.job(done)["created"]
    before = (datetime.fromisoformat(created) - timedelta(minutes=5)).astimezone(UTC).isoformat()
    for interval in (
        created,
        f"{created}/..",
        f"../{created}",
        f"{before}/{created}",
        f"{created}/{created}",
    ):
        assert done in ids_of(get("/jobs", params={"datetime": interval})), interval
    for interval in (before, f"../{before}", f"/{before}", "2099-01-01T00:00:00Z/.."):
        assert done not in ids_of(get("/jobs", params={"datetime": interval})), interval


def test_the_list_is_filtered_by_duration(server: Server, get: Get, done: str) -> None:
    other = server.submit("echo", text="long", pause=1.2)
    server.finished(other)
    lasted = {job_id: _lasted(server, job_id) for job_id in (done, other)}
    short, long = sorted(lasted, key=lambda job_id: lasted[job_id])  # a worker's first job may take its time
    limit = (lasted[short] + lasted[long]) / 2
    assert long in (found := ids_of(get("/jobs", params={"minDuration": limit, "processID": "echo"})))
    assert short not in found
    assert short in (found := ids_of(get("/jobs", params={"maxDuration": limit, "processID": "echo"})))
    assert long not in found
    assert long in ids_of(get("/jobs", params={"minDuration": 1, "maxDuration": lasted[long] + 1}))


def _lasted(server: Server, job_id: str) -> float:
    info = server.job(job_id)
    began, ended = (datetime.fromisoformat(info[name]) for name in ("started", "finished"))
    return (ended - began).total_seconds()


def test_a_running_job_has_lasted_since_it_started(server: Server, get: Get, pausing: str) -> None:
    params = {"minDuration": 1, "status": "running"}
    wait_for(lambda: pausing in ids_of(get("/jobs", params=params)), "it has run for a second")
    server.dismiss(pausing)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"), ("limit", "10001"), ("limit", "x"), ("status", "done"), ("type", "wps"), ("datetime", "today"),
        ("datetime", "2026-02-01/2026-01-01"), ("datetime", "../../.."), ("minDuration", "-1"), ("maxDuration", "nan"),
    ],
)  # fmt: skip
def test_a_filter_that_is_wrong_is_400_and_named(get: Get, valid: Valid, name: str, value: str) -> None:
    answer = get("/jobs", params={name: value})
    assert answer.status_code == 400
    valid("exception", answer.json())
    assert f"'{name}'" in answer.json()["detail"]


# -- dismiss ----------------------------------------------------------------------------------------------


def test_a_job_that_pauses_is_dismissed_and_then_removed(
    server: Server, get: Get, valid: Valid, pausing: str
) -> None:
    answer = server.dismiss(pausing)
    assert (answer.status_code, answer.json()["status"]) == (200, "dismissed")
    valid("statusInfo", answer.json())
    assert server.job(pausing)["status"] == "dismissed"
    results = get(f"/jobs/{pausing}/results")
    assert (results.status_code, results.json()["type"]) == (404, f"{EXCEPTIONS}result-not-ready")
    assert "dismissed" in results.json()["detail"]
    again = server.dismiss(pausing)
    assert (again.status_code, again.json()["status"]) == (200, "dismissed")
    assert server.dismiss(pausing).status_code == 404
    assert get(f"/jobs/{pausing}").json()["type"] == f"{EXCEPTIONS}no-such-job"


def test_a_job_that_ended_is_removed_with_its_results(
    server: Server, get: Get, valid: Valid, done: str
) -> None:
    answer = server.dismiss(done)
    assert (answer.status_code, answer.json()["status"]) == (200, "dismissed")
    valid("statusInfo", answer.json())
    for path in (f"/jobs/{done}", f"/jobs/{done}/results", f"/jobs/{done}/results/text"):
        assert (get(path).status_code, get(path).json()["type"]) == (404, f"{EXCEPTIONS}no-such-job")
    assert done not in ids_of(get("/jobs"))


# -- callback ---------------------------------------------------------------------------------------------


def subscriber(world: World, name: str) -> dict[str, str]:
    return {
        "successUri": f"{world.url}/{name}/success",
        "inProgressUri": f"{world.url}/{name}/progress",
        "failedUri": f"{world.url}/{name}/failed",
    }


def test_a_subscriber_gets_the_results_and_before_them_the_progress(
    post: Post, world: World, valid: Valid
) -> None:
    inputs = {"text": "call me", "pause": 0.3}
    post(inputs, prefer="respond-async", subscriber=subscriber(world, "well"))
    results = world.posted("/well/success")
    valid("results", results)
    assert results["text"] == "call me"
    info = world.posted("/well/progress")
    valid("statusInfo", info)
    assert info["status"] in ("accepted", "running")
    assert not [path for path, _ in world.received if path == "/well/failed"]


def test_a_subscriber_is_told_of_a_failure(post: Post, world: World, valid: Valid) -> None:
    given = base64.b64encode(b"no raster at all").decode()
    members = {"prefer": "respond-async", "subscriber": subscriber(world, "badly")}
    post({"red": given, "nir": given}, process="ndvi", **members)
    info = world.posted("/badly/failed")
    valid("statusInfo", info)
    assert (info["status"], info["processID"]) == ("failed", "ndvi")
    assert not [path for path, _ in world.received if path == "/badly/success"]


def test_a_subscriber_that_is_dead_or_forbidden_does_no_harm(
    server: Server, post: Post, world: World
) -> None:
    for uri in ("http://127.0.0.1:9/dead", "http://169.254.169.254/latest", "http://nowhere.invalid/"):
        answer = post({"text": "a"}, prefer="respond-async", subscriber={"successUri": uri})
        if answer.status_code == 400:
            continue  # refused at once, since no such address may be called
        assert server.finished(answer.json()["jobID"])["status"] == "successful"
