"""Jobs: the list with its filters, the state of one, dismissal; and their results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from tests.adapters.ogc.conftest import Server

type Valid = Callable[[str, Any], None]

EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
RESULTS = "http://www.opengis.net/def/rel/ogc/1.0/results"
NOBODY = "00000000-0000-4000-8000-000000000000"


def submit(client: FlaskClient, process_id: str = "slow", **more: Any) -> str:
    body = {"inputs": {"text": "a"}} | more
    response = client.post(
        f"/processes/{process_id}/execution", json=body, headers={"Prefer": "respond-async"}
    )
    assert response.status_code == 201
    return str(response.get_json()["jobID"])


def rels(document: Any) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in document["links"]}


# -- state


def test_state_of_a_waiting_job(client: FlaskClient, valid: Valid) -> None:
    job_id = submit(client)
    document = client.get(f"/jobs/{job_id}").get_json()
    valid("statusInfo", document)
    assert document["jobID"] == document["id"] == job_id
    assert (document["status"], document["type"], document["processID"]) == ("accepted", "process", "slow")
    assert document["processingEntityType"] == "ogc-api-processes"
    assert None not in document.values()
    assert {"self", "monitor"} <= rels(document).keys()
    assert RESULTS not in rels(document)
    assert document["created"].endswith("Z")


def test_state_of_a_successful_job(server: Server, valid: Valid) -> None:
    client = server.client()
    document = client.get(f"/jobs/{submit(client, 'echo')}").get_json()
    valid("statusInfo", document)
    assert document["progress"] == 100
    assert {"started", "finished", "updated"} <= document.keys()
    assert "monitor" not in rels(document)
    assert client.get(rels(document)[RESULTS]).status_code == 200


def test_state_of_a_failed_job_says_why(client: FlaskClient) -> None:
    document = client.get(f"/jobs/{submit(client, 'fail')}").get_json()
    assert (document["status"], document["message"]) == ("failed", "the sky fell")


@pytest.mark.parametrize("job_id", [NOBODY, "x", "a%00b", NOBODY.upper(), "..", "%F0%9F%98%80"])
def test_unknown_job(client: FlaskClient, valid: Valid, job_id: str) -> None:
    for response in (
        client.get(f"/jobs/{job_id}"),
        client.delete(f"/jobs/{job_id}"),
        client.get(f"/jobs/{job_id}/results"),
        client.get(f"/jobs/{job_id}/results/text"),
    ):
        assert response.status_code == 404
        valid("exception", response.get_json())
        assert response.get_json()["type"] == EXCEPTIONS + "no-such-job"


# -- dismissal


def test_dismissing_stops_and_dismissing_again_removes(client: FlaskClient, valid: Valid) -> None:
    job_id = submit(client)
    for _ in range(2):
        response = client.delete(f"/jobs/{job_id}")
        assert response.status_code == 200
        valid("statusInfo", response.get_json())
        assert response.get_json()["status"] == "dismissed"
    assert client.get(f"/jobs/{job_id}").status_code == 404
    assert client.delete(f"/jobs/{job_id}").status_code == 404


@pytest.mark.parametrize("process_id", ["echo", "fail"])
def test_a_finished_job_is_removed_at_once(client: FlaskClient, process_id: str) -> None:
    job_id = submit(client, process_id)
    response = client.delete(f"/jobs/{job_id}")
    assert (response.status_code, response.get_json()["status"]) == (200, "dismissed")
    assert "self" not in rels(response.get_json())
    assert client.get(f"/jobs/{job_id}").status_code == 404


# -- results


def test_results_that_are_not_ready(client: FlaskClient) -> None:
    response = client.get(f"/jobs/{submit(client)}/results")
    assert response.status_code == 404
    assert response.get_json()["type"] == EXCEPTIONS + "result-not-ready"


def test_results_of_a_dismissed_job_say_so(client: FlaskClient) -> None:
    job_id = submit(client)
    client.delete(f"/jobs/{job_id}")
    document = client.get(f"/jobs/{job_id}/results").get_json()
    assert document["type"] == EXCEPTIONS + "result-not-ready"
    assert "dismissed" in document["detail"]


def test_results_of_a_failed_job_are_its_error(server: Server) -> None:
    client = server.client()
    job_id = submit(client, "fail")
    response = client.get(f"/jobs/{job_id}/results")
    assert (response.status_code, response.get_json()["detail"]) == (500, "the sky fell")
    job = server.engine.jobs[job_id]
    assert job.failure is not None
    failure = replace(job.failure, problems=(("text", "is too sad"),))
    server.engine.jobs[job_id] = replace(job, failure=failure)
    response = client.get(f"/jobs/{job_id}/results")
    assert response.status_code == 400
    assert response.get_json()["detail"] == "input 'text': is too sad"


def test_results_follow_the_request(client: FlaskClient) -> None:
    raw = submit(client, "echo", outputs={"text": {}})
    assert client.get(f"/jobs/{raw}/results").headers["Content-Type"] == "text/plain; charset=utf-8"
    document = submit(client, "echo", response="document")
    assert client.get(f"/jobs/{document}/results").get_json()["text"] == "a"
    linked = submit(client, "echo", outputs={"text": {"transmissionMode": "reference"}})
    assert client.get(f"/jobs/{linked}/results").status_code == 204


def test_results_may_be_narrowed(client: FlaskClient) -> None:
    job_id = submit(client, "echo", response="document")
    assert list(client.get(f"/jobs/{job_id}/results?outputs=all,text").get_json()) == ["all", "text"]
    unknown = client.get(f"/jobs/{job_id}/results?outputs=nothing")
    assert unknown.status_code == 400
    assert unknown.get_json()["type"] == EXCEPTIONS + "no-such-output"


def test_one_output(client: FlaskClient) -> None:
    job_id = submit(client, "echo", response="document")
    assert client.get(f"/jobs/{job_id}/results/all").get_json() == {"text": "a"}
    unknown = client.get(f"/jobs/{job_id}/results/nothing")
    assert unknown.status_code == 400
    assert unknown.get_json()["type"] == EXCEPTIONS + "no-such-output"


def test_deleted_outputs_are_not_available(server: Server) -> None:
    client = server.client()
    job_id = submit(client, "echo", outputs={"text": {}})
    for name in ("text", "numbers", "all"):
        server.engine.remove_output(job_id, name)
    for path in ("results", "results/text", "results?outputs=text"):
        response = client.get(f"/jobs/{job_id}/{path}")
        assert response.status_code == 404
        assert response.get_json()["type"] == EXCEPTIONS + "result-not-available"


def test_a_browser_that_follows_a_link_to_a_file_gets_the_file(client: FlaskClient) -> None:
    job_id = submit(client, "raster", inputs={"size": 10})
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert client.get(f"/jobs/{job_id}/results/image", headers=browser).mimetype == "image/tiff"
    assert client.get(f"/jobs/{job_id}/results/image?f=html").mimetype == "text/html"
    page = client.get(f"/jobs/{job_id}/results", headers=browser)
    assert page.mimetype == "text/html"
    assert f"/jobs/{job_id}/results/image" in page.text


def test_byte_ranges(client: FlaskClient) -> None:
    path = f"/jobs/{submit(client, 'raster', inputs={'size': 100})}/results/image"
    whole = client.get(path)
    assert whole.headers["Accept-Ranges"] == "bytes"
    etag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]
    part = client.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.data) == (206, whole.data[10:20])
    assert part.headers["Content-Range"] == "bytes 10-19/100"
    assert client.get(path, headers={"Range": "bytes=-5"}).data == whole.data[-5:]
    assert client.get(path, headers={"Range": "bytes=10-19", "If-Range": etag}).status_code == 206
    assert client.get(path, headers={"Range": "bytes=10-19", "If-Range": '"other"'}).status_code == 200
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(path, headers={"If-Modified-Since": modified}).status_code == 304
    head = client.head(path)
    assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", "100")
    for odd in ("bytes=0-1,5-6", "bites=0-1", "bytes=x", ""):
        assert client.get(path, headers={"Range": odd}).data == whole.data
    outside = client.get(path, headers={"Range": "bytes=100-"})
    assert outside.status_code == 416
    assert outside.headers["Content-Range"] == "bytes */100"
    assert outside.mimetype == "application/problem+json"


def test_preconditions_go_before_the_range(client: FlaskClient) -> None:
    path = f"/jobs/{submit(client, 'raster', inputs={'size': 100})}/results/image"
    whole = client.get(path)
    etag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]
    past = "Sat, 01 Jan 2000 00:00:00 GMT"
    for headers in ({"If-Match": '"x"'}, {"If-Match": f"W/{etag}"}, {"If-Unmodified-Since": past}):
        for more in ({}, {"Range": "bytes=10-19"}):
            refused = client.get(path, headers={**headers, **more})
            assert (refused.status_code, refused.mimetype) == (412, "application/problem+json")
            assert refused.get_json()["code"] == "precondition-failed"
    for headers in ({"If-Match": etag}, {"If-Match": "*"}, {"If-Unmodified-Since": modified}):
        assert client.get(path, headers=headers).data == whole.data
        assert client.get(path, headers={**headers, "Range": "bytes=10-19"}).status_code == 206
    for more in ({}, {"Range": "bytes=10-19"}):
        unchanged = client.get(path, headers={"If-None-Match": etag, **more})
        assert (unchanged.status_code, unchanged.data) == (304, b"")


def test_results_vary_by_accept(client: FlaskClient) -> None:
    path = f"/jobs/{submit(client, 'raster', inputs={'size': 100})}/results"
    for each in (path, f"{path}/image", f"{path}/statistics"):
        assert client.get(each).headers["Vary"] == "Accept"


def test_the_date_of_a_file_is_left_to_the_web_server(client: FlaskClient) -> None:
    path = f"/jobs/{submit(client, 'raster', inputs={'size': 100})}/results/image"
    for headers in ({}, {"Range": "bytes=10-19"}):
        assert "Date" not in client.get(path, headers=headers).headers


def test_a_lost_file_is_not_available(server: Server) -> None:
    client = server.client()
    job_id = submit(client, "raster", inputs={"size": 10})
    server.engine.results.remove_file(job_id, "image.tif")
    for path in ("results", "results/image"):
        response = client.get(f"/jobs/{job_id}/{path}")
        assert response.get_json()["type"] == EXCEPTIONS + "result-not-available"


# -- the list


def test_list_is_newest_first_and_paged(client: FlaskClient, valid: Valid) -> None:
    ids = [submit(client) for _ in range(5)]
    document = client.get("/jobs?limit=2").get_json()
    valid("jobList", document)
    assert [job["jobID"] for job in document["jobs"]] == [ids[4], ids[3]]
    assert document["numberMatched"] == 5
    seen = [job["jobID"] for job in document["jobs"]]
    while "next" in rels(document):
        document = client.get(rels(document)["next"]).get_json()
        seen += [job["jobID"] for job in document["jobs"]]
    assert seen == ids[::-1]
    assert rels(document)["prev"].endswith("offset=2")


def test_pages_that_are_followed_while_each_is_emptied_show_every_job(client: FlaskClient) -> None:
    for _ in range(7):
        submit(client, "echo")
    document = client.get("/jobs?limit=2&type=process").get_json()
    removed = 0
    while True:
        for job in document["jobs"]:
            assert client.delete(f"/jobs/{job['jobID']}").status_code == 200
            removed += 1
        if "next" not in rels(document):
            break
        assert "type=process" in rels(document)["next"]
        document = client.get(rels(document)["next"]).get_json()
    assert removed == 7
    assert client.get("/jobs").get_json()["numberMatched"] == 0


def test_a_page_by_key_goes_on_where_it_says_whatever_was_added(client: FlaskClient) -> None:
    ids = [submit(client) for _ in range(4)]
    document = client.get("/jobs?limit=2").get_json()
    submit(client)
    document = client.get(rels(document)["next"]).get_json()
    assert [job["jobID"] for job in document["jobs"]] == [ids[1], ids[0]]
    assert "next" not in rels(document)
    assert client.get("/jobs?after=x").status_code == 400


def test_filters(server: Server) -> None:
    client = server.client()
    waiting, done, failed = submit(client), submit(client, "echo"), submit(client, "fail")

    def found(query: str) -> list[str]:
        return [job["jobID"] for job in client.get(f"/jobs?{query}").get_json()["jobs"]]

    assert found("type=process") == [failed, done, waiting]
    assert found("processID=echo") == [done]
    assert found("processID=echo,slow") == found("processID=echo&processID=slow") == [done, waiting]
    assert found("processID=nothing") == []
    assert found("status=failed,accepted") == [failed, waiting]
    server.engine.jobs[waiting] = replace(server.engine.jobs[waiting], status=JobStatus.CREATED)
    assert found("status=accepted") == [waiting], "Part 1 has no word for a job that is being put together"
    assert client.get("/jobs?status=created").status_code == 400
    long_ago = datetime.now(UTC) - timedelta(days=3)
    job = replace(
        server.engine.jobs[done], created=long_ago, started=long_ago, finished=long_ago + timedelta(seconds=9)
    )
    server.engine.jobs[done] = job
    assert found("minDuration=9&maxDuration=9") == [done]
    assert found("minDuration=10") == []
    day = long_ago.date().isoformat()
    assert found(f"datetime={day}") == [done]
    assert found(f"datetime=../{day}") == [done]
    assert found(f"datetime={(long_ago + timedelta(days=1)).date()}/..") == [failed, waiting]
    created = client.get(f"/jobs/{done}").get_json()["created"]
    assert found(f"datetime={created}") == [done]


def test_next_keeps_the_filters(client: FlaskClient) -> None:
    for _ in range(3):
        submit(client)
    link = rels(client.get("/jobs?status=accepted&limit=1").get_json())["next"]
    assert "status=accepted" in link
    assert "limit=1" in link


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("type", "wps"), ("status", "done"), ("status", "failed,odd"), ("minDuration", "-1"),
        ("maxDuration", "nan"), ("maxDuration", "inf"), ("minDuration", "x"), ("datetime", "yesterday"),
        ("datetime", "2020-13-01"), ("datetime", "2021-01-01/2020-01-01"), ("datetime", "/2020/"),
        ("datetime", ""), ("datetime", "0000-01-01"), ("datetime", "2020-01-01T25:00:00Z"),
        ("datetime", "0001-01-01T00:00:00+10:00"), ("datetime", "2020-01-01T00:00:00+99:99"),
        ("offset", "-1"), ("processID", "a\x00b"),
    ],
)  # fmt: skip
def test_bad_filters_are_named(client: FlaskClient, name: str, given: str) -> None:
    response = client.get("/jobs", query_string={name: given})
    assert response.status_code == 400
    assert response.get_json()["type"] == EXCEPTIONS + "invalid-query-parameter-value"
    assert f"'{name}'" in response.get_json()["detail"]


def test_every_status_has_a_word(server: Server, valid: Valid) -> None:
    client = server.client()
    job_id = submit(client)
    for status in JobStatus:
        server.engine.jobs[job_id] = replace(server.engine.jobs[job_id], status=status)
        valid("statusInfo", client.get(f"/jobs/{job_id}").get_json())
