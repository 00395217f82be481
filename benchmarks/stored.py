"""Whether anything slows down with the number of stored jobs: servers with more and more of them, in turns."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.filling import fill
from benchmarks.load import ASYNC, Client, Sample, in_turns, measure
from benchmarks.report import Figure, Scale, Section
from benchmarks.servers import Dragoman, running, unfinished, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FLAT = 1.25
"""Of the time with none stored: what still counts as flat."""


def run(folder: Path, scale: Scale) -> list[Section]:
    """Sync calls, submissions, one job, and pages of the list."""
    levels = scale.pick((0, 1000, 10_000, 100_000), (0, 10_000))
    servers = {level: Dragoman(folder / str(level), manager={"workers": 1}) for level in levels}
    with running(*servers.values()):
        for level, server in servers.items():
            fill(server, "echo", {"text": "stored"}, level)
        found = {name: _each(servers, name, scale) for name in REQUESTS}
    figures = [
        _figure(name, level, sample, by_level[0])
        for name, by_level in found.items()
        for level, sample in by_level.items()
    ]
    notes = (
        f"Flat is: p50 within {FLAT} of the one with no stored job, by a server of its own, asked in turns.",
    )
    return [Section(title="Stored jobs", figures=figures, notes=notes, quick=scale.quick)]


def _figure(name: str, level: int, sample: Sample, first: Sample) -> Figure:
    name = f"{name}, {level} stored"
    if level == 0:
        return Figure(name=name, value=sample.p50, unit="ms")
    met = sample.p50 <= FLAT * first.p50
    return Figure(
        name=name, value=sample.p50, unit="ms", other=first.p50, versus="0 stored", aim=f"<= {FLAT}", met=met
    )


def _each(servers: dict[int, Dragoman], name: str, scale: Scale) -> dict[int, Sample]:
    request = REQUESTS[name]
    count, rounds = scale.pick(20, 10), scale.pick(24, 8)
    with ExitStack() as stack:
        turns = {}
        for level, server in servers.items():
            store = server.store()
            stack.callback(store.close)
            job_id = _some_job(server)
            turns[level] = partial(_turn, server, partial(request, job_id), count)
            turns[level]()  # warm
            wait_for(partial(lambda store: unfinished(store) == 0, store), 60, "every job has ended")
        return in_turns(turns, rounds)


def _turn(server: Dragoman, request: Callable[[Client], int], count: int) -> Sample:
    sample = measure(server.port, request, count=count)
    store = server.store()
    wait_for(lambda: unfinished(store) == 0, 60, "every job has ended")
    store.close()
    return sample


def _some_job(server: Dragoman) -> str:
    with Client(server.port) as client:
        return client.submit("echo", text="one")


def _sync(_job_id: str, client: Client) -> int:
    return client.execute("echo", {"inputs": {"text": "benchmark"}})[0]


def _submit(_job_id: str, client: Client) -> int:
    return client.execute("echo", {"inputs": {"text": "benchmark"}}, ASYNC)[0]


def _job(job_id: str, client: Client) -> int:
    return client.get(f"/jobs/{job_id}")[0]


def _jobs(_job_id: str, client: Client) -> int:
    return client.get("/jobs?limit=10")[0]


def _jobs_of_a_state(_job_id: str, client: Client) -> int:
    return client.get("/jobs?limit=10&status=successful")[0]


def _jobs_of_a_process(_job_id: str, client: Client) -> int:
    return client.get("/jobs?limit=10&processID=echo")[0]


REQUESTS: dict[str, Callable[[str, Client], int]] = {
    "sync echo": _sync,
    "async submission": _submit,
    "GET /jobs/{id}": _job,
    "GET /jobs?limit=10": _jobs,
    "GET /jobs?limit=10&status=successful": _jobs_of_a_state,
    "GET /jobs?limit=10&processID=echo": _jobs_of_a_process,
}
