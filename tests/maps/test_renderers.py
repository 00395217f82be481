"""Renderers: what is read, what is refused and where, and what their words become."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import InvalidRenderer
from dragoman.maps.renderers import MIN_MAX, dump_renderer, parse_renderer, resolved
from dragoman.model.renderer import Renderer

RAMP: dict[str, Any] = {"type": "stretched", "colors": [[0, "#000"], [400, "#FF0000"]]}


def _with(**changes: Any) -> dict[str, Any]:
    return {**RAMP, **changes}


def test_a_stretched_renderer_with_its_defaults() -> None:
    assert parse_renderer(RAMP, words=False) == Renderer(
        kind="stretched", colors=((0.0, "#000"), (400.0, "#FF0000"))
    )


def test_values_come_in_their_order_and_each_label_with_its_color() -> None:
    value = {"type": "unique", "colors": [["7", "#111"], [3, "#22222280"]], "options": {"labels": ["b", "a"]}}
    renderer = parse_renderer(value, words=False)
    assert renderer.colors == ((3.0, "#22222280"), (7.0, "#111"))
    assert renderer.labels == ("a", "b")


def test_options() -> None:
    options = {"fill_value": "-9999", "color_space": " RGB "}
    renderer = parse_renderer(_with(options=options), words=False)
    assert (renderer.fill_value, renderer.color_space) == (-9999.0, "rgb")


def test_words_become_the_values_of_the_data() -> None:
    value = _with(colors=[["max", "#00f"], ["min", "#f00"], ["p2.5", "#fff"]])
    renderer = parse_renderer(value, words=True)
    assert renderer.words == ("max", "min", "p2.5")
    numbers = resolved(renderer, {"min": -1.0, "max": 9.0, "p2.5": 0.5})
    assert numbers.colors == ((-1.0, "#f00"), (0.5, "#fff"), (9.0, "#00f"))
    assert numbers.words == ()


def test_min_max_is_black_to_white() -> None:
    assert parse_renderer("min-max", words=True) is MIN_MAX
    assert resolved(MIN_MAX, {"min": 1.0, "max": 2.0}).colors == ((1.0, "#000000"), (2.0, "#ffffff"))


def test_data_without_a_valid_cell_make_zeros_of_words() -> None:
    assert [value for value, _ in resolved(MIN_MAX, {}).colors] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("value", "place", "told"),
    [
        ("min-max", "", "no renderer"),
        (None, "", "no renderer"),
        ([], "", "no renderer"),
        (_with(kind="x"), "", "'kind'"),
        ({"type": "Stretched", "colors": RAMP["colors"]}, "type", "stretched, classified, unique"),
        ({"colors": RAMP["colors"]}, "type", "nothing"),
        ({"type": "unique"}, "colors", "1 to 4096 pairs"),
        (_with(colors=[[0, "#000"]]), "colors", "2 to 4096 pairs"),
        (_with(colors={"0": "#000"}), "colors", "pairs"),
        (_with(colors=[[0, "#000"], 5]), "colors[1]", "[value, color]"),
        (_with(colors=[[0, "#000"], [1, "red"]]), "colors[1][1]", "#rgb, #rrggbb"),
        (_with(colors=[[0, "#00"], [1, "#000"]]), "colors[0][1]", "'#00'"),
        (_with(colors=[[True, "#000"], [1, "#000"]]), "colors[0][0]", "a number"),
        (_with(colors=[["min", "#000"], [1, "#000"]]), "colors[0][0]", "'min'"),
        (_with(colors=[["nan", "#000"], [1, "#000"]]), "colors[0][0]", "a number"),
        (_with(colors=[[10**400, "#000"], [1, "#000"]]), "colors[0][0]", "a number"),
        (_with(colors=[[1, "#000"], [1.0, "#fff"]]), "colors[1][0]", "already"),
        (_with(options=[]), "options", "an object"),
        (_with(options={"method": 1}), "options", "'method'"),
        (_with(options={"fill_value": "x"}), "options.fill_value", "a number"),
        (_with(options={"color_space": "lab"}), "options.color_space", "hsv, rgb"),
        (_with(options={"labels": ["a"]}), "options.labels", "1 labels for 2 colors"),
        (_with(options={"labels": [1, 2]}), "options.labels", "texts"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_place(value: Any, place: str, told: str) -> None:
    with pytest.raises(InvalidRenderer) as refusal:
        parse_renderer(value, words=False)
    assert refusal.value.place == place
    assert told in refusal.value.detail


@pytest.mark.parametrize("word", ["p101", "p100.5", "median", "p", "p-1", "P2"])
def test_no_other_word_is_a_value(word: str) -> None:
    with pytest.raises(InvalidRenderer, match="percentile"):
        parse_renderer(_with(colors=[[word, "#000"], [1, "#000"]]), words=True)


_VALUES = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    ["min", "max", "mean", "p2", "p99.9"]
)
_COLORS = st.lists(
    st.tuples(_VALUES, st.from_regex(r"#([0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})", fullmatch=True)),
    min_size=2,
    max_size=9,
    unique_by=lambda pair: pair[0],
)


@given(
    kind=st.sampled_from(["stretched", "classified", "unique"]),
    colors=_COLORS,
    fill=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    labelled=st.booleans(),
)
def test_what_is_written_is_read_back(kind: Any, colors: Any, fill: float | None, labelled: bool) -> None:
    options: dict[str, Any] = {"fill_value": fill, "labels": [f"l{n}" for n in range(len(colors))] * labelled}
    value = {"type": kind, "colors": [list(pair) for pair in colors], "options": options}
    renderer = parse_renderer(value, words=True)
    assert parse_renderer(dump_renderer(renderer), words=True) == renderer
