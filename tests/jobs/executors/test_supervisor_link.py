"""While no engine can be started: one thread tries, all wait for that, none waits twice; and it comes back by itself.

Every supervisor here is a real process; a script of the test's decides whether and when it comes up.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from enginekit import COMMAND, engine_settings, process_job
from harness import TEST_PROCESSES, gone, wait_for

from dragoman.errors import NoSuchJob, Unavailable
from dragoman.jobs.executors import supervisor_start
from dragoman.jobs.executors.local import LocalExecutor
from dragoman.jobs.executors.supervisor_link import BUSY
from dragoman.jobs.rendezvous import NOTE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

STARTER = """
import os, sys, time
folder, command = sys.argv[1], sys.argv[2:]
def note(what):
    with open(f"{folder}/starts", "a") as file:
        file.write(f"{what} {os.getpid()}\\n")
note("begin")
if not os.path.exists(f"{folder}/works"):
    time.sleep(0.3)
    note("end")
    raise SystemExit(5)
time.sleep(float(open(f"{folder}/works").read() or 0))
os.execv(command[0], command)
"""
"""Becomes a supervisor if there is a file ``works``, after as many seconds as it says; and notes its life."""


SLOW = """
import runpy, sys, time
from dragoman.jobs.engine import supervisor
recover = supervisor.recover
def recover_slowly(*arguments, **options):
    time.sleep(3 * supervisor.FIRST_CLIENT)
    return recover(*arguments, **options)
