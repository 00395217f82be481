"""How long a client waits: against pygeoapi's own TinyDB manager, and against the same call without a job."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.filling import fill, fill_tinydb, tinydb_unfinished
from benchmarks.load import ASYNC, Client, Sample, in_turns, measure
from benchmarks.report import Figure, Scale, Section
from benchmarks.scripts import in_process_app
from benchmarks.servers import Dragoman, TinyDb, in_process, running, same_stack, unfinished, wait_for

if TYPE_CHECKING:
    from pathlib import Path

HELLO: Mapping[str, Any] = {"inputs": {"name": "benchmark"}}
ECHO: Mapping[str, Any] = {"inputs": {"text": "benchmark"}}
WITHIN = 2.0
"""Milliseconds that the durable job may cost a synchronous call."""
SECONDS = 2.5
"""Of one turn at most: TinyDB's requests take up to seconds each."""

type Turns = Mapping[str, Callable[[], Sample]]


def run(folder: Path, scale: Scale) -> list[Section]:
    """Both comparisons."""
    return [_in_process(folder, scale), *_tinydb(folder, scale)]


def _in_process(folder: Path, scale: Scale) -> Section:
    ours, bare = Dragoman(folder / "ours"), in_process(folder / "bare")
    same = same_stack(folder / "same")
    with running(ours, bare, same):
        for server in (ours, bare, same):
            measure(server.port, _echo, count=50)
        count, rounds = scale.pick(25, 10), scale.pick(48, 9)
        turns = {
            "sync": partial(measure, ours.port, _echo, count=count),
            "bare": partial(measure, bare.port, _echo, count=count),
            "same": partial(measure, same.port, _echo, count=count),
            "livez": partial(measure, ours.port, _livez, count=count),
            "bare livez": partial(measure, bare.port, _livez, count=count),
            "call": partial(_calls, count),
        }
        found = in_turns(turns, rounds)
    note = (
        "A client of its own connection; the comparison calls the same algorithm in the web server's process: of a "
        "bare Flask application, or of dragoman's own, whose guards, validation and answers are the same. What the "
        "durable job adds is the difference to that."
    )
    return Section(title="A synchronous call", figures=_added(found), notes=(note,), quick=scale.quick)


def _added(found: Mapping[str, Sample]) -> list[Figure]:
    over = found["sync"].p50 - found["same"].p50
    return [
        _versus("sync echo, p50", found["sync"].p50, found["bare"].p50, "in-process Flask"),
        _versus("sync echo, p99", found["sync"].p99, found["bare"].p99, "in-process Flask"),
        _versus("sync echo, p50", found["sync"].p50, found["same"].p50, "the same web stack, in process"),
        _versus("sync echo, p99", found["sync"].p99, found["same"].p99, "the same web stack, in process"),
        Figure(
            name="what the durable job adds, p50",
            value=over,
            unit="ms",
            aim=f"<= {WITHIN} ms",
            met=over <= WITHIN,
        ),
        _versus("GET /livez, p50", found["livez"].p50, found["bare livez"].p50, "in-process Flask"),
        Figure(name="the algorithm called as a function, p50", value=found["call"].p50, unit="ms"),
    ]


def _versus(name: str, value: float, other: float, versus: str, unit: str = "ms") -> Figure:
    return Figure(name=name, value=value, unit=unit, other=other, versus=versus)


def _calls(count: int) -> Sample:
    sample = Sample()
    for _ in range(count):
        start = time.perf_counter()
        in_process_app.echo.run(**ECHO["inputs"], context=in_process_app.context)
        sample.latencies.append((time.perf_counter() - start) * 1000)
    sample.rates.append(0.0)
    return sample


def _tinydb(folder: Path, scale: Scale) -> list[Section]:
    sections = []
    for stored in scale.pick((0, 100, 1000, 5000), (0, 1000)):
        ours, theirs = Dragoman(folder / f"ours-{stored}"), TinyDb(folder / f"theirs-{stored}")
        with running(ours, theirs):
            fill(ours, "hello-world", {"name": "benchmark"}, stored)
            figures = _compare(ours, theirs, stored, scale)
        title = f"HelloWorld with {stored} stored jobs, against pygeoapi's TinyDB manager"
        notes = (
            "Both under gunicorn (gthread, 1 process, 16 threads, connections kept alive). TinyDB's file lock is "
            "polled: of several clients one gets through while the others wait, so its p50 speaks for the lucky.",
        )
        sections.append(Section(title=title, figures=figures, notes=notes, quick=scale.quick))
    return sections


def _compare(ours: Dragoman, theirs: TinyDb, stored: int, scale: Scale) -> list[Figure]:
    figures = []
    rounds = scale.pick(4, 2)
    seconds = scale.pick(SECONDS, 1.5)
    versus = "TinyDB manager"
    for clients in (1, 8):
        found = in_turns(_sync_turns(ours, theirs, stored, clients, seconds), rounds)
        mine, other = found["ours"], found["theirs"]
        name = f"sync, {clients} client{'s' if clients > 1 else ''}"
        figures += [
            _versus(f"{name}: p50", mine.p50, other.p50, versus),
            _versus(f"{name}: p99", mine.p99, other.p99, versus),
            _versus(f"{name}: rate", mine.rate, other.rate, versus, "/s"),
        ]
        if mine.failed or other.failed:
            figures.append(_versus(f"{name}: failed requests", mine.failed, other.failed, versus, ""))
    found = in_turns(_submit_turns(ours, theirs, stored, seconds), scale.pick(3, 1))
    figures.append(
        _versus("async submissions, 1 client", found["ours"].rate, found["theirs"].rate, versus, "/s")
    )
    return figures


def _sync_turns(ours: Dragoman, theirs: TinyDb, stored: int, clients: int, seconds: float) -> Turns:
    count = 60 if clients == 1 else 120

    def tinydb() -> Sample:
        fill_tinydb(theirs.database, "hello-world", stored)
        return measure(theirs.port, _hello, count=count, clients=clients, seconds=seconds)

    return {
        "ours": partial(measure, ours.port, _hello, count=count, clients=clients, seconds=seconds),
        "theirs": tinydb,
    }


def _submit_turns(ours: Dragoman, theirs: TinyDb, stored: int, seconds: float) -> Turns:
    store = ours.store()

    def dragoman() -> Sample:
        sample = measure(ours.port, _submit, count=100, seconds=seconds)
        wait_for(lambda: unfinished(store) == 0, 60, "every job has ended")
        return sample

    def tinydb() -> Sample:
        fill_tinydb(theirs.database, "hello-world", stored)
        sample = measure(theirs.port, _submit, count=30, seconds=seconds)
        with suppress(TimeoutError):  # it may take minutes; what is left is forgotten with the next file
            wait_for(lambda: tinydb_unfinished(theirs.database) == 0, 15, "every job has ended")
        return sample

    return {"ours": dragoman, "theirs": tinydb}


def _hello(client: Client) -> int:
    return client.execute("hello-world", HELLO)[0]


def _submit(client: Client) -> int:
    return client.execute("hello-world", HELLO, ASYNC)[0]


def _echo(client: Client) -> int:
    return client.execute("echo", ECHO)[0]


def _livez(client: Client) -> int:
    return client.get("/livez")[0]
