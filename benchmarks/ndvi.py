"""``ndvi`` end to end, against a bare script by the same windows and against whole arrays in memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.load import Client
from benchmarks.rasters import make_pair
from benchmarks.report import Figure, Scale, Section, median
from benchmarks.scripts.bare_ndvi import peak_memory
from benchmarks.servers import ROOT, Dragoman, running

from dragoman.model.job import JobQuery

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = ROOT / "benchmarks" / "scripts" / "bare_ndvi.py"
WITHIN = 1.15
"""Of the bare script's time."""
MEMORY = 600.0
"""MB of the worker at its peak."""
VARIANTS = {
    "windows": "bare script, same windows, same statistics",
    "raster-only": "bare script without statistics",
    "whole": "whole arrays in numpy",
}


@dataclass(slots=True)
class Cost:
    """What the runs of one variant took."""

    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)


def run(folder: Path, scale: Scale) -> list[Section]:
    """Time and peak memory of each, in turns."""
    size = scale.pick(10_000, 4_000)
    data = folder / "data"
    red, nir = make_pair(data, size)
    server = Dragoman(folder / "server", manager={"data_roots": [str(data)]})
    costs = {name: Cost() for name in ("dragoman", *VARIANTS)}
    with running(server):
        _ours(server, red, nir, Cost())  # warm: the worker, and the page cache for all
        for _ in range(scale.pick(5, 2)):
            _ours(server, red, nir, costs["dragoman"])
            for name in VARIANTS:
                _bare(name, red, nir, folder / "bare.tif", costs[name])
    _check(costs)
    megapixels = size * size / 1e6
    notes = (
        f"A generated pair of {size} x {size} (uint16, tiled, ZSTD, nodata): {megapixels:.0f} megapixels. dragoman: "
        "from POST to its answer (a warm worker; accepted, read, computed, written, recorded). The scripts: the "
        "computation alone, without the start of Python. Memory is the peak of resident memory.",
    )
    return [Section(title="NDVI, end to end", figures=_figures(costs), notes=notes, quick=scale.quick)]


def _figures(costs: dict[str, Cost]) -> list[Figure]:
    seconds, peak = median(costs["dragoman"].seconds), max(costs["dragoman"].megabytes)
    figures = []
    for name, versus in VARIANTS.items():
        other = median(costs[name].seconds)
        aimed = name == "windows"
        met = seconds <= WITHIN * other if aimed else None
        aim = f"<= {WITHIN}" if aimed else ""
        figures.append(
            Figure(name="time", value=seconds, unit="s", other=other, versus=versus, aim=aim, met=met)
        )
    for name, versus in VARIANTS.items():
        aimed = name == "windows"
        aim, met = (f"< {MEMORY:g} MB", peak < MEMORY) if aimed else ("", None)
        other = max(costs[name].megabytes)
        figures.append(
            Figure(name="peak memory", value=peak, unit="MB", other=other, versus=versus, aim=aim, met=met)
        )
    return figures


def _ours(server: Dragoman, red: Path, nir: Path, cost: Cost) -> None:
    body = {
        "inputs": {"red": {"href": red.as_uri()}, "nir": {"href": nir.as_uri()}},
        "outputs": {"ndvi": {"transmissionMode": "reference"}, "statistics": {"transmissionMode": "value"}},
        "response": "document",
    }
    with Client(server.port) as client:
        begun = time.perf_counter()
        status, answer = client.execute("ndvi", body)
        cost.seconds.append(time.perf_counter() - begun)
        if status != 200:
            raise RuntimeError(f"ndvi was answered {status}: {answer[:500]!r}")
        store = server.store()
        job = store.find(JobQuery(process_ids=("ndvi",), limit=1)).jobs[0]
        store.close()
        assert job.worker is not None
        cost.megabytes.append(peak_memory(job.worker.pid))
        cost.answer = json.loads(answer)["statistics"]
        client.delete(f"/jobs/{job.id}")


def _bare(name: str, red: Path, nir: Path, result: Path, cost: Cost) -> None:
    command = [sys.executable, str(SCRIPT), name, str(red), str(nir), str(result)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found = json.loads(done.stdout)
    cost.seconds.append(found["seconds"])
    cost.megabytes.append(found["megabytes"])
    cost.answer = found["statistics"]
    result.unlink()


def _check(costs: dict[str, Cost]) -> None:
    """What computed something else was not compared."""
    ours = costs["dragoman"].answer
    ours = ours.get("value", ours)
    for name in ("windows", "whole"):
        theirs = costs[name].answer
        for key in ("min", "max", "mean", "std", "valid_count"):
            if abs(ours[key] - theirs[key]) > 1e-5 * max(1.0, abs(theirs[key])):
                raise RuntimeError(f"{key} is {ours[key]} here, {theirs[key]} in the script '{name}'")
