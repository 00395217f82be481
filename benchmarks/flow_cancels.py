"""How soon a workflow ends that is cancelled: ``python -m benchmarks.flow_cancels [RUNS]``, on a quiet machine.

A node that folds 60 rasters of 6000 x 6000, and two such nodes at once. RUNS of each (10); seconds from the DELETE
until its answer has come, the job is dismissed and the worker process has ended.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from benchmarks.load import Client
from benchmarks.servers import Dragoman, gone, running, wait_for

from dragoman.model.status import JobStatus

SIDE = 6000
MANY = 60
NODES = {"one": ("all",), "two": ("left", "right")}


def fold(*names: str) -> Any:
    """A workflow of nodes that each fold the whole list."""
    inputs = {
        "arrays_in": {"source": "input", "input": "arrays"},
        "expression": {"source": "literal", "input": "x / max(x) + y / std(y)"},
    }
    return {
        "meta": {"name": "Fold"},
        "inputs": [{"name": "arrays", "type": "list", "args": [[["array", [[""], {}]]], {}]}],
        "workflow": [{"id": n, "task": "raster:reduce_by_expression", "inputs": inputs} for n in names],
        "outputs": [{"name": n, "node": [n, "array_out"]} for n in names],
    }


def server_of(folder: Path) -> Dragoman:
    """A server with both workflows, and a raster for them."""
    values = np.random.default_rng(1).random((SIDE, SIDE), dtype="float32")
    profile: Any = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "float32"}
    placed = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 3e5, 0, -10, 5e6)}
    with rasterio.open(folder / "large.tif", "w", **profile, **placed, tiled=True) as dataset:
        dataset.write(values, 1)
    jobs = {}
    for name, nodes in NODES.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(fold(*nodes)), "utf-8")
        jobs[name] = {"type": "workflow", "path": str(path)}
    manager = {"data_roots": [str(folder)], "dialects": {"ncdjango": {"jobs": jobs}}}
    return Dragoman(folder / "server", manager=manager)


def cancelled(server: Dragoman, process: str, raster: Path) -> float:
    """Seconds that it took to cancel one run, with all its nodes at work."""
    store = server.store()
    with Client(server.port) as client:
        job_id = client.submit(process, arrays=[{"href": raster.as_uri()}] * MANY)
        working: set[str] = set()

        def at_work() -> bool:
            working.add((store.get(job_id).message or "").partition(": ")[0])
            return working >= set(NODES[process])

        wait_for(at_work, 60, "all nodes are at work")
        worker = store.get(job_id).worker
        assert worker is not None
        begun = time.perf_counter()
        client.delete(f"/jobs/{job_id}")
        wait_for(lambda: store.get(job_id).status is JobStatus.DISMISSED, 60, "it is dismissed")
        wait_for(lambda: gone(worker.pid), 60, "its worker has ended")
        taken = time.perf_counter() - begun
    store.close()
    return taken


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = server_of(folder)
        with running(server):
            for process in NODES:
                seconds = [cancelled(server, process, folder / "large.tif") for _ in range(runs)]
                figures = [round(each(seconds), 3) for each in (min, statistics.median, max)]
                print(process, dict(zip(("min", "median", "max"), figures, strict=True)), flush=True)


if __name__ == "__main__":
    main()
