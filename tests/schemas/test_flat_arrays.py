"""Arrays that are checked as a whole: the same findings as item by item, and no item looked at alone without need."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dragoman.schemas.flat_arrays import BLOCK, doubtful, quick_check
from dragoman.schemas.value_check import SchemaCheck, check_of

NUMBERS = st.integers(-3, 3) | st.sampled_from([-2.0, -0.5, 0.0, 1.0, 1.5, 2.5, 1e308, 10**400])
ITEMS: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | NUMBERS | st.text("ab", max_size=3) | st.just([]) | st.just({})
)
TYPES = st.sampled_from(["number", "integer", "string", "boolean", "null", "array", "object"])
SCHEMAS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
        "title": st.just("T"),
        "minimum": st.integers(-3, 3) | st.just(0.5),
        "maximum": st.integers(-3, 3),
        "exclusiveMinimum": st.integers(-3, 3),
        "exclusiveMaximum": st.sampled_from([-1, 1.5]),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 3),
        "enum": st.lists(st.sampled_from(["a", "b", "ab", ""]) | st.integers(0, 1), min_size=1, max_size=3),
        "pattern": st.just("a"),
        "multipleOf": st.just(2),
        "format": st.sampled_from(["date", "double"]),
        "oneOf": st.just([{"type": "string"}, {"type": "number"}]),
        "nullable": st.booleans(),
    },
)


@given(schema=SCHEMAS, items=st.lists(ITEMS, min_size=8, max_size=12))
@example(schema={"type": "integer"}, items=[1.0] * 8)
@example(schema={"type": "integer"}, items=[*range(8), 1.5])
@example(schema={"type": "number"}, items=[True] * 8)
@example(schema={"minimum": 1}, items=["a"] * 8)
@example(schema={"enum": [1]}, items=[True] * 8)
def test_an_array_is_held_to_what_its_items_are(schema: dict[str, Any], items: list[Any]) -> None:
    """One check for the array against one for each item."""
    alone = SchemaCheck(schema)
    wrong = [index for index, item in enumerate(items) if alone.findings(item)]
    findings = SchemaCheck({"type": "array", "items": schema}).findings(items)
    assert [finding.partition(":")[0] for finding in findings if finding.startswith("[")] or not wrong
    assert bool(findings) == bool(wrong)
    if len(wrong) <= 1:
        told = alone.findings(items[wrong[0]]) if wrong else []
        assert findings == [f"[{wrong[0]}]: {text}" for text in told]


@given(schema=SCHEMAS.filter(lambda s: "nullable" not in s), items=st.lists(ITEMS, max_size=12))
def test_what_is_not_doubtful_fits_by_the_library_itself(schema: dict[str, Any], items: list[Any]) -> None:
    doubts = set(doubtful(items, schema, ("date",)))
    validator = Draft202012Validator(schema)
    assert all(validator.is_valid(item) for index, item in enumerate(items) if index not in doubts)


@given(schema=SCHEMAS.filter(lambda s: "nullable" not in s), value=ITEMS | st.lists(ITEMS, max_size=3))
@example(schema={"type": "integer"}, value=1.0)
@example(schema={"type": "number"}, value=True)
@example(schema={"type": "string"}, value=[])
def test_what_is_checked_quickly_fits_by_the_library_itself(schema: dict[str, Any], value: Any) -> None:
    for form in (
        schema,
        {"type": "array", "items": schema},
        {"type": "array", "items": schema, "minItems": 2},
    ):
        quick = quick_check(form, ("date",))
        if quick is not None and quick(value):
            assert Draft202012Validator(form).is_valid(value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "a"),
        ({"type": "array", "items": {"type": "string"}}, ["a"]),
        ({"type": "number"}, 0),
    ],
)
def test_plain_values_are_checked_quickly(schema: dict[str, Any], value: Any) -> None:
    quick = quick_check(schema, ("date",))
    assert quick is not None
    assert quick(value)


@pytest.mark.parametrize(
    ("schema", "items"),
    [
        ({"type": "number"}, [0.5, 1]),
        ({"type": "integer", "minimum": 0, "maximum": 9}, [1, 2.0]),
        ({"type": "string", "maxLength": 3}, ["a", "abc"]),
        ({"type": "string", "enum": ["a", "b"]}, ["a", "b"]),
        ({"type": ["number", "null"], "format": "double"}, [1.5, None]),
        ({"type": "boolean"}, [True, False]),
    ],
)
def test_no_item_of_a_plain_array_is_looked_at_alone(schema: dict[str, Any], items: list[Any]) -> None:
    assert list(doubtful(items * BLOCK, schema, ("date",))) == []


def test_only_the_block_of_a_wrong_item_is_looked_at() -> None:
    items: list[Any] = [0.5] * (3 * BLOCK)
    items[BLOCK + 7] = "x"
    assert list(doubtful(items, {"type": "number"}, ())) == list(range(BLOCK, 2 * BLOCK))
    found = check_of({"type": "array", "items": {"type": "number"}}).findings(items)
    assert found == [f'[{BLOCK + 7}]: got "x"; allowed: a number']


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_json_number_is_found(value: float) -> None:
    found = SchemaCheck({"type": "array", "items": {"type": "number"}}).findings([0.5] * 20 + [value])
    assert [text[:5] for text in found] == ["[20]:"]
