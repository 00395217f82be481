"""A workflow as ncdjango writes it, read and checked: every mistake is one line that says where it is.

{"meta": {"name", "description"},
 "inputs":   [{"name", "type", "args": [[more positional], {}]}],
 "workflow": [{"id", "task", "inputs": {parameter: {"source": "input" | "dependency" | "literal", "input" | "node"}}}],
 "outputs":  [{"name", "node": [id, output]}]}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from dragoman.errors import PackageError
from dragoman.packages.workflow.parameter_types import ParameterType, parameter_type
from dragoman.schemas.messages import cut, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dragoman.model.process import JSON

SOURCES: Final = ("input", "dependency", "literal")
MOST_NODES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Where a parameter of a node's task comes from."""

    source: Literal["input", "dependency", "literal"]
    value: JSON = None
    """Of a literal."""
    name: str = ""
    """Of a workflow's input; or of the output of another node."""
    node: str = ""
    """The other node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowInput:
    """An input of the workflow; all are required."""

    name: str
    type: ParameterType


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowNode:
    """One run of a task."""

    id: str
    task: str
    inputs: Mapping[str, Binding]

    @property
    def dependencies(self) -> tuple[str, ...]:
        """The nodes that it waits for, each once."""
        return tuple(dict.fromkeys(each.node for each in self.inputs.values() if each.source == "dependency"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowOutput:
    """An output of the workflow: one of a node's."""

    name: str
    node: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A graph of tasks."""

    name: str
    description: str
    inputs: tuple[WorkflowInput, ...]
    nodes: Mapping[str, WorkflowNode]
    """By id, in the order of the file."""
    outputs: tuple[WorkflowOutput, ...]


def read_workflow(document: JSON) -> Workflow:
    """The workflow that a JSON document describes, as far as that needs no task; raises PackageError."""
    if not isinstance(document, dict):
        raise PackageError(f"is {shown(document)}; allowed: an object with inputs, workflow and outputs")
    meta = document.get("meta") or {}
    if not isinstance(meta, dict):
        raise PackageError(f"meta is {shown(meta)}; allowed: an object with name and description")
    nodes = [_node(each, f"workflow[{place}]") for place, each in enumerate(_list(document, "workflow"))]
    if len(nodes) > MOST_NODES:
        raise PackageError(f"workflow has {len(nodes)} nodes; allowed: {MOST_NODES}")
    inputs = [_input(each, f"inputs[{place}]") for place, each in enumerate(_list(document, "inputs"))]
    outputs = [_output(each, f"outputs[{place}]") for place, each in enumerate(_list(document, "outputs"))]
    _refuse_twice("input", [each.name for each in inputs])
    _refuse_twice("node", [each.id for each in nodes])
    _refuse_twice("output", [each.name for each in outputs])
    return Workflow(
        name=str(meta.get("name") or ""),
        description=str(meta.get("description") or ""),
        inputs=tuple(inputs),
        nodes={each.id: each for each in nodes},
        outputs=tuple(outputs),
    )


def _list(document: Mapping[str, JSON], member: str) -> list[Any]:
    value = document.get(member, [])
    if not isinstance(value, list):
        raise PackageError(f"{member} is {shown(value)}; allowed: a list")
    return value


def _text(value: JSON, member: str, place: str) -> str:
    text = value.get(member) if isinstance(value, dict) else None
    if not isinstance(text, str) or not text:
        raise PackageError(f"{place}.{member} is {shown(text)}; allowed: a text")
    return text


def _input(value: JSON, place: str) -> WorkflowInput:
    name = _text(value, "name", place)
    return WorkflowInput(
        name=name, type=parameter_type(_text(value, "type", place), value.get("args"), f"input '{cut(name)}'")
    )


def _node(value: JSON, place: str) -> WorkflowNode:
    id = _text(value, "id", place)
    inputs = value.get("inputs", {})
    if not isinstance(inputs, dict):
        raise PackageError(f"node '{cut(id)}': inputs is {shown(inputs)}; allowed: an object")
    return WorkflowNode(
        id=id,
        task=_text(value, "task", place),
        inputs={
            name: _binding(each, f"node '{cut(id)}', parameter '{cut(name)}'")
            for name, each in inputs.items()
        },
    )


def _binding(value: JSON, place: str) -> Binding:
    source = value.get("source") if isinstance(value, dict) else None
    if source not in SOURCES:
        raise PackageError(f"{place}: source is {shown(source)}; allowed: {', '.join(SOURCES)}")
    given = value["input"] if "input" in value else value.get("node")
    if source == "literal":
        if "input" not in value and "node" not in value:
            raise PackageError(f"{place}: has no value; allowed: a member input")
        return Binding(source="literal", value=given)
    if source == "input":
        if not isinstance(given, str):
            raise PackageError(f"{place}: input is {shown(given)}; allowed: the name of an input")
        return Binding(source="input", name=given)
    node, output = _reference(given, place)
    return Binding(source="dependency", node=node, name=output)


def _reference(value: JSON, place: str) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(each, str) for each in value):
        raise PackageError(f"{place}: node is {shown(value)}; allowed: [id of a node, one of its outputs]")
    return value[0], value[1]


def _output(value: JSON, place: str) -> WorkflowOutput:
    name = _text(value, "name", place)
    node, output = _reference(value.get("node"), f"output '{cut(name)}'")
    return WorkflowOutput(name=name, node=node, output=output)


def _refuse_twice(kind: str, names: Iterable[str]) -> None:
    known: set[str] = set()
    for name in names:
        if name in known:
            raise PackageError(f"there are two {kind}s '{cut(name)}'")
        known.add(name)
