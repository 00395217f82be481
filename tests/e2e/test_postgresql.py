"""The whole server on a real PostgreSQL: the same promises, through its crashes and other hosts' claims too."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pytest
import requests
from harness import Server, gone, wait_for
from postgresql import Cluster, NoPostgresql, cluster

from dragoman.jobs.stores.engine_lock import ADVISORY_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = %s"


@pytest.fixture
def database() -> Iterator[Cluster]:
    try:
        with cluster() as made:
            yield made
    except NoPostgresql as error:
        pytest.skip(str(error))


@pytest.fixture
def server(database: Cluster, tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, manager={"connection": database.url})
    try:
        yield made.start(gunicorn=2)
    finally:
        made.stop()


@pytest.fixture
def other(database: Cluster, tmp_path: Path) -> Iterator[Server]:
    """As on another host: another HOME, the same database. Not started."""
    made = Server(tmp_path / "other", manager={"connection": database.url})
    yield made
    made.stop()


def holder(connection: psycopg.Connection[Any]) -> int:
    """The session that holds the database; 0 if none does."""
    row = connection.execute(HOLDER, [ADVISORY_KEY & 0xFFFFFFFF]).fetchone()
    return row[0] if row else 0


def take_away(connection: psycopg.Connection[Any]) -> None:
    """End the session that holds the database, and hold it here."""
    connection.execute("SELECT pg_terminate_backend(%s, 20000)", [holder(connection)])
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_KEY]).fetchone()
    assert row == (True,)


def finished(server: Server, job_id: str, seconds: float = 120) -> dict[str, Any]:
    """The statusInfo of a job that has ended, from a server that may not always be able to say so."""

    def look() -> dict[str, Any] | None:
        with suppress(requests.RequestException):
            answer = requests.get(f"{server.url}/jobs/{job_id}", timeout=60)
            info: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
            return info if info.get("status") in ("successful", "failed", "dismissed") else None
        return None

    return wait_for(look, f"{job_id} ends\n{server.log.read_text()}", seconds=seconds) or {}


def test_jobs_outlive_the_supervisor_and_a_second_engine_is_refused(
    server: Server, other: Server, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    ids = [server.submit("number", number=n, until=str(gate)) for n in range(10)]
    server.running(ids[0])
    os.kill(server.supervisor, signal.SIGKILL)
    gate.touch()
    for number, job_id in enumerate(ids):
        assert server.finished(job_id)["status"] == "successful"
        assert requests.get(f"{server.url}/jobs/{job_id}/results", timeout=120).json() == 2 * number
    assert server.execute("number", wait=True, number=3).json() == 6
    other.start(ready=False)
    wait_for(lambda: "another host's supervisor holds this database" in other.log.read_text())
    assert server.execute("number", wait=True, number=4).json() == 8


def test_nothing_is_lost_when_the_database_crashes(server: Server, database: Cluster) -> None:
    long = server.submit("loop", seconds=12)
    worker = server.running(long)
    ids = [server.submit("number", number=n, seconds=0.2) for n in range(30)]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.execute, "number", wait=True, number=21, seconds=3)
        wait_for(lambda: server.job(ids[0])["status"] != "accepted", "they are begun")
        for _ in range(2):
            database.crash()
            database.start()
        answer = waiting.result(120)
    assert answer.status_code in (200, 503), answer.text
    for number, job_id in enumerate(ids):
        assert finished(server, job_id)["status"] == "successful"
        assert requests.get(f"{server.url}/jobs/{job_id}/results", timeout=30).json() == 2 * number
    assert finished(server, long)["status"] == "successful"
    details = server.details(long)
    assert (details["attempts"], details["worker"]["pid"]) == (1, worker), "it was not disturbed"
    if answer.status_code == 200:
        assert answer.json() == 42
    listed = requests.get(f"{server.url}/jobs?limit=1000", timeout=30).json()["jobs"]
    assert {info["status"] for info in listed} == {"successful"}
    assert len(listed) == 32 or (answer.status_code == 503 and len(listed) == 31)


def test_work_goes_on_when_the_hold_on_the_database_was_lost(server: Server, database: Cluster) -> None:
    supervisor = server.supervisor
    job_id = server.submit("loop", seconds=6)
    server.running(job_id)
    with psycopg.connect(database.url, autocommit=True) as connection:
        first = holder(connection)
        connection.execute("SELECT pg_terminate_backend(%s, 20000)", [first])
        wait_for(lambda: holder(connection) not in (0, first), "it is held again")
    assert finished(server, job_id)["status"] == "successful"
    assert server.details(job_id)["attempts"] == 1
    assert server.supervisor == supervisor


def test_an_engine_whose_database_was_taken_ends_with_all_it_runs_and_returns(
    server: Server, database: Cluster, tmp_path: Path
) -> None:
    supervisor = server.supervisor
    gate, tally = tmp_path / "gate", tmp_path / "tally"
    job_id = server.submit("gated", gate=str(gate), tally=str(tally))
    worker = server.running(job_id)
    with psycopg.connect(database.url, autocommit=True) as connection:
        take_away(connection)
        wait_for(lambda: gone(supervisor) and gone(worker), "it has ended")
        assert "has taken this database" in server.log.read_text()
        wait_for(lambda: _accepted(server, job_id), "it is the other's to run")
        assert len(_runs(tally)) <= 1
    gate.touch()
    assert finished(server, job_id)["status"] == "successful"
    details = server.details(job_id)
    assert (details["attempts"], details["restarts"]) == (2, 1)
    wait_for(server.is_ready, "ready")
    assert server.execute("number", wait=True, number=4).json() == 8


def test_a_host_that_was_frozen_gives_up_the_job_that_another_has_taken(
    server: Server, other: Server, database: Cluster, tmp_path: Path
) -> None:
    frozen = psutil.Process(server.supervisor)
    gate, tally = tmp_path / "gate", tmp_path / "tally"
    job_id = server.submit("gated", gate=str(gate), tally=str(tally))
    worker = server.running(job_id)
    wait_for(lambda: _runs(tally) == [worker], "it runs")
    other.start(ready=False)
    wait_for(lambda: "another host's supervisor holds this database" in other.log.read_text())
    frozen.suspend()  # as a machine that is moved, or swapped out
    try:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 20000)", [holder(connection)])
        wait_for(lambda: len(_runs(tally)) == 2 or _keep_up(other), "the other runs it", seconds=120)
    finally:
        frozen.resume()
    wait_for(lambda: gone(frozen.pid), "it has noticed that the database is another's")
    assert gone(worker), "its run has ended with it"
    gate.touch()
    assert finished(other, job_id)["status"] == "successful"
    assert other.details(job_id)["attempts"] == 2
    assert len(_runs(tally)) == 2
    assert other.execute("number", wait=True, number=4).json() == 8


def _keep_up(server: Server) -> bool:
    """A server that finds no engine to hold at its start ends; whoever runs it starts it again."""
    if server.process is not None and server.process.poll() is not None:
        server.start(ready=False)
    return False


def _runs(tally: Path) -> list[int]:
    """The workers that have begun to run the job."""
    return [int(pid) for pid in tally.read_text().split()] if tally.exists() else []


def _accepted(server: Server, job_id: str) -> bool:
    return bool(server.details(job_id)["status"] == "accepted")
