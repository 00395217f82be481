"""One vocabulary for "binary": the words agree with each other, on the processes that ship and on made-up schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dragoman.packages.catalogue import bundled
from dragoman.packages.native.loader import load_package
from dragoman.schemas.file_values import expects_json, takes_text, text_types, value_of
from dragoman.schemas.forms import (
    always_binary,
    always_binary_items,
    branches,
    expand,
    may_be_binary,
    ogc_form,
    validating_form,
)
from dragoman.schemas.openapi30 import to_oas30

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.model.process import InputSpec, OutputSpec

BINARY = {"type": "string", "contentEncoding": "binary", "contentMediaType": "image/tiff"}
OBJECT = {"type": "object"}


@pytest.mark.parametrize(
    ("schema", "always", "may_be"),
    [
        (BINARY, True, True),
        ({"type": "string", "format": "byte"}, True, True),
        ({"oneOf": [BINARY, OBJECT]}, False, True),
        ({"anyOf": [BINARY, {"contentEncoding": "base64"}]}, True, True),
        ({"oneOf": [{"allOf": [{"contentEncoding": "base64"}]}]}, True, True),
        ({"allOf": [{"minLength": 1}, BINARY]}, True, True),
        ({"oneOf": [BINARY, True]}, False, True),
        ({"type": "array", "items": BINARY}, False, False),
        ({"type": "string", "contentMediaType": "application/gml+xml"}, False, False),
        (OBJECT, False, False),
        ({}, False, False),
    ],
)
def test_what_is_binary(schema: dict[str, Any], always: bool, may_be: bool) -> None:
    assert (always_binary(schema), may_be_binary(schema)) == (always, may_be)


_LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "number", "object", ["string", "null"]]),
        "contentEncoding": st.sampled_from(["base64", "binary", "utf-8"]),
        "contentMediaType": st.sampled_from(["image/tiff", "text/csv", "text/json", "application/json"]),
        "format": st.sampled_from(["byte", "date"]),
    },
)
_SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "object"]),
            "oneOf": st.lists(inner, max_size=3),
            "anyOf": st.lists(inner, max_size=3),
            "allOf": st.lists(inner, max_size=3),
        },
    ),
    max_leaves=6,
)


def shipped() -> Iterator[dict[str, Any]]:
    for folder in sorted(path.parent for path in bundled().glob("*/process.yml")):
        process = load_package(folder)
        specs: list[InputSpec | OutputSpec] = [*process.inputs.values(), *process.outputs.values()]
        for spec in specs:
            yield dict(spec.schema)


def agrees(schema: dict[str, Any]) -> None:
    assert may_be_binary(schema) or not always_binary(schema)
    assert may_be_binary(schema) == any(map(always_binary, branches(schema)))
    assert not (always_binary(schema) and expects_json(schema))
    assert always_binary_items({"type": "array", "items": schema}) == always_binary(schema)
    assert takes_text(schema) or not text_types(schema)
    for same in (ogc_form(schema), validating_form(schema)):
        assert (always_binary(same), may_be_binary(same)) == (always_binary(schema), may_be_binary(schema))
    if schema.keys().isdisjoint(("oneOf", "anyOf", "allOf")):  # Java generators compile no ``byte`` there
        assert always_binary(to_oas30(schema)) or not always_binary(schema)
    if not expects_json(schema) or takes_text(schema):
        assert value_of("no JSON", schema, None) == "no JSON"


def test_the_words_agree_on_what_ships() -> None:
    schemas = list(shipped())
    assert any(map(always_binary, schemas))
    assert any(map(expects_json, schemas))
    for schema in schemas:
        agrees(schema)


@given(_SCHEMAS)
@example({"oneOf": [BINARY, OBJECT]})
@example({"type": "string", "format": "byte"})
@example(expand("features")[0])
def test_the_words_agree_on_any_schema(schema: dict[str, Any]) -> None:
    agrees(schema)
