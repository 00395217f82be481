"""A workflow that is wrong is one line that says where, and nothing of it is served."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from flowkit import FORMS, array, arrays, loaded, node, recorded, workflow

from dragoman.errors import PackageError
from dragoman.packages.catalogue import Declaration, build_catalogue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = recorded("map_reduce_workflow.json")


def changed(change: Callable[[Any], object]) -> Any:
    document = deepcopy(GOOD)
    change(document)
    return document


def one(**inputs: Any) -> Any:
    return workflow([array(), arrays()], [node("a", "apply_expression", **inputs)], {"out": "a.array_out"})


@pytest.mark.parametrize("name", ["map_reduce_workflow.json", "apply_expression.json"])
def test_the_recorded_workflows_are_good(name: str) -> None:
    process = loaded(recorded(name), id="job")
    assert process.id == "job"
    assert process.title == recorded(name)["meta"]["name"]
    assert [spec.shorthand for spec in process.inputs.values()] == ["raster"]
    assert [spec.shorthand for spec in process.outputs.values()] == ["raster"]


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ([], "is []; allowed: an object with inputs, workflow and outputs"),
        ({}, "has no outputs; allowed: one or more of its nodes' outputs"),
        (changed(lambda d: d.update(workflow={})), "workflow is {}; allowed: a list"),
        (
            changed(lambda d: d.update(outputs=[])),
            "has no outputs; allowed: one or more of its nodes' outputs",
        ),
        (
            changed(lambda d: d["workflow"][0].update(task="raster:stretch")),
            "node 'normalize_inputs': there is no task \"raster:stretch\"; allowed: raster:load_dataset,",
        ),
        (
            changed(lambda d: d["workflow"][1]["inputs"]["arrays_in"].update(node=["nowhere", "arrays_out"])),
            "node 'sum_arrays', parameter 'arrays_in': there is no node 'nowhere'; allowed: normalize_inputs, sum",
        ),
        (
            changed(lambda d: d["workflow"][1]["inputs"]["arrays_in"].update(node=["normalize_inputs", "x"])),
            "node 'sum_arrays', parameter 'arrays_in': node 'normalize_inputs' has no output 'x'; allowed: arrays_out",
        ),
        (
            changed(lambda d: d["workflow"][0]["inputs"]["arrays_in"].update(input="other")),
            "node 'normalize_inputs', parameter 'arrays_in': there is no input 'other'; allowed: arrays_in",
        ),
        (
            changed(lambda d: d["workflow"][0]["inputs"]["expression"].update(input="x / max(x")),
            "node 'normalize_inputs', parameter 'expression': column 10: the expression ends too early; allowed:",
        ),
        (
            changed(lambda d: d["workflow"][1]["inputs"]["expression"].update(input="x + 1")),
            "node 'sum_arrays', parameter 'expression': the expression has x for free variables; allowed: two free",
        ),
        (
            changed(lambda d: d["workflow"][0]["inputs"].pop("expression")),
            "node 'normalize_inputs': raster:map_by_expression needs the parameter 'expression'",
        ),
        (
            changed(lambda d: d["workflow"][0]["inputs"]["expression"].update(source="wire")),
            "node 'normalize_inputs', parameter 'expression': source is \"wire\"; allowed: input, dependency, literal",
        ),
        (
            changed(lambda d: d["outputs"][0].update(node=["sum_arrays", "array_in"])),
            "output 'array_out': node 'sum_arrays' has no output 'array_in'; allowed: array_out",
        ),
        (changed(lambda d: d["outputs"].append(d["outputs"][0])), "there are two outputs 'array_out'"),
        (changed(lambda d: d["workflow"].append(d["workflow"][0])), "there are two nodes 'normalize_inputs'"),
        (
            changed(lambda d: d["inputs"][0].update(type="vector")),
            "input 'arrays_in': there is no type \"vector\"; allowed: any, array, raster,",
        ),
        (
            changed(lambda d: d["inputs"][0].pop("args")),
            "input 'arrays_in': args of list names no type; allowed:",
        ),
        (
            one(array_in="@arrays", expression="=x"),
            "node 'a', parameter 'array_in': the input 'arrays' is a list of array; allowed: array",
        ),
        (
            one(array_in="=5", expression="=x"),
            "node 'a', parameter 'array_in': is \"5\"; allowed: an input, or",
        ),
        (
            workflow(
                [array()],
                [
                    node("a", "apply_expression", array_in="c.array_out", expression="=x"),
                    node("b", "apply_expression", array_in="a.array_out", expression="=x"),
                    node("c", "apply_expression", array_in="b.array_out", expression="=x"),
                ],
                {"out": "c.array_out"},
            ),
            "its nodes wait for each other in a circle: a -> c -> b -> a",
        ),
        (
            workflow(
                [],
                [node("a", "load_dataset", path="=x.nc", mode="=r")],
                {"out": "a.dataset_out"},
            ),
            "node 'a', parameter 'mode': raster:load_dataset has none such; allowed: path",
        ),
    ],
)
def test_what_is_wrong_is_one_line(document: Any, line: str) -> None:
    with pytest.raises(PackageError) as error:
        loaded(document)
    assert error.value.detail.startswith(f"flow.json: {line}")
    assert "\n" not in error.value.detail


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "flow.json: cannot be read (No such file or directory)"),
        ("{", "flow.json: is not JSON:"),
        ("\udcff", "flow.json: is not UTF-8"),
        (" " * 2**21, "flow.json: is larger than 1048576 bytes"),
    ],
)
def test_a_broken_file_leaves_the_rest(text: str | None, line: str, tmp_path: Path) -> None:
    path = tmp_path / "flow.json"
    if text is not None:
        path.write_bytes(text.encode(errors="surrogateescape"))
    (tmp_path / "good.json").write_text(json.dumps(GOOD))
    declared = [
        Declaration(id=name, form="workflow", options={"path": str(tmp_path / f"{name}.json")})
        for name in ("flow", "good")
    ]
    catalogue = build_catalogue(declared, FORMS)
    assert list(catalogue.processes) == ["good"]
    assert [problem.id for problem in catalogue.problems] == ["flow"]
    assert catalogue.problems[0].detail.startswith(line)
    assert str(tmp_path) not in catalogue.problems[0].detail


def test_a_job_runs_the_workflow_that_it_was_accepted_for(tmp_path: Path) -> None:
    path = tmp_path / "flow.json"
    path.write_text(json.dumps(GOOD))
    process = FORMS["workflow"].load(tmp_path, "flow", {"path": str(path)})
    path.unlink()
    assert FORMS.load_again("flow", process.runtime) == process


def test_a_literal_may_stand_under_either_name_and_be_nothing() -> None:
    inputs = {"array_in": {"source": "input", "input": "x"}, "k": {"source": "literal", "input": 0}}
    expression = {"source": "literal", "node": "x + k"}  # as to_json of ncdjango writes it
    process = loaded(one(**{name: each for name, each in inputs.items()}, expression=expression))
    assert list(process.outputs) == ["out"]


TYPES: list[tuple[Any, dict[str, Any]]] = [
    ({"type": "int"}, {"type": "integer"}),
    ({"type": "number"}, {"type": "number"}),
    ({"type": "string"}, {"type": "string"}),
    ({"type": "bool"}, {"type": "boolean"}),
    ({"type": "any"}, {}),
    (
        {"type": "multiple", "args": [[["int", [[""], {}]], ["string", [[""], {}]]], {}]},
        {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    ),
    (
        {"type": "multiple", "args": [[[["int", [[""], {}]], ["string", [[""], {}]]]], {}]},
        {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    ),
]


@pytest.mark.parametrize(("declared", "schema"), TYPES)
def test_types_of_inputs_are_schemas(declared: Any, schema: Any) -> None:
    document = workflow(
        [array(), {"name": "k", **declared}],
        [node("a", "apply_expression", array_in="@x", expression="=x + k", k="@k")],
        {"out": "a.array_out"},
    )
    assert loaded(document).inputs["k"].schema == schema
