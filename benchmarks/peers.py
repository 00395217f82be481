"""The raster and NetCDF processes beside what their users would take instead: CDO, GDAL's tools, exactextract.

dragoman is measured from POST to its answer by a warm worker; a peer from its start to its end, by threads as many as
dragoman has. What is not installed here is skipped, and said.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from benchmarks.load import Client
from benchmarks.rasters import make_pair, make_series, make_zones
from benchmarks.report import Figure, Scale, Section
from benchmarks.scripts.bare_ndvi import peak_memory
from benchmarks.servers import PACKAGED, ROOT, Dragoman, running

from dragoman.jobs.input_hashes import SETTLED
from dragoman.model.job import JobQuery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ZONES = ROOT / "benchmarks" / "scripts" / "own_exactextract.py"
MEMORY = 600.0
"""MB of the worker at its peak."""
CREATION = ("-co", "TILED=YES", "-co", "COMPRESS=ZSTD", "-co", "ZSTD_LEVEL=1", "-co", "PREDICTOR=2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One thing done by both."""

    title: str
    process: str
    inputs: Mapping[str, Any]
    output: str
    peer: str
    command: Sequence[str]
    aimed: bool = False
    """Whether dragoman is to be the faster one."""

    @property
    def installed(self) -> bool:
        """Whether the peer is there."""
        return shutil.which(self.command[0]) is not None


def run(folder: Path, scale: Scale) -> list[Section]:
    """Time of each, in turns; the least of a few."""
    data = folder / "data"
    pairs = [*_series_pairs(data, scale), *_raster_pairs(data, scale)]
    _rest(data, scale)
    resources = {
        name: {"type": "process", "processor": {"name": PACKAGED, "package": str(ROOT / "processes" / name)}}
        for name in dict.fromkeys(pair.process for pair in pairs)
    }
    server = Dragoman(folder / "server", resources=resources, manager={"data_roots": [str(data)]})
    figures: list[Figure] = []
    missing: list[str] = []
    with running(server):
        for pair in pairs:
            if pair.installed:
                figures += _measured(server, pair, folder, scale.pick(5, 1))
            elif pair.peer not in missing:
                missing.append(pair.peer)
    notes = [
        "Least time of a few, in turns. dragoman: from POST to its answer, a warm worker. The peers: the command, its "
        "start included; exactextract: the call alone, without the start of Python.",
        *(f"{peer}: not installed, skipped." for peer in missing),
    ]
    return [Section(title="Processes beside their peers", figures=figures, notes=notes, quick=scale.quick)]


def _rest(data: Path, scale: Scale) -> None:
    """Wait until the files are so old that a worker remembers their hashes: most that people calculate with are."""
    youngest = max(path.stat().st_ctime for path in data.rglob("*"))
    time.sleep(scale.pick(max(0.0, youngest + SETTLED + 1 - time.time()), 0.0))


def _series_pairs(data: Path, scale: Scale) -> list[Pair]:
    """reduce-dimension beside CDO: 1.9 GiB of float32, contiguous and deflated."""
    shape = scale.pick((480, 721, 1440), (48, 361, 720))
    pairs = []
    for name, deflated in (("contiguous", False), ("deflated", True)):
        path = make_series(data / f"{name}.nc", shape, deflated=deflated)
        for method, operator in (("mean", "timmean"), ("max", "timmax")):
            inputs = {"dataset": {"href": path.as_uri()}, "variable": "t2m", "method": method}
            command = ["cdo", "-s", "-P", "2", operator, str(path), "{result}.nc"]
            title = f"{method} over time of {path.stat().st_size / 2**30:.2g} GiB, {name}"
            pairs.append(
                Pair(
                    title=title,
                    process="reduce-dimension",
                    inputs=inputs,
                    output="result",
                    peer=f"cdo -P 2 {operator}",
                    command=command,
                    aimed=True,
                )
            )
    return pairs


