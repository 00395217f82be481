"""The engine cannot come up: the server says so, soon and to everybody, and recovers by itself."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import requests
from harness import Server, wait_for

from dragoman.jobs.rendezvous import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    try:
        yield made.start(gunicorn=1)
    finally:
        made.stop()


@contextmanager
def no_engine(server: Server) -> Iterator[None]:
    """Kill the supervisor, and have its lock: whoever comes after it ends at once."""
    with (server.home / LOCK).open("a") as lock:

        def taken() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        first = server.supervisor
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: taken() or _kill_next(server, first), "nobody supervises")
        yield


def _kill_next(server: Server, first: int) -> bool:
    """One that was quicker than we were."""
    if server.supervisor != first:
        with suppress(ProcessLookupError):
            os.kill(server.supervisor, signal.SIGKILL)
    return False


def _ask(server: Server) -> requests.Response:
    return server.execute("number", number=1)


def test_requests_are_refused_together_and_then_at_once(server: Server) -> None:
    with no_engine(server), ThreadPoolExecutor(16) as pool:
        began = time.monotonic()
        answers = list(pool.map(lambda _n: _ask(server), range(40)))  # more than there are threads
        assert {answer.status_code for answer in answers} == {503}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
        assert time.monotonic() - began < 40, "one search is waited for, and not one for each"
        began = time.monotonic()
        assert _ask(server).status_code == 503
        ready = requests.get(f"{server.url}/readyz", timeout=10)
        assert (ready.status_code, "engine" in ready.json()["reasons"][0]) == (503, True)
        assert requests.get(f"{server.url}/livez", timeout=10).status_code == 200
        assert time.monotonic() - began < 6
    wait_for(server.is_ready, "it comes back without a request that starts it")
    assert server.execute("number", wait=True, number=21).json() == 42


def test_readiness_is_told_while_an_engine_is_searched(server: Server) -> None:
    with no_engine(server):
        began = time.monotonic()
        assert requests.get(f"{server.url}/readyz", timeout=10).status_code == 503
        assert time.monotonic() - began < 6


def _ask_many(server: Server, number: int) -> Iterator[requests.Response]:
    """As many requests as there are threads and more, at once."""
    with ThreadPoolExecutor(number) as pool:
        yield from pool.map(lambda _n: _ask(server), range(number))


def _fine(server: Server) -> bool:
    return _ask(server).status_code == 201


def test_a_frozen_engine_takes_nobody_with_it(server: Server) -> None:
    supervisor, patience = server.supervisor, 30
    os.kill(supervisor, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(lambda: list(_ask_many(server, 24)))
            assert requests.get(f"{server.url}/livez", timeout=patience).status_code == 200
            answers = asked.result(patience)
        assert {answer.status_code for answer in answers} == {503}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
        assert requests.get(f"{server.url}/readyz", timeout=patience).status_code == 503
    finally:
        os.kill(supervisor, signal.SIGCONT)
    wait_for(lambda: _fine(server), "it is well again")
    assert len(requests.get(f"{server.url}/jobs", timeout=60).json()["jobs"]) == 1, (
        "what was refused is not run"
    )


def test_a_locked_database_is_said_within_seconds(server: Server) -> None:
    job, patience = server.submit("loop"), 30
    server.running(job)
    database = sqlite3.connect(server.home / "dragoman.db", isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        answer = server.execute("number", number=1)
        assert (answer.status_code, answer.elapsed.total_seconds() < patience) == (503, True)
        answer = server.dismiss(job)
        assert (answer.status_code, answer.elapsed.total_seconds() < patience) == (503, True)
        assert requests.get(f"{server.url}/livez", timeout=patience).status_code == 200
        assert requests.get(f"{server.url}/jobs/{job}", timeout=patience).status_code == 200
        database.execute("ROLLBACK")
    finally:
        database.close()
    wait_for(lambda: _fine(server), "it is well again")
    wait_for(lambda: server.job(job)["status"] == "dismissed" or server.dismiss(job), "it can be dismissed")
