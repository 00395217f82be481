"""Nothing is lost, doubled, stuck or left behind: ``python -m benchmarks.soak [--rounds 100] [--seconds N]``.

Jobs flow; in each round one process of some kind gets SIGKILL, or SIGSTOP and SIGCONT a moment later. In the end:

lost       accepted, but not there any more, or failed
doubled    run twice at the same time
stuck      not finished within SETTLE seconds after the last round
orphans    processes that are left once the server has been stopped
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
from http.client import HTTPException
from pathlib import Path
from typing import Final

import psutil
from benchmarks.load import ASYNC, Client
from benchmarks.servers import ALGORITHMS, PACKAGED, Dragoman, running, wait_for

from dragoman.errors import NoSuchJob
from dragoman.model.status import JobStatus

KINDS: Final = ("worker", "forkserver", "engine", "guardian", "engine and guardian", "web", "web master")
JOBS: Final = 3
"""Accepted in each round."""
SETTLE: Final = 120.0
"""Seconds for all jobs to end after the last round."""
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

    def round(self) -> None:
        """Accept jobs, and harm a process while they run."""
        for _ in range(JOBS):
            self._submit()
        time.sleep(self.dice.uniform(0, 0.4))
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
        self.done[f"{signum.name} {kind}" if victims else "nobody there"] += 1

    def _processes(self, kind: str) -> list[psutil.Process]:
        """Those of a kind that are there now."""
        with suppress(OSError, ValueError, KeyError, psutil.Error):
            if kind.startswith("web"):
                master = self.server.process()
                return [master] if kind == "web master" else self._some(_webs(master))
            engine = psutil.Process(json.loads((self.server.home / "supervisor.json").read_text())["pid"])
            guardian = engine.parent()
            both = [guardian, engine] if guardian is not None else [engine]
            if "guardian" in kind or kind == "engine":
                return {"engine": [engine], "guardian": both[:1]}.get(kind, both)
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
        """What has become of all that was accepted, once it has had its time."""
        store = self.server.store()
        statuses: dict[str, JobStatus | None] = {}
        deadline = time.monotonic() + SETTLE
        while time.monotonic() < deadline and len(statuses) < len(self.accepted):
            for job_id in self.accepted.keys() - statuses.keys():
                try:
                    status = store.get(job_id).status
                except NoSuchJob:
                    statuses[job_id] = None
                else:
                    if status.finished:
                        statuses[job_id] = status
            time.sleep(0.1)
        store.close()
        ends = [len(path.read_text().split()) for path in self.marks.glob("*.ends")]
        return {
            "accepted": len(self.accepted),
            "lost": sum(status is not JobStatus.SUCCESSFUL for status in statuses.values()),
            "doubled": len(list(self.marks.glob("*.overlap"))),
            "stuck": len(self.accepted) - len(statuses),
            "run again after their end": sum(number > 1 for number in ends),
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
        while run.done.total() < rounds and time.monotonic() < end:
            run.round()
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
    return int(any(figures[name] for name in ("lost", "doubled", "stuck", "orphans")))


if __name__ == "__main__":
    sys.exit(main())
