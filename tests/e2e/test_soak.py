"""A few rounds of the soak: whatever is killed or frozen, nothing is lost, doubled, stuck, taken back or left over."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from benchmarks.soak import Soak
from jobmaking import make_job

from dragoman.jobs.stores.sql import SqlStore
from dragoman.model.status import JobStatus

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to their ancestors"),
]


def test_nothing_is_lost_doubled_stuck_or_left_behind() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--rounds", "10", "--seed", "20"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[0])
    assert figures["accepted"] == 30
    assert {figures[name] for name in ("lost", "doubled", "stuck", "taken back", "orphans")} == {0}


class FinishedServer:
    """A server whose jobs have ended, as far as the soak looks at one."""

    def __init__(self, home: Path) -> None:
        self._url = f"sqlite:///{home}/jobs.db"

    def store(self) -> SqlStore:
        return SqlStore(self._url)


@pytest.mark.parametrize("what", ["nothing", "run again", "gone"])
def test_a_success_that_is_taken_back_is_noticed(tmp_path: Path, what: str) -> None:
    server: Any = FinishedServer(tmp_path)
    job = make_job(status=JobStatus.SUCCESSFUL)
    ends = tmp_path / "token.ends"
    ends.write_text("end\nend\n")  # one of them was not reported, which is no fault
    with closing(server.store()) as store:
        store.add(job)
        run = Soak(
            server=server, marks=tmp_path, dice=random.Random(1), child="60", accepted={job.id: "token"}
        )
        assert run.settles()
        if what == "run again":
            ends.write_text("end\n" * 3)
        elif what == "gone":
            store.remove(job.id)
    assert run.taken_back() == ([] if what == "nothing" else [job.id])
    outcome = run.outcome()
    assert (outcome["taken back"], outcome["run again after their end"]) == (len(run.taken_back()), 1)


TELLING = """
import sys, tempfile
from pathlib import Path
from benchmarks.load import Client
from benchmarks.servers import Dragoman, running, wait_for
from benchmarks.soak_report import report
with tempfile.TemporaryDirectory() as folder:
    server = Dragoman(Path(folder) / "server")
    with running(server):
        with Client(server.port) as client:
            job = client.submit("loop")
        store = server.store()
        wait_for(lambda: store.get(job).worker is not None, 60, "it runs")
        store.close()
        report(server, [job], ["the only round"])
        print(job)
"""


def test_all_there_is_to_know_of_what_is_stuck_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TELLING],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (job,) = done.stdout.split()
    for told in (
        "the only round",
        f"---- job {job}",
        "EventKind.",
        f'"job": "{job}"',
        "most recent call first",
    ):
        assert told in done.stderr, told
    assert done.stderr.count(" threads") >= 5, "web server, engine, guardian, forkserver, worker"
