"""A workflow of two large rasters against bare numexpr by windows: ``python -m benchmarks.flows SIDE FOLDER``.

apply ``x * 2 + 1``, mask where that is above 1500, add the second raster. Each run is a process of its own; prints
seconds, processor time and the peak of resident memory. SIDE is 20000 in the report.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

from dragoman.composition import FORMS
from dragoman.jobs.run_context import RunContext, ignore_progress
from dragoman.jobs.runner import load_program
from dragoman.model.resolved import ResolvedValue
from dragoman.packages.program import RunLimits
from dragoman.rasters.grids import Grid
from dragoman.rasters.opening import open_raster
from dragoman.rasters.windows import WindowWriter, each_window, windows_of
from dragoman.rasters.writing import create_geotiff, geotiff_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NODATA = -9999.0
BARE = "where((a == -9999) | (b == -9999) | (a * 2.0 + 1 > 1500), nan, a * 2.0 + 1 + b)"


def bind(source: str, value: Any) -> dict[str, Any]:
    return {"source": source, "node" if source == "dependency" else "input": value}


def node(id: str, task: str, **inputs: Any) -> dict[str, Any]:
    return {
        "id": id,
        "task": f"raster:{task}_by_expression" if task != "apply" else "raster:apply_expression",
        "inputs": inputs,
    }


WORKFLOW = {
    "meta": {"name": "Chain"},
    "inputs": [
        {"name": "a", "type": "array"},
        {"name": "b", "type": "list", "args": [[["array", [[""], {}]]], {}]},
    ],
    "workflow": [
        node("scale", "apply", array_in=bind("input", "a"), expression=bind("literal", "x * 2 + 1")),
        node(
            "clip",
            "mask",
            array_in=bind("dependency", ["scale", "array_out"]),
            expression=bind("literal", "x > 1500"),
        ),
        node(
            "total",
            "reduce",
            arrays_in=bind("input", "b"),
            expression=bind("literal", "x + y"),
            initial_array=bind("dependency", ["clip", "array_out"]),
        ),
    ],
    "outputs": [{"name": "out", "node": ["total", "array_out"]}],
}


def make(folder: Path, side: int) -> list[Path]:
    """Two rasters that look like heights, with a border without data."""
    paths = [folder / f"heights{number}-{side}.tif" for number in (0, 1)]
    grid = Grid(crs=CRS.from_epsg(32633), transform=Affine(10, 0, 3e5, 0, -10, 5e6), width=side, height=side)
    noise = np.random.default_rng(1)
    for number, path in enumerate(paths):
        if path.exists():
            continue
        with create_geotiff(path, geotiff_profile(grid, dtype="float32", nodata=NODATA)) as target:
            for top in range(0, side, 2048):
                rows = min(2048, side - top)
                y, x = np.arange(top, top + rows)[:, None], np.arange(side)[None, :]
                heights = 500 + 400 * np.sin(x / 900 + number) * np.cos(y / 700)
                values = np.round(heights + noise.normal(0, 3, (rows, side)), 1).astype("float32")
                values[:, :50] = NODATA
                target.write(values, 1, window=Window(0, top, side, rows))
    return paths


def flow(folder: Path, paths: list[Path]) -> Callable[[], object]:
    """The workflow, as a worker runs it; loaded, as it is in a worker that is kept warm."""
    process = FORMS["workflow"].load(Path(), "chain", {"definition": WORKFLOW, "label": "chain"})
    program = load_program(
        "chain", process.runtime, forms=FORMS, limits=RunLimits(), scratch=folder / "setup"
    )
    context = RunContext(job_id="", config={}, scratch=folder / "scratch", report=ignore_progress)
    values = {"a": [ResolvedValue(path=paths[0])], "b": [ResolvedValue(path=paths[1])]}
    return partial(program.run, values, context=context, folder=folder / "outputs", wanted=None)


def bare(folder: Path, paths: list[Path]) -> Callable[[], object]:
    """The same as one would write it by hand, with the same windows, threads and file."""
    import numexpr

    numexpr.set_num_threads(2)
    with open_raster(paths[0]) as dataset:
        grid = Grid.of(dataset)
    lock = threading.Lock()  # numexpr's machine is one for the process

    @contextmanager
    def handles() -> Iterator[list[Any]]:
        with ExitStack() as stack:
            yield [stack.enter_context(open_raster(path)) for path in paths]

    def run() -> None:
        with create_geotiff(
            folder / "bare.tif", geotiff_profile(grid, dtype="float64", nodata=math.nan)
        ) as target:
            writer = WindowWriter(target)

            def work(sources: list[Any], window: Window) -> None:
                a, b = (source.read(1, window=window) for source in sources)
                with lock:
                    total = numexpr.evaluate(BARE, local_dict={"a": a, "b": b, "nan": math.nan})
                writer.write(total, window, band=1)

            each_window(windows_of(grid.width, grid.height), handles, work, writer=writer)

    return run


def main() -> None:
    """Make the rasters and run both in turns; or one of them, named by a third argument."""
    side, folder = int(sys.argv[1]), Path(sys.argv[2])
    if len(sys.argv) > 3:
        paths = make(folder, side)
        if (
            sys.argv[3] == "make"
        ):  # in a process of its own: whoever is started by one of a high peak begins with that
            return
        run = {"flow": flow, "bare": bare}[sys.argv[3]](folder, paths)
        begun, busy = time.perf_counter(), time.process_time()
        run()
        figures = {
            "run": sys.argv[3],
            "seconds": round(time.perf_counter() - begun, 2),
            "processor": round(time.process_time() - busy, 2),
            "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        print(json.dumps(figures))
        return
    for name in ("make", *("bare", "flow") * 2):
        subprocess.run([sys.executable, "-m", "benchmarks.flows", *sys.argv[1:3], name], check=True)


if __name__ == "__main__":
    main()
