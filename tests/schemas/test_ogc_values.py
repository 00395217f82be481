"""One reader of an input's value: an example of a package is read as the same JSON over HTTP is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dragoman.adapters.ogc.translate import execute_request
from dragoman.config.settings import FetchSettings
from dragoman.errors import InputError, InvalidInputs
from dragoman.model.job import InputValue, JobRequest
from dragoman.model.process import InputSpec, OutputSpec, Process, Runtime
from dragoman.packages.native.examples import Example, example_inputs
from dragoman.schemas.ogc_values import request_document
from dragoman.sources.policy import SourcePolicy

_LEAVES = st.none() | st.integers() | st.sampled_from(["", "a", "http://a.example/b", "text/csv"])
_MEMBERS = st.sampled_from(
    ["href", "type", "value", "mediaType", "encoding", "schema", "length", "bbox", "x"]
)
WIRES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_MEMBERS, inner, max_size=4),
    max_leaves=8,
)
SCHEMAS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "array"},
        {"type": "object", "properties": {"value": {}, "href": {}}},
        {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"href": {}}}]},
    ]
)


def process_of(schema: dict[str, Any], most: int | None) -> Process:
    return Process(
        id="p",
        version="1",
        inputs={"x": InputSpec(id="x", schema=schema, max_occurs=most)},
        outputs={"y": OutputSpec(id="y", schema={})},
        runtime=Runtime(form="native", folder=""),
    )


def over_http(wire: Any, process: Process) -> tuple[InputValue, ...] | str:
    try:
        policy = SourcePolicy(fetch=FetchSettings())
        return execute_request({"inputs": {"x": wire}}, process, policy).inputs["x"]
    except InvalidInputs as error:
        return error.problems[0].message


def in_an_example(wire: Any, process: Process) -> tuple[InputValue, ...] | str:
    try:
        return example_inputs(Example(path=Path("a.yml"), inputs={"x": wire}), process)["x"]
    except InputError as error:
        return error.problems[0].message


@given(wire=WIRES, schema=SCHEMAS, most=st.sampled_from([1, 3, None]))
@example(wire={"href": "http://a.example/b", "mediaType": "text/csv"}, schema={"type": "string"}, most=1)
@example(wire=[1, 2], schema={"type": "array"}, most=3)
def test_an_example_is_read_as_a_request_is(wire: Any, schema: dict[str, Any], most: int | None) -> None:
    process = process_of(schema, most)
    assert in_an_example(wire, process) == over_http(wire, process)


def test_a_reference_may_tell_its_type_as_media_type() -> None:
    wire = {"href": "http://a.example/b", "mediaType": "text/csv"}
    expected = (InputValue(href="http://a.example/b", media_type="text/csv"),)
    assert in_an_example(wire, process_of({"type": "string"}, 1)) == expected


@pytest.mark.parametrize("files", [1, 2])
def test_files_of_an_example_are_several_values_of_a_repeatable_array(tmp_path: Path, files: int) -> None:
    values = [{"file": f"{index}.json"} for index in range(files)]
    read = example_inputs(
        Example(path=tmp_path / "a.yml", inputs={"x": values}), process_of({"type": "array"}, None)
    )
    assert [value.href for value in read["x"]] == [
        (tmp_path / f"{index}.json").as_uri() for index in range(files)
    ]


@given(wire=WIRES, schema=SCHEMAS, most=st.sampled_from([1, 3, None]))
@example(wire=[[1], [2]], schema={"type": "array"}, most=3)
@example(wire={"value": {"href": "a"}}, schema={"type": "object"}, most=1)
def test_a_request_that_is_written_again_asks_the_same(
    wire: Any, schema: dict[str, Any], most: int | None
) -> None:
    process = process_of(schema, most)
    values = over_http(wire, process)
    assume(not isinstance(values, str))
    assert not isinstance(values, str)
    again = request_document(JobRequest(inputs={"x": values}), process.inputs)
    assert over_http(json.loads(json.dumps(again))["inputs"]["x"], process) == values


def test_all_of_a_request_is_written() -> None:
    document = {
        "inputs": {"x": {"href": "http://a.example/b", "type": "text/csv"}},
        "outputs": {"y": {"format": {"mediaType": "text/csv"}, "transmissionMode": "reference"}, "z": {}},
        "response": "document",
        "subscriber": {"successUri": "http://a.example/done", "failedUri": "http://a.example/failed"},
    }
    process = process_of({"type": "string"}, 1)
    process = replace(process, outputs={**process.outputs, "z": OutputSpec(id="z", schema={})})
    policy = SourcePolicy(fetch=FetchSettings(allow=("a.example",)))
    request = execute_request(document, process, policy)
    assert request_document(request, process.inputs) == document
