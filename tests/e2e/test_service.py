"""What a client and an operator may count on, through a real server."""

from __future__ import annotations

import base64
import functools
import http.server
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from harness import BIN, HANG, REPOSITORY, Server, serving, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

EXAMPLES = REPOSITORY / "processes" / "ndvi" / "examples"


@pytest.fixture(scope="module")
def files() -> Iterator[str]:
    """Serves the rasters of ndvi's example on loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(EXAMPLES))
    ) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_address[1]}"
        web.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, files: str) -> Iterator[Server]:
    manager = {
        "data_roots": [str(EXAMPLES)],
        "fetch": {"allow": [files.removeprefix("http://")]},
        "jobs": {"queue_limit": 3, "sync_waiters": 2},
    }
    with serving(tmp_path_factory.mktemp("service"), manager=manager, workers=1) as started:
        yield started


def _raster(name: str) -> str:
    return next(EXAMPLES.glob(f"*{name}*.tif")).name


def _ndvi(server: Server, red: Any, nir: Any) -> requests.Response:
    body = {"inputs": {"red": red, "nir": nir}, "outputs": {"statistics": {}}}
    return requests.post(f"{server.url}/processes/ndvi/execution", json=body, timeout=120)


def test_an_input_by_value_by_file_and_by_url_is_the_same(server: Server, files: str) -> None:
    answers = []
    for wrap in (
        lambda name: {
            "value": base64.b64encode((EXAMPLES / name).read_bytes()).decode(),
            "encoding": "base64",
            "mediaType": "image/tiff; application=geotiff",
        },
        lambda name: {"href": (EXAMPLES / name).as_uri()},
        lambda name: {"href": f"{files}/{name}"},
    ):
        answer = _ndvi(server, wrap(_raster("red")), wrap(_raster("nir")))
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["valid_count"] > 0


@pytest.mark.parametrize(
    ("href", "reason"),
    [
        ("file:///etc/passwd", "folder"),
        ("http://127.0.0.1:1/x.tif", "127.0.0.1"),
        ("http://[::ffff:127.0.0.1]/x.tif", "public"),
        ("http://2130706433/x.tif", "public"),
        ("ftp://example.org/x.tif", "http"),
        ("/vsicurl/http://example.org/x.tif", "http"),
        ("data:text/plain,no-raster", "text/plain"),
    ],
)
def test_a_reference_that_is_not_allowed_is_a_400_that_says_why(
    server: Server, href: str, reason: str
) -> None:
    answer = _ndvi(server, {"href": href}, {"href": href})
    assert answer.status_code == 400
    assert reason in answer.json()["detail"]
    assert {item["name"] for item in answer.json()["invalid-params"]} == {"red", "nir"}


def test_a_url_that_fails_is_a_400_that_says_so(server: Server, files: str) -> None:
    missing = {"href": f"{files}/missing.tif"}
    answer = _ndvi(server, missing, missing)
    assert answer.status_code == 400
    assert "404" in answer.json()["detail"]


def test_a_full_queue_is_a_503_and_nothing_is_kept(server: Server) -> None:
    running = server.submit("loop")
    server.running(running)
    waiting = [server.submit("number", number=n) for n in range(3)]
    refused = server.execute("number", number=9)
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    server.dismiss(running)
    assert all(server.finished(job_id)["status"] == "successful" for job_id in waiting)
    assert server.execute("number", number=9).status_code == 201


def test_a_sync_call_goes_first_and_only_so_many_wait(server: Server) -> None:
    running = server.submit("loop")
    server.running(running)
    earlier = server.submit("number", number=7)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(server.execute, "number", wait=True, number=n) for n in range(2)]
        # A call takes its place before its job is made: once both jobs are there, no place is left.
        wait_for(lambda: len(_accepted(server)) == 3, "both calls wait")
        refused = server.execute("number", wait=True, number=9)
        sync = [job["jobID"] for job in _accepted(server) if job["jobID"] != earlier]
        server.dismiss(running)
        assert sorted(answer.result(120).json() for answer in waiting) == [0, 2]
    assert refused.status_code == 503
    assert "2 synchronous calls wait already" in refused.json()["detail"]
    assert int(refused.headers["Retry-After"]) > 0
    for job_id in (earlier, *sync):
        server.finished(job_id)
    began = _started(server, earlier)
    assert all(_started(server, job_id) < began for job_id in sync)


def _started(server: Server, job_id: str) -> datetime:
    """To the microsecond, which statusInfo does not tell."""
    return datetime.fromisoformat(server.details(job_id)["started"])


def _accepted(server: Server) -> list[dict[str, Any]]:
    answer = requests.get(f"{server.url}/jobs", params={"status": "accepted"}, timeout=120)
    assert answer.status_code == 200, answer.text
    jobs: list[dict[str, Any]] = answer.json()["jobs"]
    return jobs


def test_an_idempotency_key_gives_the_first_job_again(server: Server) -> None:
    def post(number: int, key: str) -> requests.Response:
        headers = {"Prefer": "respond-async", "Idempotency-Key": key}
        url = f"{server.url}/processes/number/execution"
        return requests.post(url, json={"inputs": {"number": number}}, headers=headers, timeout=120)

    first = post(1, "a")
    assert post(1, "a").headers["Location"] == first.headers["Location"]
    assert post(2, "a").status_code == 409
    assert post(1, "b").headers["Location"] != first.headers["Location"]


def test_the_operator_reads_what_the_client_does_not(server: Server) -> None:
    job_id = server.submit("writer", fail="cannot write /srv/secret/file.tif")
    info = server.finished(job_id)
    assert info["message"] == "RuntimeError: cannot write file.tif"
    answer = requests.get(f"{server.url}/jobs/{job_id}/results", timeout=120)
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "/srv" not in answer.text
    log = server.cli("jobs", "log", job_id).stdout
    said = [
        "to standard output",
        "to standard error",
        "echo from a child",
        "to the log",
        "Traceback",
        "/srv/secret",
    ]
    places = [log.find(text.removeprefix("echo ")) for text in said]
    assert -1 not in places
    assert places == sorted(places)


def test_an_algorithm_can_blame_an_input(server: Server) -> None:
    answer = server.execute("writer", wait=True, blame="size", fail="is too odd")
    assert answer.status_code == 400
    assert answer.json()["invalid-params"] == [{"name": "size", "reason": "is too odd"}]


def test_results_come_in_ranges(server: Server) -> None:
    job_id = server.submit("writer", size=100_000)
    server.finished(job_id)
    url = f"{server.url}/jobs/{job_id}/results/file"
    whole = requests.get(url, timeout=120)
    assert (whole.status_code, len(whole.content)) == (200, 100_000)
    part = requests.get(url, headers={"Range": "bytes=1000-1999"}, timeout=120)
    assert (part.status_code, part.content) == (206, whole.content[1000:2000])
    assert part.headers["Content-Range"] == "bytes 1000-1999/100000"
    assert requests.get(url, headers={"Range": "bytes=100000-"}, timeout=120).status_code == 416


def test_the_log_of_a_job_is_followed_while_it_runs(server: Server, tmp_path: Path) -> None:
    job_id = server.submit("loop", until=str(tmp_path / "gate"))
    command = [str(BIN / "dragoman"), "jobs", "log", "--follow", job_id]
    with subprocess.Popen(
        command, cwd=server.folder, env=server.environment(), stdout=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "the loop begins\n"
        (tmp_path / "gate").touch()
        assert following.communicate(timeout=HANG)[0] == ""
    assert following.returncode == 0
    assert server.cli("jobs", "log", job_id).stdout == "the loop begins\n"


def test_expired_jobs_are_removed_by_the_running_server_and_by_cleanup(tmp_path: Path) -> None:
    with serving(tmp_path, manager={"jobs": {"keep_results": 1}}) as short:
        job_id = short.submit("writer")
        folder = short.home / "jobs" / job_id[:2] / job_id

        def expired() -> bool:
            assert short.cli("cleanup").returncode == 0
            return requests.get(f"{short.url}/jobs/{job_id}", timeout=120).status_code == 404

        wait_for(expired, "the job has expired")
        assert not folder.exists()


def test_an_origin_that_is_not_allowed_may_not_post(server: Server) -> None:
    url = f"{server.url}/processes/number/execution"
    body = {"inputs": {"number": 1}}
    assert (
        requests.post(url, json=body, headers={"Origin": "https://evil.example"}, timeout=120).status_code
        == 403
    )
    assert requests.post(url, json=body, headers={"Origin": server.url}, timeout=120).status_code == 200
    assert (
        requests.get(f"{server.url}/jobs", headers={"Host": "evil.example"}, timeout=120).status_code == 403
    )


def test_the_server_says_when_it_is_not_ready(tmp_path: Path) -> None:
    manager = {"limits": {"min_free_disk": "100000GiB"}}
    full = Server(tmp_path, manager=manager)
    try:
        full.start(ready=False)

        def code() -> int | None:
            try:
                return requests.get(f"{full.url}/readyz", timeout=120).status_code
            except requests.ConnectionError:
                return None

        assert wait_for(code, "it answers") == 503
        assert "disk" in requests.get(f"{full.url}/readyz", timeout=120).json()["reasons"][0]
        assert requests.get(f"{full.url}/livez", timeout=120).status_code == 200
    finally:
        full.stop()
