"""How soon what is stopped has stopped, and what is lost has come back."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from benchmarks.load import Client
from benchmarks.report import Figure, Scale, Section, median
from benchmarks.servers import Dragoman, gone, running, unfinished, wait_for

from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.jobs.stores.sql import SqlStore
    from dragoman.model.job import Job

WITHIN = 1.0
"""Seconds in which a worker must be gone."""
JOBS = 20
PAUSE = 0.2
"""Seconds that each of the jobs takes that outlive the server."""


def run(folder: Path, scale: Scale) -> list[Section]:
    """DELETE, the slot it frees, and the server's own death."""
    server = Dragoman(folder / "deleting", manager={"workers": 1})
    with running(server):
        loops = _deletions(server, "loop", scale.pick(20, 4), settle=0.1)
        sorts = _deletions(server, "sort", scale.pick(20, 2), settle=0.3)
        freed = _slots(server, scale.pick(20, 4))
    figures = [
        *_stopped("a loop in Python", loops),
        *_stopped("numpy's sort", sorts),
        *_spread("slot freed", freed),
    ]
    figures += _recovery(folder / "recovering", scale.pick(3, 1))
    notes = (
        "From DELETE to its answer, at which the worker's pid must be gone. A freed slot: from the end of a job "
        "that was deleted to the start of the next one, in a new worker.",
        f"Recovery: SIGKILL to the server's process group with {JOBS} jobs of {PAUSE} s accepted or running, "
        "then start it again; by 2 workers.",
    )
    return [Section(title="Stopping and coming back", figures=figures, notes=notes, quick=scale.quick)]


def _spread(name: str, seconds: list[float], aim: str = "", limit: float | None = None) -> list[Figure]:
    middle, most = median(seconds), max(seconds)
    met = None if limit is None else most <= limit
    return [
        Figure(name=f"{name}, median of {len(seconds)}", value=middle * 1000, unit="ms"),
        Figure(name=f"{name}, longest", value=most * 1000, unit="ms", aim=aim, met=met),
    ]


def _stopped(what: str, seconds: list[float]) -> list[Figure]:
    return _spread(f"DELETE of {what}", seconds, f"<= {WITHIN:g} s", WITHIN)


def _deletions(server: Dragoman, process: str, count: int, *, settle: float) -> list[float]:
    """Seconds until the answer has come and the worker's pid is gone."""
    store, found = server.store(), []
    with Client(server.port) as client:
        for _ in range(count):
            job_id = client.submit(process)
            running = _running(store, job_id)
            if process == "sort":  # its numbers take a while to make
                wait_for(lambda job_id=job_id: store.get(job_id).progress > 0, 60, "it sorts")  # type: ignore[misc]
            time.sleep(settle)
            begun = time.perf_counter()
            status, body = client.delete(f"/jobs/{job_id}")
            assert running.worker is not None
            wait_for(lambda pid=running.worker.pid: gone(pid), 10, "its pid is gone")  # type: ignore[misc]
            found.append(time.perf_counter() - begun)
            if status != 200 or json.loads(body)["status"] != "dismissed":
                raise RuntimeError(f"DELETE was answered {status}: {body[:300]!r}")
    store.close()
    return found


def _slots(server: Dragoman, count: int) -> list[float]:
    """Seconds from the end of a dismissed job to the start of the one that waited for its slot."""
    store, found = server.store(), []
    with Client(server.port) as client:
        current = client.submit("loop")
        for _ in range(count):
            _running(store, current)
            following = client.submit("loop")
            client.delete(f"/jobs/{current}")
            started, ended = _running(store, following).started, store.get(current).finished
            assert started is not None
            assert ended is not None
            found.append((started - ended).total_seconds())
            current = following
        client.delete(f"/jobs/{current}")
    store.close()
    return found


def _running(store: SqlStore, job_id: str) -> Job:
    wait_for(lambda: store.get(job_id).status is JobStatus.RUNNING, 30, "the job runs")
    return store.get(job_id)


def _recovery(folder: Path, count: int) -> list[Figure]:
    ready, ended = [], []
    server = Dragoman(folder)
    with running(server):
        store = server.store()
        for _ in range(count):
            with Client(server.port) as client:
                jobs = [client.submit("echo", text="on", pause=PAUSE) for _ in range(JOBS)]
            _running(store, jobs[0])
            server.kill()
            begun = time.perf_counter()
            server.start()
            ready.append(time.perf_counter() - begun)
            wait_for(lambda: unfinished(store) == 0, 60, "every job has ended")
            ended.append(time.perf_counter() - begun)
            if any(store.get(job).status is not JobStatus.SUCCESSFUL for job in jobs):
                raise RuntimeError("not every job ended successful")
        store.close()
    name = f"start after SIGKILL with {JOBS} jobs"
    best = JOBS * PAUSE / 2
    return [
        Figure(name=f"{name}: ready", value=median(ready), unit="s"),
        Figure(
            name=f"{name}: all successful",
            value=median(ended),
            unit="s",
            other=best,
            versus="their own pauses",
        ),
    ]