def _raster_pairs(data: Path, scale: Scale) -> list[Pair]:
    size = scale.pick(10_000, 2_000)
    red, nir = make_pair(data / "rasters", size)
    zones = make_zones(data / "zones.json", size)
    warp = ["gdalwarp", "-q", "-overwrite", "-multi", "-wo", "NUM_THREADS=2", "-r", "bilinear", *CREATION]
    calculator = ["gdal_calc.py", "--quiet", "--overwrite", "-A", str(red), "-B", str(nir)]
    formula = "--calc=(B.astype(float32)-A)/(B.astype(float32)+A)"
    return [
        Pair(
            title=f"reproject {size} x {size}, bilinear, UTM to EPSG:3857",
            process="reproject",
            inputs={"raster": {"href": red.as_uri()}, "crs": "EPSG:3857", "resampling": "bilinear"},
            output="raster",
            peer="gdalwarp -multi, 2 threads",
            command=[*warp, "-t_srs", "EPSG:3857", str(red), "{result}.tif"],
        ),
        Pair(
            title=f"calculator {size} x {size}, (r2 - r1) / (r2 + r1)",
            process="raster-calculator",
            inputs={
                "rasters": [{"href": red.as_uri()}, {"href": nir.as_uri()}],
                "expression": "(r2 - r1) / (r2 + r1)",
            },
            output="result",
            peer="gdal_calc",
            command=[*calculator, "--type=Float32", formula, "--outfile={result}.tif", *_creation_words()],
        ),
        Pair(
            title=f"zonal statistics {size} x {size}, 100 zones",
            process="zonal-statistics",
            inputs={
                "raster": {"href": red.as_uri()},
                "zones": {"href": zones.as_uri(), "type": "application/geo+json"},
                "statistics": ["count", "mean", "max"],
            },
            output="zones",
            peer="exactextract in Python",
            command=[sys.executable, str(ZONES), str(red), str(zones)],
        ),
    ]


def _creation_words() -> list[str]:
    return [f"--co={option}" for option in CREATION[1::2]]


def _measured(server: Dragoman, pair: Pair, folder: Path, times: int) -> list[Figure]:
    _ours(server, pair)  # warm: the worker, and the page cache for both
    ours, theirs, megabytes = [], [], []
    for _ in range(times):
        seconds, peak = _ours(server, pair)
        ours.append(seconds)
        megabytes.append(peak)
        theirs.append(_peer(pair, folder / "peer"))
    met = min(ours) <= min(theirs) if pair.aimed else None
    figures = [
        Figure(
            name=pair.title,
            value=min(ours),
            unit="s",
            other=min(theirs),
            versus=pair.peer,
            aim="<= 1" if pair.aimed else "",
            met=met,
        )
    ]
    if pair.aimed:
        peak = max(megabytes)
        aim = f"< {MEMORY:g} MB"
        figures.append(Figure(name="peak memory", value=peak, unit="MB", aim=aim, met=peak < MEMORY))
    return figures


def _ours(server: Dragoman, pair: Pair) -> tuple[float, float]:
    """Seconds, and the worker's peak of resident memory in MB."""
    body = {
        "inputs": dict(pair.inputs),
        "outputs": {pair.output: {"transmissionMode": "reference"}},
        "response": "document",
    }
    with Client(server.port) as client:
        begun = time.perf_counter()
        status, answer = client.execute(pair.process, body)
        seconds = time.perf_counter() - begun
        if status != 200:
            raise RuntimeError(f"{pair.process} was answered {status}: {answer[:500]!r}")
        store = server.store()
        job = store.find(JobQuery(process_ids=(pair.process,), limit=1)).jobs[0]
        store.close()
        assert job.worker is not None
        peak = peak_memory(job.worker.pid)
        client.delete(f"/jobs/{job.id}")
    return seconds, peak


def _peer(pair: Pair, result: Path) -> float:
    command = [part.replace("{result}", str(result)) for part in pair.command]
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    seconds = time.perf_counter() - begun
    for path in result.parent.glob(f"{result.name}.*"):
        path.unlink()
    try:
        told: dict[str, float] = json.loads(done.stdout)
    except ValueError:
        return seconds
    return float(np.float64(told["seconds"]))
