from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft6Validator
from packagekit import load_folder
from pestokit import project_files, write_project

from dragoman.adapters.pesto.contract import contract_of
from dragoman.adapters.pesto.translate import job_request
from dragoman.errors import InvalidInputs
from dragoman.packages.validation import validate_inputs
from dragoman.schemas.draft6 import modern
from dragoman.schemas.value_check import SchemaCheck

if TYPE_CHECKING:
    from pathlib import Path

SCHEMAS: list[dict[str, Any]] = [
    {"dependencies": {"a": ["b", "c"], "b": {"required": ["a"]}}},
    {"items": [{"type": "string"}, {"type": "integer"}], "additionalItems": False},
    {"items": [{"type": "string"}], "additionalItems": {"type": "integer"}},
    {"items": [{"type": "string"}]},
    {"items": [], "additionalItems": {"type": "string"}},
    {"items": {"type": "string"}, "additionalItems": False},
    {"properties": {"a": {"items": [{"type": "string"}]}, "format": {"format": "date"}}},
    {"anyOf": [{"not": {"items": [{"type": "string"}]}}, {"dependencies": {"a": ["b"]}}]},
    {"type": "string", "format": "date"},
    {
        "definitions": {"x": {"type": "object"}},
        "properties": {"a": {"$ref": "#/definitions/x", "type": "string"}},
    },
    {"contains": {"items": [{"type": "integer"}]}, "propertyNames": {"format": "email"}},
]
SCALARS: st.SearchStrategy[Any] = st.sampled_from(["x", 1, None, {}])
VALUES: st.SearchStrategy[Any] = st.one_of(
    SCALARS,
    st.lists(st.one_of(SCALARS, st.lists(SCALARS, max_size=2)), max_size=3),
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "format"]), st.one_of(SCALARS, st.lists(SCALARS, max_size=2))
    ),
)


@pytest.mark.parametrize("schema", SCHEMAS)
@given(value=VALUES)
def test_the_same_values_are_valid(schema: dict[str, Any], value: Any) -> None:
    assert (not SchemaCheck(modern(schema)).findings(value)) == Draft6Validator(schema).is_valid(value)


def test_a_project_is_checked_as_pesto_checks_it(tmp_path: Path) -> None:
    files = project_files()
    files["api/input_schema.json"] = {
        "day": {"type": "string", "format": "date"},
        "pair": {"type": "array", "items": [{"type": "string"}, {"$ref": "#/definitions/palette"}]},
        "window": {"type": "object", "dependencies": {"left": ["right"]}},
    }
    contract = contract_of(load_folder(write_project(tmp_path / "p", files)), ())
    asked = job_request({"day": "tomorrow", "pair": ["a", "blue"], "window": {"right": 1}}, contract)
    validate_inputs(contract.process, asked.inputs)
    assert contract.input["properties"]["day"]["format"] == "date", "clients are told what its author wrote"
    with pytest.raises(InvalidInputs) as caught:
        job_request({"pair": ["a", "b"], "window": {"left": 1}}, contract)
    assert [(p.input_id, p.message) for p in caught.value.problems] == [
        ("pair", '[1]: got "b"; allowed: grey, blue'),
        ("window", 'got {"left": 1}; left needs right'),
    ]