supervisor.recover, supervisor.FIRST_CLIENT = recover_slowly, 1.0
sys.argv[:] = ["dragoman", "supervise"]
runpy.run_module("dragoman.cli", run_name="__main__")
"""
"""A supervisor on a busy machine: it takes longer to come up than it then waits for its first client."""


class Trial:
    """An executor whose supervisors the test has in its hand."""

    def __init__(self, folder: Path, max_waiting: int | None = None) -> None:
        self.works = folder / "works"
        self.starts = folder / "starts"
        self.settings = engine_settings(folder / "home")
        self.command = [sys.executable, "-c", STARTER, str(folder), *COMMAND]
        self.executor = LocalExecutor(self.settings, self.command, max_waiting=max_waiting)

    def begun(self) -> int:
        """How many supervisors have been started."""
        return self.starts.read_text().count("begin") if self.starts.exists() else 0

    def supervisor(self) -> int:
        """The pid of the one that is up; 0 if none is."""
        try:
            pid: int = json.loads((self.settings.home / NOTE).read_text())["pid"]
        except (OSError, ValueError):
            return 0
        return pid

    def ask_at_once(self, threads: int) -> list[tuple[float, Exception | None]]:
        """Submit in as many threads: how long each took, and what it raised."""
        barrier = threading.Barrier(threads)

        def ask(number: int) -> tuple[float, Exception | None]:
            barrier.wait()
            began = time.monotonic()
            try:
                self.executor.submit(process_job("number", number=number))
            except Unavailable as error:
                return time.monotonic() - began, error
            return time.monotonic() - began, None

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(ask, range(threads)))


@contextmanager
def _trial(trial: Trial) -> Iterator[Trial]:
    yield trial
    trial.executor.close()
    supervisor = trial.supervisor()
    if supervisor:
        wait_for(lambda: gone(supervisor), "it has ended")


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    with _trial(Trial(tmp_path)) as ready:
        yield ready


def test_all_wait_for_one_search_and_then_nobody_waits(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_start, "PATIENCE", 4.0)
    asked = trial.ask_at_once(12)
    assert all(isinstance(error, Unavailable) and error.retry_after > 0 for _, error in asked)
    assert max(seconds for seconds, _ in asked) < 12.0, "not one after the other, which would be 48"
    asked = trial.ask_at_once(12)
    assert all(error is not None for _, error in asked)
    assert max(seconds for seconds, _ in asked) < 2.0, "at once, though the search goes on"


def test_one_at_a_time_is_started_and_ever_more_rarely(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_start, "PATIENCE", 4.0)
    trial.ask_at_once(8)
    lines = trial.starts.read_text().splitlines()
    pairs = [line.split() for line in lines]
    for first, second in zip(pairs[::2], pairs[1::2], strict=False):
        assert (first[0], second[0]) == ("begin", "end"), lines
        assert first[1] == second[1], "no other begins while it lives"
    assert trial.begun() <= 8, "without pauses it would be a dozen"
    wait_for(lambda: trial.begun() >= 3, "but it goes on")


def test_while_one_comes_up_slowly_all_wait_and_are_served_but_readiness_says_no(trial: Trial) -> None:
    trial.works.write_text("4")
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(trial.ask_at_once, 8)
        wait_for(trial.begun, "it is on its way")
        began = time.monotonic()
        assert not trial.executor.alive()
        assert time.monotonic() - began < 3.5
        assert [error for _, error in asking.result(60)] == [None] * 8
    assert trial.begun() == 1
    wait_for(trial.executor.alive, "ready")


def test_one_that_came_up_slowly_waits_for_those_that_wait_for_it(trial: Trial) -> None:
    trial.command[2:] = [SLOW]
    trial.executor = LocalExecutor(trial.settings, trial.command)
    trial.executor.start()
    first = trial.supervisor()
    job = trial.executor.submit(process_job("number", number=4))
    assert trial.executor.wait(job.id, 60).outputs["double"].value == 8
    assert trial.supervisor() == first


def test_no_more_threads_wait_for_one_than_may_but_for_calls_that_go_on(tmp_path: Path) -> None:
    with _trial(Trial(tmp_path, max_waiting=2)) as trial, ThreadPoolExecutor(4) as pool:
        trial.works.write_text("4")
        asking = pool.submit(trial.ask_at_once, 8)
        wait_for(trial.begun, "it is on its way")
        going_on = [pool.submit(trial.executor.wait, str(uuid.uuid4()), 60) for _ in range(3)]
        asked = asking.result(60)
        served = [seconds for seconds, error in asked if error is None]
        refused = [error for _, error in asked if error is not None]
        assert (len(served), len(refused)) == (2, 6)
        assert all(isinstance(error, Unavailable) and error.detail == BUSY for error in refused)
        for each in going_on:
            with pytest.raises(NoSuchJob):
                each.result(60)
        assert [error for _, error in trial.ask_at_once(8)] == [None] * 8, "once it is there all are served"


def test_once_one_can_be_started_it_is_without_a_request(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_start, "PATIENCE", 1.0)
    with pytest.raises(Unavailable):
        trial.executor.start()
    assert not trial.executor.alive()
    monkeypatch.undo()
    trial.works.touch()
    wait_for(trial.supervisor, "it comes by itself")
    wait_for(trial.executor.alive, "and is held")
    job = trial.executor.submit(process_job("number", number=4))
    assert trial.executor.wait(job.id, 60).outputs["double"].value == 8


def test_whatever_happens_in_the_search_it_goes_on(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more_threads(_finder: object) -> bool:
        raise RuntimeError("can't start new thread")

    trial.works.touch()
    monkeypatch.setattr(supervisor_start.SupervisorFinder, "_unlocked", no_more_threads)
    with pytest.raises(Unavailable):
        trial.executor.start()
    monkeypatch.undo()
    wait_for(trial.executor.alive, "it has been found all the same")


def test_closing_ends_the_search(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_start, "PAUSES", (0.1, 0.1))
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(trial.ask_at_once, 4)
        wait_for(lambda: trial.begun() >= 2, "it searches")
        trial.executor.close()
        assert all(error is not None for _, error in asking.result(10))
    wait_for(
        lambda: "supervisor-link" not in [thread.name for thread in threading.enumerate()], "it has ended"
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_in_the_middle_of_a_search_searches_for_itself(trial: Trial) -> None:
    code = textwrap.dedent("""
        import os, pickle, sys, threading, time
        from enginekit import process_job
        from dragoman.jobs.executors.local import LocalExecutor
        settings, command, starts = pickle.load(sys.stdin.buffer)
        executor = LocalExecutor(settings, command)
        def run(number):
            job = executor.submit(process_job("number", number=number))
            return executor.wait(job.id, 60).outputs["double"].value
        threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        while not os.path.exists(starts):
            time.sleep(0.01)
        child = os.fork()
        if child == 0:
            os._exit(run(2))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4
        for thread in threads:
            thread.join()
        assert run(3) == 6
        executor.close()
    """)
    trial.works.write_text("2")
    environment = {**os.environ, "PYTHONPATH": f"{TEST_PROCESSES.parents[1] / 'support'}:{_path()}"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
        input=pickle.dumps((trial.settings, trial.command, str(trial.starts))),
        capture_output=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def _path() -> str:
    return os.environ.get("PYTHONPATH", "")
