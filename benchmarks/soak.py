"""Nothing is lost, doubled, stuck, taken back or left behind: ``python -m benchmarks.soak [--rounds N] [--seconds N]``.

Jobs flow; in each round one process of some kind gets SIGKILL, or SIGSTOP and SIGCONT a moment later. After some
rounds, and after the last, all jobs have to end while nothing else is harmed: what is stuck would else be freed by the
next engine, unseen. In the end:

lost        accepted, but not there any more, or failed
doubled     run twice at the same time
stuck       unfinished, while for SETTLE seconds no job has ended; then the rounds are over, and what can be known of
            jobs, engine and processes is printed (``soak_report``)
taken back  seen as successful in the store, and then not any more, or run once more
orphans     processes that are left once the server has been stopped

Besides, none of them a fault: "run again after their end" counts the jobs whose program came to its end more than
once. Between that end and the moment when the engine has written it lie the worker's report and a commit; a process
that is killed there takes the end with it, nobody has been told of it, and the job runs again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from benchmarks.load import ASYNC, Client
from benchmarks.servers import ALGORITHMS, PACKAGED, Dragoman, running, wait_for
from benchmarks.soak_report import report

from dragoman.errors import NoSuchJob
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from dragoman.jobs.stores.sql import SqlStore

KINDS: Final = ("worker", "forkserver", "engine", "guardian", "engine and guardian", "web", "web master")
JOBS: Final = 3
"""Accepted in each round."""
SETTLING: Final = 0.3
"""Of all rounds, those after which all jobs have to end."""
SETTLE: Final = 90.0
"""Seconds without any job's end after which the rest is stuck: twice what a lease and its next check take."""
FAULTS: Final = ("lost", "doubled", "stuck", "taken back", "orphans")
AGAIN: Final = 60.0
"""Seconds in which a job has to be accepted, whatever has just died."""


@dataclass(kw_only=True)
class Soak:
    """One server, what it has accepted, and what was done to it."""

    server: Dragoman
    marks: Path
    dice: random.Random
    child: str
    """The argument of ``sleep`` by which the children of jobs are known."""
    accepted: dict[str, str] = field(default_factory=dict)
    """Token by job id."""
    done: Counter[str] = field(default_factory=Counter)
    """How often each signal went to each kind."""
    statuses: dict[str, JobStatus | None] = field(default_factory=dict)
    """Of the jobs that have ended; None: it is not there any more."""
    ends_then: dict[str, int] = field(default_factory=dict)
    """How often the program of a job had come to its end when the job was seen to be successful."""
    history: list[str] = field(default_factory=list)
    """What was done in each round, and when."""

    @property
    def unfinished(self) -> set[str]:
        """The jobs whose end was not seen yet."""
        return self.accepted.keys() - self.statuses.keys()

    def round(self) -> None:
        """Accept jobs, and harm a process while they run."""
        for _ in range(JOBS):
            self._submit()
        time.sleep(self.dice.uniform(0, 0.4))
        self._look()
        kind, signum = self.dice.choice(KINDS), self.dice.choice((signal.SIGKILL, signal.SIGSTOP))
        victims = self._processes(kind)
        for victim in victims:
            with suppress(psutil.Error):
                victim.send_signal(signum)
        if signum is signal.SIGSTOP:
            time.sleep(self.dice.uniform(0.1, 1.5))
            for victim in victims:
                with suppress(psutil.Error):
                    victim.send_signal(signal.SIGCONT)
        elif kind == "web master":
            self.server.kill()
            self.server.start()
        what = f"{signum.name} {kind}" if victims else "nobody there"
        self.done[what] += 1
        pids = [victim.pid for victim in victims]
        self.history.append(f"{datetime.now(UTC):%H:%M:%S.%f} {what} {pids}")

    def settles(self) -> bool:
        """Wait until every accepted job has ended; False if for SETTLE seconds none does."""
        store = self.server.store()
        deadline = time.monotonic() + SETTLE
        try:
            while self.unfinished and time.monotonic() < deadline:
                if self._see_ends(store):
                    deadline = time.monotonic() + SETTLE
                time.sleep(0.1)
        finally:
            store.close()
        return not self.unfinished

    def _look(self) -> None:
        """Note which jobs have ended by now, as a client that asks would see it."""
        store = self.server.store()
        try:
            self._see_ends(store)
        finally:
            store.close()

    def _see_ends(self, store: SqlStore) -> int:
        """Note which jobs have ended; how many did since it was noted last."""
        before = len(self.statuses)
        for job_id in self.unfinished:
            try:
                status = store.get(job_id).status
            except NoSuchJob:
                self.statuses[job_id] = None
            else:
                if status.finished:
                    self.statuses[job_id] = status
                if status is JobStatus.SUCCESSFUL:
                    self.ends_then[job_id] = self._ends(job_id)
        return len(self.statuses) - before

    def _ends(self, job_id: str) -> int:
        """How often the job's program has come to its end until now."""
        path = self.marks / f"{self.accepted[job_id]}.ends"
        return len(path.read_text().split()) if path.exists() else 0

    def taken_back(self) -> list[str]:
        """The jobs that had been seen as successful, and are not any more, or have run once more since."""
        store = self.server.store()
        try:
            return [job_id for job_id in self.ends_then if self._is_taken_back(store, job_id)]
        finally:
            store.close()

    def _is_taken_back(self, store: SqlStore, job_id: str) -> bool:
        try:
            status: JobStatus | None = store.get(job_id).status
        except NoSuchJob:
            status = None
        return status is not JobStatus.SUCCESSFUL or self._ends(job_id) != self.ends_then[job_id]

    def _processes(self, kind: str) -> list[psutil.Process]:
        """Those of a kind that are there now."""
        with suppress(OSError, ValueError, KeyError, psutil.Error):
            if kind.startswith("web"):
                master = self.server.process()
                return [master] if kind == "web master" else self._some(_webs(master))
            engine = psutil.Process(json.loads((self.server.home / "supervisor.json").read_text())["pid"])
            if not _supervises(engine):  # it has gone, and another has its pid
                return []
            guardian = engine.parent()
            # One that was killed has left its engine to who knows whom.
            guardians = [guardian] if guardian is not None and _supervises(guardian) else []
            if "guardian" in kind or kind == "engine":
                return {"engine": [engine], "guardian": guardians}.get(kind, [*guardians, engine])
            forkservers = [each for each in engine.children() if "forkserver" in " ".join(each.cmdline())]
            if kind == "forkserver":
                return forkservers[:1]
            return self._some([worker for each in forkservers for worker in each.children()])
        return []

    def _some(self, processes: list[psutil.Process]) -> list[psutil.Process]:
        return [self.dice.choice(processes)] if processes else []

    def _submit(self) -> None:
        """Have one job accepted, however often that has to be tried: a key sees to it that it is one."""
        token = str(uuid.UUID(int=self.dice.getrandbits(128)))
        inputs = {"token": token, "folder": str(self.marks), "seconds": self.dice.choice((0.05, 0.3, 0.8))}
        inputs["child"] = self.child if self.dice.random() < 0.3 else ""
        deadline = time.monotonic() + AGAIN
        while True:
            with suppress(OSError, HTTPException), Client(self.server.port) as client:
                status, body = client.execute("mark", {"inputs": inputs}, {**ASYNC, "Idempotency-Key": token})
                if status == 201:
                    self.accepted[json.loads(body)["jobID"]] = token
                    return
            if time.monotonic() > deadline:
                raise TimeoutError("no job was accepted any more")
            time.sleep(0.05)

    def outcome(self) -> dict[str, int]:
        """What has become of all that was accepted."""
        return {
            "accepted": len(self.accepted),
            "lost": sum(status is not JobStatus.SUCCESSFUL for status in self.statuses.values()),
            "doubled": len(list(self.marks.glob("*.overlap"))),
            "stuck": len(self.unfinished),
            "taken back": len(self.taken_back()),
            "run again after their end": sum(self._ends(job_id) > 1 for job_id in self.accepted),
        }

    def orphans(self) -> int:
        """Processes that are left of the server, and of its jobs."""
        left = 0
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                line = process.cmdline()
                ours = line[:1] == ["sleep"] and self.child in line
                mine = process.pid != os.getpid() and str(self.server.folder) in " ".join(line)
                left += (ours or mine) and process.status() != psutil.STATUS_ZOMBIE
        return left


