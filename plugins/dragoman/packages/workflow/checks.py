"""Whether the parts of a workflow fit: tasks, parameters, inputs, expressions, and no circle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.errors import InvalidRequest, PackageError
from dragoman.expressions.nodes import names
from dragoman.expressions.parsing import parse
from dragoman.packages.workflow.tasks import INDEX, TASKS
from dragoman.schemas.messages import cut, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from dragoman.packages.workflow.definition import Binding, Workflow, WorkflowNode
    from dragoman.packages.workflow.parameter_types import ParameterType
    from dragoman.packages.workflow.tasks import Kind, Task


def check_workflow(workflow: Workflow) -> None:
    """Raise PackageError for the first mistake, one line that names node and parameter."""
    for node in workflow.nodes.values():
        _check_node(node, workflow)
    for output in workflow.outputs:
        _check_reference(f"output '{cut(output.name)}'", output.node, output.output, workflow)
    if not workflow.outputs:
        raise PackageError("has no outputs; allowed: one or more of its nodes' outputs")
    in_order(workflow)


def in_order(workflow: Workflow) -> list[WorkflowNode]:
    """The nodes, each after those that it waits for; raises PackageError for a circle, which it names."""
    done: dict[str, WorkflowNode] = {}
    waiting = dict(workflow.nodes)
    while waiting:
        ready = [node for node in waiting.values() if all(each in done for each in node.dependencies)]
        if not ready:
            raise PackageError(f"its nodes wait for each other in a circle: {' -> '.join(_circle(waiting))}")
        for node in ready:
            done[node.id] = waiting.pop(node.id)
    return list(done.values())


def _circle(waiting: dict[str, WorkflowNode]) -> list[str]:
    path = [next(iter(waiting))]
    while True:
        following = next(each for each in waiting[path[-1]].dependencies if each in waiting)
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)


def _check_node(node: WorkflowNode, workflow: Workflow) -> None:
    place = f"node '{cut(node.id)}'"
    task = TASKS.get(node.task)
    if task is None:
        raise PackageError(f"{place}: there is no task {shown(node.task)}; allowed: {', '.join(TASKS)}")
    for name in task.required:
        if name not in node.inputs:
            raise PackageError(f"{place}: {node.task} needs the parameter '{name}'")
    for name, binding in node.inputs.items():
        here = f"{place}, parameter '{cut(name)}'"
        if name not in task.inputs and not task.takes_more:
            raise PackageError(f"{here}: {node.task} has none such; allowed: {', '.join(task.inputs)}")
        _check_source(here, binding, workflow)
        if name in task.inputs:
            _check_kind(here, task.inputs[name], binding, workflow)
    expression = node.inputs.get("expression")
    if task.takes_more and expression is not None and expression.source == "literal":
        _check_expression(f"{place}, parameter 'expression'", expression.value, task, node)


def _check_source(place: str, binding: Binding, workflow: Workflow) -> None:
    if binding.source == "dependency":
        _check_reference(place, binding.node, binding.name, workflow)
    known = [each.name for each in workflow.inputs]
    if binding.source == "input" and binding.name not in known:
        raise PackageError(f"{place}: there is no input '{cut(binding.name)}'; allowed: {_listed(known)}")


def _check_reference(place: str, id: str, output: str, workflow: Workflow) -> None:
    node = workflow.nodes.get(id)
    if node is None:
        raise PackageError(f"{place}: there is no node '{cut(id)}'; allowed: {_listed(workflow.nodes)}")
    task = TASKS.get(node.task)
    if task is not None and output != task.output:
        raise PackageError(f"{place}: node '{cut(id)}' has no output '{cut(output)}'; allowed: {task.output}")


def _check_kind(place: str, kind: Kind, binding: Binding, workflow: Workflow) -> None:
    """Whether what comes is what the task takes; a single array will do for a list of them."""
    if binding.source == "literal":
        fits = {"text": isinstance(binding.value, str), "flag": isinstance(binding.value, bool)}
        if not fits.get(kind, False):
            allowed = {"text": "a text", "flag": "true, false"}.get(
                kind, "an input, or another node's output"
            )
            raise PackageError(f"{place}: is {shown(binding.value)}; allowed: {allowed}")
        return
    if binding.source == "dependency":
        other = TASKS.get(workflow.nodes[binding.node].task)
        gives = kind if other is None else other.gives  # an unknown task is told of at its own node
        if not (gives == kind or (gives == "array" and kind == "arrays")):
            raise PackageError(f"{place}: node '{cut(binding.node)}' gives {gives}; allowed: {kind}")
        return
    declared = next(each.type for each in workflow.inputs if each.name == binding.name)
    if not _takes(kind, declared):
        raise PackageError(f"{place}: the input '{cut(binding.name)}' is a {declared.words}; allowed: {kind}")


def _takes(kind: Kind, declared: ParameterType) -> bool:
    if declared.id == "any" or (
        declared.id == "multiple" and any(_takes(kind, each) for each in declared.of)
    ):
        return True
    if kind == "arrays":
        return declared.is_array or (declared.id == "list" and _takes("array", declared.of[0]))
    allowed: dict[Kind, Collection[str]] = {
        "array": ("array", "raster"),
        "dataset": ("raster_dataset",),
        "text": ("string", "number", "int", "float"),
        "flag": ("bool",),
    }
    return declared.id in allowed[kind]


def _check_expression(place: str, text: str, task: Task, node: WorkflowNode) -> None:
    try:
        free_variables(text, task, [name for name in node.inputs if name not in task.inputs])
    except InvalidRequest as error:
        raise PackageError(f"{place}: {error.detail}") from error


def free_variables(text: str, task: Task, bound: Iterable[str]) -> tuple[str, ...]:
    """The variables that stand for the task's arrays, in alphabetical order; raises InvalidRequest."""
    taken = {*bound, INDEX} if task.variables == 1 else set(bound)
    free = tuple(name for name in names(parse(text)) if name not in taken)
    if len(free) != task.variables:
        wanted = "one free variable" if task.variables == 1 else "two free variables"
        raise InvalidRequest(f"the expression has {_listed(free)} for free variables; allowed: {wanted}")
    return free


def _listed(names: Iterable[str]) -> str:
    return ", ".join(cut(name) for name in names) or "none"
