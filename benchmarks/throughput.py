"""Many asynchronous jobs from several clients: how fast they are accepted, and how fast all have ended."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from benchmarks.filling import fill_tinydb, tinydb_unfinished
from benchmarks.load import ASYNC, Client, measure
from benchmarks.report import Figure, Scale, Section, median
from benchmarks.servers import Dragoman, TinyDb, running, unfinished, wait_for

from dragoman.model.job import JobQuery
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from pathlib import Path

CLIENTS = 8
PATIENCE = 60.0
"""Seconds for one turn."""


def run(folder: Path, scale: Scale) -> list[Section]:
    """1000 jobs each time for dragoman; fewer for TinyDB, whose time for one grows with their number."""
    count, few = scale.pick((1000, 200), (200, 50))
    ours, theirs = Dragoman(folder / "ours"), TinyDb(folder / "theirs")
    mine, other = [], []
    with running(ours, theirs):
        for _ in range(scale.pick(3, 1)):
            mine.append(_ours(ours, count))
            other.append(_theirs(theirs, few))
    versus = f"TinyDB manager, {few} jobs"
    pairs = zip(("accepted", "successful"), zip(*mine, strict=True), zip(*other, strict=True), strict=True)
    figures = [
        Figure(name=f"{count} jobs: {word}", value=median(a), unit="jobs/s", other=median(b), versus=versus)
        for word, a, b in pairs
    ]
    notes = (
        f"{CLIENTS} clients; from the first submission to the last acceptance, and to the last success.",
    )
    return [Section(title="Throughput of asynchronous jobs", figures=figures, notes=notes, quick=scale.quick)]


def _ours(server: Dragoman, count: int) -> tuple[float, float]:
    store = server.store()
    before = store.counts()[JobStatus.SUCCESSFUL]
    begun = time.perf_counter()
    sample = measure(server.port, _submit, count=count, clients=CLIENTS, seconds=PATIENCE)
    accepted = time.perf_counter() - begun
    wait_for(lambda: unfinished(store) == 0, PATIENCE, "every job has ended")
    ended = time.perf_counter() - begun
    done = store.counts()[JobStatus.SUCCESSFUL] - before
    listed = store.find(JobQuery(statuses=(JobStatus.SUCCESSFUL,), limit=count)).jobs
    store.close()
    if sample.failed or done != count or len({job.id for job in listed}) != count:
        raise RuntimeError(f"{count} jobs were submitted, {sample.failed} refused, {done} ended successful")
    return count / accepted, count / ended


def _theirs(server: TinyDb, count: int) -> tuple[float, float]:
    fill_tinydb(server.database, "hello-world", 0)
    begun = time.perf_counter()
    sample = measure(server.port, _submit, count=count, clients=CLIENTS, seconds=PATIENCE / 2)
    accepted = time.perf_counter() - begun
    with suppress(TimeoutError):
        wait_for(lambda: tinydb_unfinished(server.database) == 0, PATIENCE / 2, "every job has ended")
    ended = time.perf_counter() - begun
    jobs = json.loads(server.database.read_text("utf-8") or "{}").get("_default", {}).values()
    done = sum(job["status"] == "successful" for job in jobs)
    return len(sample.latencies) / accepted, done / ended


def _submit(client: Client) -> int:
    return client.execute("hello-world", {"inputs": {"name": "benchmark"}}, ASYNC)[0]