def _supervises(process: psutil.Process) -> bool:
    return "supervise" in process.cmdline()


def _webs(master: psutil.Process) -> list[psutil.Process]:
    """gunicorn's workers."""
    return [each for each in master.children() if "gunicorn" in " ".join(each.cmdline())]


def soak(folder: Path, rounds: int, seed: int, seconds: float) -> tuple[dict[str, int], Counter[str]]:
    """Some rounds on a new server, as many as fit into that time; the figures, and what was done."""
    resources = {
        "mark": {"type": "process", "processor": {"name": PACKAGED, "package": str(ALGORITHMS / "mark")}}
    }
    manager = {"jobs": {"max_attempts": 100}}
    server = Dragoman(folder / "server", resources=resources, manager=manager)
    marks = folder / "marks"
    marks.mkdir()
    dice = random.Random(seed)
    run = Soak(server=server, marks=marks, dice=dice, child=f"6{dice.randrange(10**6):06d}.{os.getpid()}")
    end = time.monotonic() + seconds
    with running(server):
        well = True
        while well and run.done.total() < rounds and time.monotonic() < end:
            run.round()
            if dice.random() < SETTLING:
                well = run.settles()
        if not (well and run.settles()):
            report(server, sorted(run.unfinished), run.history)
        elif back := run.taken_back():
            report(server, back, run.history)
        figures = {"rounds": run.done.total(), **run.outcome()}
    with suppress(TimeoutError):
        wait_for(lambda: run.orphans() == 0, 20, "nothing is left")
    return {**figures, "orphans": run.orphans()}, run.done


def main() -> int:
    """Print the figures; 1 if any of them is bad."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600, help="no round begins after so many")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as name:
        figures, done = soak(Path(name), given.rounds, given.seed, given.seconds)
    print(json.dumps(figures))
    print(json.dumps(dict(sorted(done.items()))))
    return int(any(figures[name] for name in FAULTS))


if __name__ == "__main__":
    sys.exit(main())
