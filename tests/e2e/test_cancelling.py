"""Cancel means stopped: the process tree is dead, its files are gone, its slot is free."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests
from harness import Server, gone, serving, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("cancelling"), workers=1) as started:
        yield started


def _files(server: Server, job_id: str, pid: int) -> list[Path]:
    """All that there is of a job: what is kept of it, and what a run of it writes in the worker ``pid``."""
    kept, run = server.home / "jobs" / job_id[:2] / job_id, server.home / "runs" / job_id
    folders = (kept, run, server.home / "workers" / str(pid))
    return [path for folder in folders for path in folder.rglob("*")]


def _cancel_and_check(server: Server, job_id: str, pid: int) -> None:
    following = server.submit("number", number=4)
    answer = server.dismiss(job_id)  # by itself it would not end before the request times out
    assert gone(pid), "the worker is dead before the client is told"
    assert (answer.status_code, answer.json()["status"]) == (200, "dismissed")
    assert not _files(server, job_id, pid)
    assert server.finished(following)["status"] == "successful"


def test_a_loop_in_python_is_stopped(server: Server) -> None:
    job_id = server.submit("loop")
    pid = server.running(job_id)
    wait_for(lambda: _files(server, job_id, pid), "it has scratch files")
    _cancel_and_check(server, job_id, pid)


def test_a_long_call_into_c_is_stopped(server: Server) -> None:
    job_id = server.submit("sort")
    pid = server.running(job_id)
    wait_for(lambda: "sorting" in server.cli("jobs", "log", job_id).stdout, "it sorts")
    _cancel_and_check(server, job_id, pid)


def test_every_process_it_started_dies_with_it(server: Server, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    job_id = server.submit("spawner", pids=str(pids))
    started = [
        int(pid) for pid in wait_for(lambda: pids.exists() and pids.read_text().split(), "it has children")
    ]
    assert not any(gone(pid) for pid in started)
    _cancel_and_check(server, job_id, server.running(job_id))
    assert all(gone(pid) for pid in started)


def test_what_a_successful_job_left_running_is_ended_too(server: Server, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    assert server.execute("spawner", wait=True, pids=str(pids), seconds=0).status_code == 200
    assert all(gone(int(pid)) for pid in pids.read_text().split())


def test_a_waiting_job_is_dismissed_and_never_runs(server: Server) -> None:
    first, second = server.submit("loop"), server.submit("loop")
    server.running(first)
    assert server.dismiss(second).json()["status"] == "dismissed"
    server.dismiss(first)
    assert server.finished(server.submit("number", number=1))["status"] == "successful"
    assert server.details(second)["attempts"] == 0


def test_a_second_delete_removes_the_job(server: Server) -> None:
    job_id = server.submit("number", number=1)
    server.finished(job_id)
    assert server.dismiss(job_id).json()["status"] == "dismissed"
    assert requests.get(f"{server.url}/jobs/{job_id}", timeout=120).status_code == 404
    assert server.dismiss(job_id).status_code == 404


def test_results_of_a_dismissed_job_say_so(server: Server) -> None:
    job_id = server.submit("loop")
    server.running(job_id)
    server.dismiss(job_id)
    answer = requests.get(f"{server.url}/jobs/{job_id}/results", timeout=120)
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("/result-not-ready")
    assert "dismissed" in answer.json()["detail"]


def test_many_cancel_one_job_at_once(server: Server) -> None:
    job_id = server.submit("loop")
    server.running(job_id)
    with ThreadPoolExecutor(8) as pool:
        codes = sorted(answer.status_code for answer in pool.map(lambda _n: server.dismiss(job_id), range(8)))
    assert set(codes) <= {200, 404}
    assert codes[0] == 200


def test_a_sync_caller_is_told_that_its_job_was_dismissed(server: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.execute, "loop", wait=True)
        job_id = wait_for(
            lambda: next(
                (
                    job["jobID"]
                    for job in requests.get(f"{server.url}/jobs?status=running", timeout=120).json()["jobs"]
                ),
                None,
            ),
            "it runs",
        )
        assert server.dismiss(str(job_id)).status_code == 200
        answer = waiting.result(120)
    assert answer.status_code == 404
    assert "dismissed" in answer.json()["detail"]


def test_a_timeout_ends_the_job_and_says_so(server: Server) -> None:
    info = server.finished(server.submit("hasty"))
    assert info["status"] == "failed"
    assert info["message"] == "the job ran longer than its timeout of 1 s"


def test_a_memory_limit_holds(server: Server) -> None:
    info = server.finished(server.submit("greedy", gigabytes=8))
    assert info["status"] == "failed"
    assert "ran out of memory" in info["message"]
    assert server.execute("greedy", wait=True, gigabytes=0.1).status_code == 200
