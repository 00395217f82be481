"""GET /processes, against pygeoapi's own, with the very same processes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.load import Client, in_turns, measure
from benchmarks.report import Figure, Scale, Section
from benchmarks.servers import HELLO, Dragoman, TinyDb, running

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES = 8


def run(folder: Path, scale: Scale) -> list[Section]:
    """p50 and p99 of the list, and of one description."""
    resources = {f"hello-{number}": dict(HELLO) for number in range(PROCESSES)}
    ours = Dragoman(folder / "ours", resources=resources)
    theirs = TinyDb(folder / "theirs", resources=resources)
    figures = []
    with running(ours, theirs):
        for path in ("/processes", "/processes/hello-1"):
            turns = {
                server: partial(measure, server.port, partial(_get, path), count=scale.pick(20, 10))
                for server in (ours, theirs)
            }
            for turn in turns.values():
                turn()  # warm
            found = in_turns(turns, scale.pick(24, 4))
            for name, percent in (("p50", 50), ("p99", 99)):
                mine, other = (found[s].p50 if percent == 50 else found[s].p99 for s in (ours, theirs))
                label = f"GET {path}, {name}"
                figures.append(
                    Figure(name=label, value=mine, unit="ms", other=other, versus="pygeoapi's own")
                )
    title = f"The list of {PROCESSES} processes (HelloWorld), as JSON"
    return [Section(title=title, figures=figures, quick=scale.quick)]


def _get(path: str, client: Client) -> int:
    return client.get(path)[0]
