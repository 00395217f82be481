"""A workflow as a process: its inputs, and what its outputs are, as far as that shows without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from dragoman.errors import InvalidRequest
from dragoman.expressions.nodes import Binary, Call, Index, Name, Unary
from dragoman.expressions.nodes import Literal as Constant
from dragoman.expressions.parsing import ELEMENTWISE, parse
from dragoman.model.process import InputSpec, OutputSpec
from dragoman.packages.workflow.checks import in_order
from dragoman.packages.workflow.parameter_types import schema_of
from dragoman.packages.workflow.tasks import TASKS
from dragoman.schemas.forms import expand

if TYPE_CHECKING:
    from dragoman.expressions.nodes import Node
    from dragoman.model.process import JSON, Shorthand
    from dragoman.packages.workflow.definition import Binding, Workflow, WorkflowInput, WorkflowNode

type Shape = Literal["raster", "value", "unknown"]
"""Of an array: it lies on a grid; it does not; that depends on what it is given."""

VALUES: Final[dict[str, JSON]] = {
    "oneOf": [{"type": "number"}, {"type": "boolean"}, {"type": "string"}, {"type": "array", "items": {}}],
    "nullable": True,
}
"""An array without a place: a number, or lists of numbers, null where one is masked."""


def input_spec(declared: WorkflowInput) -> InputSpec:
    """An input as a process has it; a list is an input that may occur several times."""
    several = declared.type.id == "list"
    kind = declared.type.of[0] if several else declared.type
    word: Shorthand | None = "raster" if kind.is_array else None
    if kind.id == "raster_dataset":
        word = "netcdf"
    if kind.id in ("feature_collection", "feature_dataset"):
        word = "features"
    return InputSpec(
        id=declared.name,
        title=declared.name,
        description=f"ncdjango's type {declared.type.words}",
        schema=schema_of(kind),
        shorthand=word,
        max_occurs=None if several else 1,
    )


def output_specs(workflow: Workflow) -> dict[str, OutputSpec]:
    """The outputs of the workflow."""
    shapes: dict[str, Shape] = {}
    for node in in_order(workflow):
        shapes[node.id] = _shape(node, workflow, shapes)
    return {
        each.name: _output(each.name, TASKS[workflow.nodes[each.node].task].gives, shapes[each.node])
        for each in workflow.outputs
    }


def _output(name: str, gives: str, shape: Shape) -> OutputSpec:
    if gives == "dataset":
        return OutputSpec(id=name, title=name, schema=expand("netcdf")[0], shorthand="netcdf")
    raster = expand("raster")[0]
    word: Shorthand | None = None
    schema: dict[str, JSON] = VALUES
    if shape == "raster":
        schema, word = raster, "raster"
    elif shape == "unknown":
        schema = {"oneOf": [raster, *VALUES["oneOf"]], "nullable": True}
    if gives == "arrays":
        return OutputSpec(
            id=name, title=name, schema={"type": "array", "items": schema}, shorthand=word, repeatable=True
        )
    return OutputSpec(id=name, title=name, schema=schema, shorthand=word)


def _shape(node: WorkflowNode, workflow: Workflow, shapes: dict[str, Shape]) -> Shape:
    """Of a node's array, or of each in its list."""
    if node.task in ("raster:load_dataset", "raster:array_from_dataset"):
        return "unknown"
    expression = node.inputs["expression"]
    known = {name: _bound(each, workflow, shapes) for name, each in node.inputs.items()}
    array = known.get("array_in") or known.get("arrays_in") or "unknown"
    if node.task == "raster:mask_by_expression":
        return array
    if expression.source != "literal":
        return "unknown"
    try:
        tree = parse(str(expression.value))
    except InvalidRequest:
        return "unknown"
    extra = {name: each for name, each in known.items() if name not in TASKS[node.task].inputs}
    shape = _of(tree, {"i": "value", **extra}, array)
    if node.task == "raster:reduce_by_expression" and shape != array:
        return "unknown"  # with one array alone it is that
    return shape


def _bound(binding: Binding, workflow: Workflow, shapes: dict[str, Shape]) -> Shape:
    if binding.source == "dependency":
        return shapes[binding.node]
    if binding.source == "literal":
        return "value"
    kind = next(each.type for each in workflow.inputs if each.name == binding.name)
    kind = kind.of[0] if kind.id == "list" else kind
    return "raster" if kind.is_array else "unknown" if kind.id in ("any", "multiple") else "value"


def _of(node: Node, variables: dict[str, Shape], free: Shape) -> Shape:
    match node:
        case Constant():
            return "value"
        case Name():
            return variables.get(node.id, free)
        case Unary():
            return _of(node.operand, variables, free)
        case Binary():
            return _together(_of(node.left, variables, free), _of(node.right, variables, free))
        case Index():
            return "value" if _of(node.container, variables, free) == "value" else "unknown"
        case Call():
            return _of_call(node, variables, free)


def _of_call(node: Call, variables: dict[str, Shape], free: Shape) -> Shape:
    shapes = [_of(each, variables, free) for each in node.arguments]
    if node.function in ELEMENTWISE:
        return shapes[0]
    if node.function == "mask":
        return _together(*shapes)
    return "value" if len(shapes) == 1 or shapes[0] == "value" else "unknown"


def _together(left: Shape, right: Shape) -> Shape:
    for shape in ("raster", "unknown"):
        if shape in (left, right):
            return "raster" if shape == "raster" else "unknown"
    return "value"
