"""``/metrics`` of a real server: alone, under two gunicorn processes, and of what dies meanwhile."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest
import requests
from harness import Server, wait_for
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.slow

type Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("metrics"))
    try:
        yield running.start(gunicorn=2)
    finally:
        running.stop()


def _samples(server: Server) -> Samples:
    answer = requests.get(f"{server.url}/metrics", timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def _sum(samples: Samples, name: str, **labels: str) -> float:
    return sum(v for (n, having), v in samples.items() if n == name and labels.items() <= set(having))


def test_it_tells_of_jobs_workers_and_requests_whichever_process_is_asked(server: Server) -> None:
    before = _samples(server)
    for _ in range(6):
        assert server.execute("echo", wait=True, text="a").status_code == 200
    after = _samples(server)
    name = "dragoman_jobs_finished_total"
    labels = {"process": "echo", "dialect": "ogc", "status": "successful"}
    assert _sum(after, name, **labels) - _sum(before, name, **labels) == 6
    assert _sum(after, "dragoman_jobs", process="echo", state="successful") >= 6
    for histogram in ("dragoman_job_waiting_seconds", "dragoman_job_running_seconds"):
        assert _sum(after, f"{histogram}_count", process="echo") >= 6
    assert _sum(after, "dragoman_workers") >= 1
    assert _sum(after, "dragoman_workers_started_total") >= 1
    assert (_sum(after, "dragoman_store_up"), _sum(after, "dragoman_engine_up")) == (1, 1)
    count = "dragoman_http_request_duration_seconds_count"
    assert (
        _sum(after, count, dialect="ogc", status="200") - _sum(before, count, dialect="ogc", status="200")
        == 6
    )


def test_pages_of_both_processes_say_the_same(server: Server) -> None:
    """A request is answered by either; what one has counted the other tells."""
    count = "dragoman_http_request_duration_seconds_count"
    start = _sum(_samples(server), count, dialect="server", status="200")
    for asked in range(1, 21):
        assert _sum(_samples(server), count, dialect="server", status="200") == start + asked


def test_a_path_that_nobody_serves_makes_no_series(server: Server) -> None:
    requests.get(f"{server.url}/surely/not", timeout=60)
    before = _samples(server)
    for number in range(5):
        requests.get(f"{server.url}/surely/not/{number}", timeout=60)
        requests.get(f"{server.url}/jobs/{number}", timeout=60)
    after = _samples(server)
    new = {series for series in after.keys() - before.keys() if ("status", "404") not in series[1]}
    assert new == set()
    text = requests.get(f"{server.url}/metrics", timeout=60).text
    assert "surely" not in text


def test_what_a_dead_process_counted_stays_and_its_file_goes(server: Server) -> None:
    count = "dragoman_http_request_duration_seconds_count"
    start = _sum(_samples(server), count, dialect="ogc")
    for _ in range(10):
        requests.get(f"{server.url}/processes", timeout=60)
    assert server.process is not None
    workers = [child.pid for child in psutil.Process(server.process.pid).children() if _is_gunicorn(child)]
    assert len(workers) == 2
    for pid in workers:  # one after another, so that somebody always lives
        os.kill(pid, signal.SIGKILL)
        dead = str(pid)
        wait_for(lambda dead=dead: dead not in _served_by(server), "its file is gone")  # type: ignore[misc]
        wait_for(lambda: len(_served_by(server)) == 2, "both have begun to count")
    assert _sum(_samples(server), count, dialect="ogc") >= start + 10


def _served_by(server: Server) -> set[str]:
    """The pids that have a file; each of them has served something."""
    for _ in range(4):
        with suppress(requests.ConnectionError):  # of whoever was killed
            requests.get(f"{server.url}/livez", timeout=60)
    names = (re.fullmatch(r"histogram_(\d+)\.db", path.name) for path in (server.home / "metrics").iterdir())
    return {match[1] for match in names if match}


def _is_gunicorn(process: psutil.Process) -> bool:
    return any("gunicorn" in word for word in process.cmdline())


def test_the_engine_keeps_its_algorithms_out_of_the_servers_files(server: Server) -> None:
    environment = psutil.Process(server.supervisor).environ()
    assert "PROMETHEUS_MULTIPROC_DIR" not in environment


def test_a_new_server_begins_at_nothing(server: Server) -> None:
    server.stop()
    server.start()
    samples = _samples(server)
    assert _sum(samples, "dragoman_http_request_duration_seconds_count", dialect="ogc") == 0
    assert _sum(samples, "dragoman_jobs", process="echo", state="successful") >= 6
