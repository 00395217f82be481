"""A trivial PESTO process: served by dragoman, and by the real PESTO service (processing-factory) beside it.

PESTO lives in an environment of its own, ``.venv-pesto`` or DRAGOMAN_PESTO_VENV; without it there is nothing to
compare with.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.load import Client, Sample, in_turns, measure
from benchmarks.report import Figure, Scale, Section
from benchmarks.servers import PACKAGED, ROOT, Dragoman, Server, running

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = ROOT / "benchmarks" / "projects" / "hello"
BODY = json.dumps({"name": "benchmark"}).encode()
JSON: Mapping[str, str] = {"Content-Type": "application/json"}
CLIENTS = (1, 8)
SECONDS = 3.0
"""Of one turn at most."""
FASTER = 2.0
"""How many times as fast dragoman is to be with 8 clients at least."""


class RealPesto(Server):
    """The real service, under uvicorn, by its own code."""

    def __init__(self, folder: Path) -> None:
        self.python = environment() / "bin" / "python"
        super().__init__(folder, "PESTO", ready="/api/v1/health", environment={})

    def command(self) -> list[str]:
        """See Server."""
        script = ROOT / "benchmarks" / "scripts" / "real_pesto.py"
        return [str(self.python), str(script), str(PROJECT), str(self.folder), str(self.port)]


def environment() -> Path:
    """Where PESTO is installed; raises FileNotFoundError."""
    found = Path(os.environ.get("DRAGOMAN_PESTO_VENV") or ROOT / ".venv-pesto")
    if not (found / "bin" / "pesto").is_file():
        raise FileNotFoundError(f"PESTO is not in {found}; `make test` installs it")
    return found


def run(folder: Path, scale: Scale) -> list[Section]:
    """1 and 8 clients, in turns."""
    ours, theirs = _ours(folder / "ours"), RealPesto(folder / "theirs")
    figures: list[Figure] = []
    with running(ours, theirs):
        for server in (ours, theirs):
            measure(server.port, _process, count=50)
        for clients in CLIENTS:
            count = scale.pick(600, 120) * clients
            turns = {
                name: partial(
                    measure,
                    server.port,
                    _process,
                    count=count,
                    clients=clients,
                    seconds=scale.pick(SECONDS, 1.0),
                )
                for name, server in (("ours", ours), ("theirs", theirs))
            }
            found = in_turns(turns, scale.pick(6, 2))
            figures += _figures(clients, found["ours"], found["theirs"])
    notes = (
        "One process of the web server each (gunicorn, uvicorn), connections kept alive; dragoman runs 2 jobs at "
        "once. A refused request of the real service (429: it takes one at a time) is repeated by nobody and counts "
        "in no time.",
    )
    title = "A trivial PESTO process, against the real PESTO service"
    return [Section(title=title, figures=figures, notes=notes, quick=scale.quick)]


def _ours(folder: Path) -> Dragoman:
    hello = {"type": "process", "processor": {"name": PACKAGED, "package": str(PROJECT)}}
    manager = {"dialects": {"pesto": {"default_process": "hello"}}}
    return Dragoman(folder, resources={"hello": hello}, manager=manager)


def _figures(clients: int, mine: Sample, other: Sample) -> list[Figure]:
    name, versus = f"{clients} client{'s' if clients > 1 else ''}", "the real PESTO"
    least = 1.0 if clients == 1 else FASTER
    rate = Figure(
        name=f"{name}: rate",
        value=mine.rate,
        unit="/s",
        other=other.rate,
        versus=versus,
        aim=f">= {least:g} times",
        met=mine.rate >= least * other.rate,
    )
    times = [
        Figure(name=f"{name}: {word}", value=a, unit="ms", other=b, versus=versus)
        for word, a, b in (("p50", mine.p50, other.p50), ("p99", mine.p99, other.p99))
    ]
    refused = [_refused(sample) for sample in (mine, other)]
    share = Figure(
        name=f"{name}: refused", value=refused[0], unit="%", other=refused[1], versus=f"{versus} (429)"
    )
    return [rate, *times, share]


def _refused(sample: Sample) -> float:
    """Per cent of the requests that were answered with anything but success."""
    return 100 * sample.failed / max(1, sample.failed + len(sample.latencies))


def _process(client: Client) -> int:
    return client.post("/api/v1/process", BODY, JSON)[0]
