"""Workflows in memory: loaded as the catalogue would, run as a worker would, without either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS

from dragoman.jobs.run_context import RunContext
from dragoman.jobs.runner import OUTPUTS, load_program
from dragoman.model.resolved import ResolvedValue
from dragoman.packages.forms import BUILT_IN
from dragoman.packages.program import RunLimits
from dragoman.rasters.raster import Raster
from dragoman.rasters.writing import write_raster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.model.job import Output
    from dragoman.model.process import Process

FORMS = BUILT_IN.plus(workflow="dragoman.packages.workflow.form:WORKFLOW")
RECORDED = Path(__file__).parents[1] / "adapters" / "ncdjango" / "recorded"
GRID = Affine(0.5, 0, -120, 0, -0.5, 40)
"""Of the recordings' 20 x 20 cells: 120 to 110 degrees west, 30 to 40 north."""


def recorded(name: str) -> dict[str, Any]:
    """A workflow of the recordings."""
    document: dict[str, Any] = json.loads((RECORDED / name).read_text())
    return document


def array(name: str = "x") -> dict[str, Any]:
    return {"name": name, "type": "array"}


def arrays(name: str = "arrays") -> dict[str, Any]:
    return {"name": name, "type": "list", "args": [[["array", [[""], {}]]], {}]}


def of(source: str) -> dict[str, Any]:
    """A parameter: ``@name`` is an input, ``node.output`` another node's, ``=text`` a literal."""
    if source.startswith("@"):
        return {"source": "input", "input": source[1:]}
    if source.startswith("="):
        return {"source": "literal", "input": source[1:]}
    return {"source": "dependency", "node": source.split(".")}


def node(id: str, task: str, **inputs: Any) -> dict[str, Any]:
    bindings = {name: of(each) if isinstance(each, str) else each for name, each in inputs.items()}
    return {"id": id, "task": f"raster:{task}", "inputs": bindings}


def workflow(
    inputs: Sequence[Any], nodes: Sequence[Any], outputs: Mapping[str, str], name: str = "Test"
) -> dict[str, Any]:
    return {
        "meta": {"name": name, "description": "made for a test"},
        "inputs": list(inputs),
        "workflow": list(nodes),
        "outputs": [{"name": key, "node": value.split(".")} for key, value in outputs.items()],
    }


def apply(expression: str) -> dict[str, Any]:
    """One node that applies an expression to one array, ``x``."""
    return workflow(
        [array()],
        [node("a", "apply_expression", array_in="@x", expression=f"={expression}")],
        {"out": "a.array_out"},
    )


def loaded(definition: Any, folder: Path | None = None, id: str = "flow") -> Process:
    options = {"definition": definition, "folder": str(folder or ""), "label": f"{id}.json"}
    return FORMS["workflow"].load(Path(), id, options)


def geotiff(path: Path, values: Any, transform: Affine = GRID, nodata: float | None = None) -> Path:
    """Cells at the recordings' place; those that are masked are nodata."""
    crs = CRS.from_epsg(4326)
    write_raster(path, Raster(array=np.ma.asanyarray(values), transform=transform, crs=crs, nodata=nodata))
    return path


def tmax(step: int) -> np.ma.MaskedArray[Any, np.dtype[Any]]:
    """The recordings' variable: cell i is i + 1000 step, and the first five are masked."""
    values = np.arange(400, dtype="float32").reshape(20, 20) + 1000 * step
    return np.ma.array(values, mask=np.arange(400).reshape(20, 20) < 5)


class Run:
    """One run of a workflow, and what it has told."""

    def __init__(self, process: Process, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.reports: list[tuple[int, str]] = []

    def outputs(self, wanted: Sequence[str] | None = None, **inputs: Any) -> Mapping[str, Output]:
        """Inputs are paths, other values, or lists of such."""
        values = {
            name: [
                ResolvedValue(path=each) if isinstance(each, Path) else ResolvedValue(value=each)
                for each in (value if isinstance(value, list) else [value])
            ]
            for name, value in inputs.items()
        }
        program = load_program(
            self.process.id,
            self.process.runtime,
            forms=FORMS,
            limits=RunLimits(),
            scratch=self.folder / "setup",
        )
        context = RunContext(
            job_id="job",
            config={},
            scratch=self.folder / "scratch",
            report=lambda percent, message: self.reports.append((percent, message)),
            outputs=list(self.process.outputs),
        )
        return program.run(values, context=context, folder=self.folder / OUTPUTS, wanted=wanted)

    def raster(self, output: Output) -> np.ma.MaskedArray[Any, np.dtype[Any]]:
        """The first band of an output, masked."""
        assert output.file is not None
        with rasterio.open(self.folder / OUTPUTS / output.file) as dataset:
            assert dataset.crs == CRS.from_epsg(4326)
            assert dataset.transform == GRID
            band = dataset.read(1, masked=True)
        return np.ma.masked_invalid(band) if band.dtype.kind == "f" else band
