"""The jobs that ncdjango's clients may start, as the operator registers them (NC_REGISTERED_JOBS)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dragoman.config.file import shown
from dragoman.config.values import Section
from dragoman.errors import InvalidRenderer
from dragoman.maps.renderers import parse_renderer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.model.process import JSON
    from dragoman.model.renderer import Renderer

KEYS: Final = ("type", "task", "path", "publish_raster_results", "results_renderer")
TYPES: Final = ("task", "workflow")
BUNDLED: Final[Mapping[str, tuple[Mapping[str, JSON], str]]] = {
    f"raster:{name}": (inputs, output)
    for name, inputs, output in (
        ("apply_expression", {"array_in": "array", "expression": "string"}, "array_out"),
        ("mask_by_expression", {"array_in": "array", "expression": "string"}, "array_out"),
        ("map_by_expression", {"arrays_in": "list", "expression": "string"}, "arrays_out"),
        ("reduce_by_expression", {"arrays_in": "list", "expression": "string"}, "array_out"),
    )
}
"""Tasks of ncdjango's own that may be registered by themselves: types of their inputs, and their output."""

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredJob:
    """A name that clients run by, and what it runs."""

    process_id: str
    """The process; of a workflow its own name."""
    workflow: Mapping[str, JSON] = field(default_factory=dict)
    """Options of the workflow's form of package, if it is one: its file, or itself."""
    publish: bool = False
    """Whether raster outputs become map services."""
    renderer: Renderer | None = None
    """How they are coloured; None: black to white, from minimum to maximum."""


def registered_jobs(jobs: Section, process_ids: Sequence[str]) -> dict[str, RegisteredJob]:
    """The jobs of the section, by name; raises SettingsError."""
    return {str(name): _job(jobs, name, process_ids) for name in jobs.values}


def _job(jobs: Section, name: str, process_ids: Sequence[str]) -> RegisteredJob:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise jobs.error(str(name), "is no name of a job; allowed: letters, digits and _ . - :")
    own = Section(jobs.config, (*jobs.key, name), known=KEYS)
    kind = own.values.get("type")
    if kind not in TYPES:
        raise own.error("type", f"{shown(kind)} is no type of job; allowed: {', '.join(TYPES)}")
    for key in ("path",) if kind == "task" else ("task",):
        if key in own.values:
            raise own.error(key, f"belongs to another type than {kind}; allowed: left out")
    process_id, workflow = _task(own, name, process_ids) if kind == "task" else _workflow(own, name)
    if workflow and name in process_ids:
        raise jobs.error(
            name, f"is the name of a resource; allowed: a name that none of {_listed(process_ids)} has"
        )
    return RegisteredJob(
        process_id=process_id,
        workflow=workflow,
        publish=own.flag("publish_raster_results", False),
        renderer=_renderer(own),
    )


def _task(own: Section, name: str, process_ids: Sequence[str]) -> tuple[str, Mapping[str, JSON]]:
    task = own.values.get("task")
    if task in BUNDLED:
        return name, {"definition": _alone(str(task)), "label": name}
    if task not in process_ids:
        known = _listed([*process_ids, *BUNDLED])
        raise own.error("task", f"{shown(task)} is no process of this server; allowed: {known}")
    return str(task), {}


def _workflow(own: Section, name: str) -> tuple[str, Mapping[str, JSON]]:
    if own.values.get("path") is None:
        raise own.error("path", "is missing; allowed: an ncdjango workflow, JSON, relative to this file")
    return name, {"path": str(own.folder("path", ""))}


def _alone(task: str) -> dict[str, JSON]:
    """A workflow of this task alone, with its own inputs and output."""
    inputs, output = BUNDLED[task]
    types = {
        name: {"type": kind, **({"args": [[["array", [[""], {}]]], {}]} if kind == "list" else {})}
        for name, kind in inputs.items()
    }
    return {
        "meta": {"name": task, "description": f"ncdjango's task {task}"},
        "inputs": [{"name": name, **kind} for name, kind in types.items()],
        "workflow": [
            {
                "id": "task",
                "task": task,
                "inputs": {name: {"source": "input", "input": name} for name in inputs},
            }
        ],
        "outputs": [{"name": output, "node": ["task", output]}],
    }


def _renderer(own: Section) -> Renderer | None:
    value = own.values.get("results_renderer")
    if value is None:
        return None
    if not own.flag("publish_raster_results", False):
        raise own.error("results_renderer", "colours nothing; allowed: with publish_raster_results: true")
    try:
        return parse_renderer(value, words=True)
    except InvalidRenderer as error:
        raise own.error("results_renderer", error.detail if error.place else shown(value)) from error


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
