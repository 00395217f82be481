from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dragoman.schemas.forms import (
    SHORTHANDS,
    expand,
    media_types,
    ogc_form,
    published_schema,
    validating_form,
)
from dragoman.schemas.value_check import SchemaCheck


@pytest.mark.parametrize("name", ["process", "example"])
def test_the_published_schemas_are_valid_and_explain_their_keys(name: str) -> None:
    schema = published_schema(name)
    Draft202012Validator.check_schema(schema)
    for key, said in schema["properties"].items():
        assert "title" in said or "$ref" in said, key


def test_words_expand_and_are_remembered() -> None:
    for word in SHORTHANDS:
        schema, remembered = expand(word)
        assert remembered == word
        Draft202012Validator.check_schema(validating_form(schema))
    assert media_types(expand("netcdf")[0]) == ("application/x-netcdf",)
    with pytest.raises(KeyError):
        expand("rastr")


def test_what_ogc_forbids_is_said_in_its_own_way() -> None:
    assert ogc_form({"type": "number", "exclusiveMinimum": 0}) == {
        "type": "number",
        "minimum": 0,
        "exclusiveMinimum": True,
    }
    assert ogc_form({"minimum": 5, "exclusiveMinimum": 0}) == {"minimum": 5}
    assert ogc_form({"const": 1}) == {"enum": [1]}
    assert ogc_form({"type": ["integer", "null"]}) == {"type": "integer", "nullable": True}
    assert ogc_form({"type": ["integer", "string"]}) == {
        "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}]
    }
    assert ogc_form({"items": {"examples": [1, 2]}}) == {"items": {"example": 1}}


@given(
    schema=st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["integer", "number", ["integer", "null"], ["string", "number"]]),
            "minimum": st.integers(-2, 2),
            "maximum": st.integers(-2, 2),
            "exclusiveMinimum": st.integers(-2, 2),
            "exclusiveMaximum": st.integers(-2, 2),
            "const": st.integers(-2, 2),
        },
    ),
    value=st.none() | st.integers(-3, 3) | st.text(max_size=2),
)
def test_the_ogc_form_allows_what_the_schema_as_written_allows(
    schema: dict[str, object], value: object
) -> None:
    as_written = Draft202012Validator(schema).is_valid(value)
    assert (SchemaCheck(ogc_form(schema)).findings(value) == []) == as_written


def test_nothing_is_fetched_for_a_reference() -> None:
    assert SchemaCheck({"$ref": "http://192.0.2.1/schema.json"}).findings(5) == []
    assert SchemaCheck({"properties": {"a": {"$ref": "#/$defs/none"}}}).findings({"a": 1}) == []


def test_a_schema_that_is_wrong_allows_everything_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert SchemaCheck({"type": "file"}).findings(5) == []
    assert "is not checked" in caplog.text
