"""A server that has what the recorded ncdjango had: its jobs, and its climate-service."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import requests
import xarray as xr
from flowkit import RECORDED, array, arrays, node, tmax, workflow
from harness import HANG, Server, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PACKAGES = RECORDED.parent / "packages"
CLASSIFIED = {"type": "classified", "colors": [[200, "#ff0000"], [400, "#00ff00"], [1000, "#0000ff"]]}
TASKS: Mapping[str, Any] = {
    "sum_numbers": {"type": "task", "task": "sum_numbers"},
    "fail": {"type": "task", "task": "fail"},
    "multiply_array": {"type": "task", "task": "multiply_array"},
}
PUBLISHED = {"publish_raster_results": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One exchange with the real server."""

    body: Any
    """Of the request; None: it had none, or no JSON."""
    status: int
    headers: Mapping[str, str]
    answer: Any


def recording(name: str) -> Recording:
    """An exchange by the name of its file."""
    text = (RECORDED / f"{name}.http").read_text()
    asked, _, answered = text.partition("\n")
    head, _, answer = answered.replace("\r", "").partition("\n\n")
    status, *lines = head.splitlines()
    words = shlex.split(asked.removeprefix("### ")) if "'" in asked else []
    body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
    return Recording(
        body=body,
        status=int(status.split()[1]),
        headers=dict(line.split(": ", 1) for line in lines),
        answer=json.loads(answer),
    )


def climate(path: Path) -> Path:
    """The recordings' climate.nc, with its three steps, written by its recipe (tests/data/recordings)."""
    steps = np.stack([tmax(step).filled(np.nan) for step in range(3)])
    zones = (np.arange(400).reshape(20, 20) // 100).astype("uint8")
    xr.Dataset(
        {"tmax": (("time", "lat", "lon"), steps), "zones": (("lat", "lon"), zones)},
        coords={
            "time": ("time", [0, 1, 2], {"units": "days since 2017-08-05"}),
            "lat": (
                "lat",
                39.75 - 0.5 * np.arange(20),
                {"units": "degrees_north", "standard_name": "latitude"},
            ),
            "lon": (
                "lon",
                -119.75 + 0.5 * np.arange(20),
                {"units": "degrees_east", "standard_name": "longitude"},
            ),
        },
    ).to_netcdf(path, engine="h5netcdf")
    return path


def long_workflow() -> Any:
    """Takes long of a large raster: a fold of many passes."""
    steps = [node("n0", "apply_expression", array_in="@x", expression="=x / max(x)")]
    steps += [
        node(f"n{i}", "apply_expression", array_in=f"n{i - 1}.array_out", expression="=x / max(x) + std(x)")
        for i in range(1, 200)
    ]
    return workflow([array()], steps, {"out": "n199.array_out"})


def long_fold(*names: str) -> Any:
    """One node that takes long of many large rasters, a fold of a pass or more each; of two names two such at once."""
    folds = [
        node(name, "reduce_by_expression", arrays_in="@arrays", expression="=x / max(x) + y / std(y)")
        for name in names
    ]
    return workflow([arrays()], folds, {name: f"{name}.array_out" for name in names})


def ncdjango_server(folder: Path, **more: Any) -> Server:
    """The server, not started; its data root is ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    climate(folder / "climate.nc")
    for name in ("map_reduce_workflow.json", "apply_expression.json"):
        (folder / name).write_text((RECORDED / name).read_text())
    long = {"long": long_workflow(), "long_node": long_fold("all"), "two_nodes": long_fold("left", "right")}
    for name, definition in long.items():
        (folder / f"{name}.json").write_text(json.dumps(definition))
    mask = workflow(
        [arrays()],
        [
            node("total", "reduce_by_expression", arrays_in="@arrays", expression="=x + y"),
            node("clip", "mask_by_expression", array_in="total.array_out", expression="=x > 1500"),
        ],
        {"clipped": "clip.array_out", "total": "total.array_out"},
    )
    (folder / "clip.json").write_text(json.dumps(mask))
    each = workflow(
        [arrays()],
        [node("each", "map_by_expression", arrays_in="@arrays", expression="=x * (i + 1)")],
        {"scaled": "each.arrays_out"},
    )
    (folder / "each.json").write_text(json.dumps(each))
    dataset = workflow(
        [{"name": "path", "type": "string"}, {"name": "variable", "type": "string"}],
        [
            node("load", "load_dataset", path="@path"),
            node("read", "array_from_dataset", dataset="load.dataset_out", variable="@variable"),
            node("step", "apply_expression", array_in="read.array_out", expression="=x[1]"),
        ],
        {"out": "step.array_out"},
    )
    (folder / "dataset.json").write_text(json.dumps(dataset))
    jobs = {
        **TASKS,
        "multiply_raster": {"type": "task", "task": "multiply_raster", **PUBLISHED},
        "multiply_raster_classified": {
            "type": "task",
            "task": "multiply_raster",
            "results_renderer": CLASSIFIED,
            **PUBLISHED,
        },
        "apply_expr": {"type": "task", "task": "raster:apply_expression", **PUBLISHED},
        "apply_expr_wf": {"type": "workflow", "path": str(folder / "apply_expression.json"), **PUBLISHED},
        "map_reduce": {"type": "workflow", "path": str(folder / "map_reduce_workflow.json"), **PUBLISHED},
        "each": {"type": "workflow", "path": str(folder / "each.json"), **PUBLISHED},
        "dataset": {"type": "workflow", "path": str(folder / "dataset.json")},
        "clip": {"type": "workflow", "path": str(folder / "clip.json")},
        **{name: {"type": "workflow", "path": str(folder / f"{name}.json")} for name in long},
    }
    services = {
        "climate-service": {"path": str(folder / "climate.nc"), "variables": {"tmax": None, "zones": None}}
    }
    manager = {
        "data_roots": [str(folder)],
        "dialects": {"ncdjango": {"jobs": jobs, "services": services}},
        **more,
    }
    packages = {path.name: {"package": str(path)} for path in PACKAGES.iterdir()}
    return Server(folder / "server", manager=manager, packages=packages)


class Client:
    """Speaks as ncdjango's clients do."""

    def __init__(self, server: Server) -> None:
        self.url = f"{server.url}/geoprocessing/rest/jobs/"

    def create(self, body: Any) -> requests.Response:
        return requests.post(self.url, json=body, timeout=HANG)

    def poll(self, uuid: str) -> Any:
        """The job once it has ended."""

        def ended() -> Any:
            answer = requests.get(f"{self.url}{uuid}/", timeout=HANG)
            assert answer.status_code == 200, answer.text
            document = answer.json()
            return document if document["status"] not in ("pending", "started") else None

        return wait_for(ended, f"job {uuid} ends")

    def run(self, job: str, **inputs: Any) -> Any:
        """A job from its start to its end."""
        answer = self.create({"job": job, "inputs": json.dumps(inputs)})
        assert answer.status_code == 201, answer.text
        return self.poll(answer.json()["uuid"])


def with_uuid(value: Any, recorded: str, ours: str) -> Any:
    """A recorded value with our job's id in place of the recorded one."""
    return json.loads(re.sub(recorded, ours, json.dumps(value)))
