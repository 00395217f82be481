"""What algorithms return as JSON."""

from __future__ import annotations

import enum
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.schemas.json_values import to_json


class Colour(enum.StrEnum):
    RED = "red"


ITEMS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from([Colour.RED, np.float32(0.5), np.int64(3), np.array([1, 2]), (1, 2.5)]),
)


@given(st.lists(ITEMS, max_size=5))
def test_a_list_is_what_its_items_are(items: list[Any]) -> None:
    """Plain lists are taken as they are, the others item by item."""
    assert to_json(items) == [to_json(item) for item in items]
    assert {type(item) for item in to_json(items)} <= {type(None), bool, int, float, str, list}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_has_no_number_for_is_null(value: float) -> None:
    assert to_json([1.5, value]) == [1.5, None]
    assert to_json([value]) == [None]


def test_a_list_that_is_returned_is_no_longer_the_algorithm_s_own() -> None:
    own = [1, 2]
    assert to_json(own) is not own
