"""The 3.0 form of a schema is valid, and allows all that the schema allows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_schema_validator import OAS30Validator

from dragoman.schemas.forms import expand
from dragoman.schemas.openapi30 import KEPT, to_oas30


def test_base64_in_a_union_is_a_plain_string() -> None:
    """Of ``format: byte`` there openapi-generator makes Java that does not compile."""
    text = {"type": "string", "contentEncoding": "base64"}
    assert to_oas30({"anyOf": [text, {"type": "boolean"}]}) == {
        "anyOf": [{"type": "string"}, {"type": "boolean"}]
    }


def test_a_bbox_is_one_schema_of_an_object() -> None:
    """oapi-codegen cannot merge an allOf of a bare format."""
    schema = to_oas30({**expand("bbox")[0], "description": "Where"})
    assert schema.keys() == {"type", "description", "required", "properties"}
    assert schema["properties"]["bbox"]["items"] == {"type": "number", "format": "double"}
    assert not {"allOf", "oneOf"} & schema["properties"]["bbox"].keys()
    assert "default" not in schema["properties"]["crs"]


def test_numbers_say_how_exact_they_are() -> None:
    assert to_oas30({"type": "number"}) == {"type": "number", "format": "double"}
    assert to_oas30({"type": "number", "format": "float"}) == {"type": "number", "format": "float"}
    assert to_oas30({"items": {"type": "integer"}}) == {"items": {"type": "integer", "format": "int64"}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"exclusiveMinimum": 0}, {"minimum": 0, "exclusiveMinimum": True}),
        ({"exclusiveMaximum": 5, "maximum": 4}, {"maximum": 4}),
        ({"exclusiveMinimum": True, "minimum": 4}, {"minimum": 4, "exclusiveMinimum": True}),
        ({"const": 7}, {"enum": [7]}),
        ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"}),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["string", "array"]}, {
            "allOf": [{"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]}]}),
        ({"type": "null"}, {"nullable": True, "enum": [None]}),
        ({"enum": ["a", None]}, {"enum": ["a", None], "nullable": True}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": "array", "prefixItems": [{"type": "string"}], "items": False}, {
            "type": "array", "maxItems": 1, "items": {"anyOf": [{"type": "string"}]}}),
        ({"type": "string", "contentEncoding": "binary", "contentMediaType": "image/tiff"}, {
            "type": "string", "format": "byte", "x-content-media-type": "image/tiff"}),
        ({"format": "ogc-bbox"}, {"format": "ogc-bbox"}),
        ({"title": "A", "description": "b"}, {"description": "A: b"}),
        ({"$schema": "x", "$id": "y", "if": {}, "then": {}, "dependentRequired": {}}, {}),
        ({"patternProperties": {"^x": {}}, "additionalProperties": False}, {}),
        ({"properties": {"a": False}}, {"properties": {"a": {"not": {}}}}),
        ({"$ref": "https://example.org/schema.json"}, {}),
        ({"$defs": {"a": {"type": "string"}}, "items": {"$ref": "#/$defs/a"}}, {"items": {"type": "string"}}),
        ({"$ref": "#/nothing", "type": "string"}, {"type": "string"}),
        (True, {}),
    ],
)  # fmt: skip
def test_what_3_0_does_not_know_is_said_otherwise(schema: Any, expected: Any) -> None:
    assert to_oas30(schema) == expected


def test_a_list_stays_a_list() -> None:
    schema = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    assert to_oas30(schema) == {"type": "array", "items": {"type": "string"}}


def test_a_recursive_schema_comes_to_an_end() -> None:
    made = to_oas30({"$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"})
    assert "$ref" not in str(made)


def test_a_converted_schema_stays_as_it_is() -> None:
    once = to_oas30({"type": ["number", "null"], "exclusiveMinimum": 1, "contentMediaType": "text/plain"})
    assert to_oas30(once) == once


SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["a", "bb", ""])
TYPES = st.sampled_from(["string", "number", "integer", "boolean", "null", "array", "object"])
LEAF: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
        "exclusiveMinimum": st.integers(-5, 5),
        "minimum": st.integers(-5, 5),
        "exclusiveMaximum": st.integers(-5, 5),
        "const": SCALARS,
        "enum": st.lists(SCALARS, min_size=1, max_size=3, unique_by=repr),
        "maxLength": st.integers(0, 3),
    },
)


def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    members = {"a": inner}
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
            "anyOf": several,
            "allOf": several,
            "items": inner,
            "prefixItems": several,
            "properties": st.fixed_dictionaries(members),
            "patternProperties": st.fixed_dictionaries({"^b": inner}),
            "additionalProperties": st.booleans() | inner,
        },
    )


SCHEMAS = st.recursive(LEAF, grown, max_leaves=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner),
    max_leaves=5,
)


def keywords(schema: Any) -> set[str]:
    found = set(schema)
    for key in ("anyOf", "allOf"):
        found |= {word for item in schema.get(key, []) for word in keywords(item)}
    for key in ("items", "additionalProperties", "not"):
        found |= keywords(schema[key]) if isinstance(schema.get(key), dict) else set()
    return found | {word for item in schema.get("properties", {}).values() for word in keywords(item)}


@given(SCHEMAS, VALUES)
def test_nothing_that_was_allowed_is_refused(schema: Any, value: Any) -> None:
    made = to_oas30(schema)
    assert keywords(made) <= KEPT
    OAS30Validator.check_schema(made)
    if Draft202012Validator(schema).is_valid(value):
        assert OAS30Validator(made).is_valid(value)
