from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.rasters.statistics import PIECE, Statistics, merged

values = st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), max_size=40)


@given(st.lists(values, max_size=6))
def test_merging_pieces_gives_what_the_whole_gives(pieces: list[list[float]]) -> None:
    whole = Statistics.of(np.array([value for piece in pieces for value in piece], dtype=float))
    parts = merged([Statistics.of(np.array(piece, dtype=float)) for piece in pieces])
    assert (parts.total, parts.count) == (whole.total, whole.count)
    assert (parts.minimum, parts.maximum) == (whole.minimum, whole.maximum)
    assert parts.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-6)
    assert parts.squares == pytest.approx(whole.squares, rel=1e-6, abs=1e-3)


@given(values, values)
def test_merging_does_not_mind_the_order(left: list[float], right: list[float]) -> None:
    a, b = Statistics.of(np.array(left, dtype=float)), Statistics.of(np.array(right, dtype=float))
    assert a.merge(b).mean == pytest.approx(b.merge(a).mean, rel=1e-9, abs=1e-9)
    assert a.merge(b).count == b.merge(a).count


def test_a_large_offset_loses_no_digits() -> None:
    rng = np.random.default_rng(1)
    data = rng.normal(0, 1, PIECE * 2 + 17)
    assert Statistics.of(data + 1e9).std == pytest.approx(data.std(), rel=1e-5)


def test_missing_values_count_in_the_total_only() -> None:
    data = np.ma.MaskedArray([1.0, 2.0, np.nan, np.inf, 99.0], [False, False, False, False, True])
    said = Statistics.of(data).to_json()
    assert said == {
        "min": 1.0,
        "max": 2.0,
        "mean": 1.5,
        "std": 0.5,
        "valid_count": 2,
        "valid_fraction": 0.4,
    }


def test_nothing_valid_is_null_not_nan() -> None:
    said = Statistics.of(np.full(4, np.nan)).to_json()
    assert said["mean"] is None
    assert said["std"] is None
    assert (said["valid_count"], said["valid_fraction"]) == (0, 0.0)
    assert Statistics().to_json()["valid_fraction"] == 0.0
