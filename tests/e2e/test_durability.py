"""Nothing is lost, whatever is killed; every SIGKILL here is a real one."""

from __future__ import annotations

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest
import requests
from harness import Server, gone, serving, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as started:
        yield started


def _gate(server: Server) -> Path:
    """The file that jobs wait for: until it is there, what runs goes on running."""
    return server.folder / "gate"


def _submit_twenty(server: Server) -> list[str]:
    """The first two of them run, and none ends before the gate is open."""
    return [server.submit("number", number=n, until=str(_gate(server))) for n in range(20)]


def _all_successful(server: Server, ids: list[str]) -> None:
    """Once the gate is open; and the first of them had to run twice."""
    _gate(server).touch()
    for number, job_id in enumerate(ids):
        info = server.finished(job_id)
        assert info["status"] == "successful", info
        assert requests.get(f"{server.url}/jobs/{job_id}/results", timeout=120).json() == 2 * number
    assert server.details(ids[0])["attempts"] == 2


def _old_workers(server: Server) -> list[psutil.Process]:
    return psutil.Process(server.supervisor).children(recursive=True)


def test_a_job_whose_worker_is_killed_is_run_again(server: Server) -> None:
    job_id = server.submit("loop", until=str(_gate(server)))
    os.kill(server.running(job_id), signal.SIGKILL)
    _gate(server).touch()
    info = server.finished(job_id)
    assert info["status"] == "successful"
    assert server.details(job_id)["attempts"] == 2


def test_a_job_that_kills_its_worker_each_time_fails_at_the_cap_with_the_reason(
    server: Server, tmp_path: Path
) -> None:
    tally = tmp_path / "tally"
    job_id = server.submit("mortal", tally=str(tally))
    info = server.finished(job_id)
    assert info["status"] == "failed"
    assert "signal 9" in info["message"]
    assert len(tally.read_text().splitlines()) == 3
    assert requests.get(f"{server.url}/jobs/{job_id}/results", timeout=120).status_code == 500
    assert server.submit("number", number=1)  # the slot is free again


def test_a_job_that_dies_once_succeeds_in_its_second_run(server: Server, tmp_path: Path) -> None:
    job_id = server.submit("mortal", tally=str(tmp_path / "tally"), lives=1)
    assert server.finished(job_id)["status"] == "successful"
    assert requests.get(f"{server.url}/jobs/{job_id}/results", timeout=120).json() == 2


def test_all_jobs_end_successful_after_the_supervisor_was_killed(server: Server) -> None:
    ids = _submit_twenty(server)
    server.running(ids[0])
    before, supervisor = _old_workers(server), server.supervisor
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: all(gone(process.pid) for process in before), "nothing from before runs on")
    _all_successful(server, ids)
    assert server.supervisor != supervisor


def test_what_a_killed_supervisor_left_behind_is_killed(server: Server, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    server.submit("spawner", pids=str(pids))
    left = [
        int(pid) for pid in wait_for(lambda: pids.exists() and pids.read_text().split(), "it has children")
    ]
    os.kill(server.supervisor, signal.SIGKILL)
    server.execute("number", wait=True, number=1)
    wait_for(lambda: all(gone(pid) for pid in left), "its grandchildren are gone")


def test_all_jobs_end_successful_after_the_whole_server_was_killed(server: Server) -> None:
    ids = _submit_twenty(server)
    server.running(ids[0])
    before = _old_workers(server)
    server.kill_group()
    wait_for(lambda: all(gone(process.pid) for process in before), "nothing from before runs on")
    server.start()
    _all_successful(server, ids)


def test_queued_jobs_go_on_after_a_stop_without_a_request(server: Server) -> None:
    ids = _submit_twenty(server)
    server.running(ids[0])
    server.stop()
    _gate(server).touch()
    server.start(ready=False)
    wait_for(lambda: "20 of 20" in server.cli("jobs", "list", "--status", "successful").stdout, "all done")


def test_a_sync_call_survives_the_supervisor(server: Server) -> None:
    server.execute("number", wait=True, number=0)
    with ThreadPoolExecutor(1) as pool:
        gate = str(_gate(server))
        answer = pool.submit(server.execute, "number", wait=True, number=21, until=gate)
        wait_for(lambda: "running" in server.cli("jobs", "list").stdout, "it runs")
        os.kill(server.supervisor, signal.SIGKILL)
        _gate(server).touch()
        assert answer.result(120).json() == 42


def test_a_thousand_jobs_of_eight_clients_are_each_done_once(tmp_path: Path) -> None:
    server = Server(tmp_path)

    def client(share: int) -> list[tuple[int, str]]:
        with requests.Session() as session:
            made = []
            for number in range(share * 125, share * 125 + 125):
                answer = session.post(
                    f"{server.url}/processes/number/execution",
                    json={"inputs": {"number": number}},
                    headers={"Prefer": "respond-async"},
                    timeout=120,
                )
                assert answer.status_code == 201, answer.text
                made.append((number, answer.json()["jobID"]))
            return made

    try:
        server.start(gunicorn=2)
        with ThreadPoolExecutor(8) as pool:
            jobs = [job for made in pool.map(client, range(8)) for job in made]
        assert len({job_id for _, job_id in jobs}) == 1000
        wait_for(
            lambda: (
                requests.get(f"{server.url}/jobs?status=successful&limit=1", timeout=120).json()[
                    "numberMatched"
                ]
                == 1000
            ),
            "all successful",
            seconds=600,
        )
        listed = Counter(
            info["jobID"]
            for info in requests.get(f"{server.url}/jobs?limit=10000", timeout=120).json()["jobs"]
        )
        assert listed == Counter(job_id for _, job_id in jobs)
        for number, job_id in jobs:
            assert requests.get(f"{server.url}/jobs/{job_id}/results", timeout=120).json() == 2 * number
    finally:
        server.stop()
