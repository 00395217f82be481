"""Which colour a value has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dragoman.maps.drawing.palettes import palette_of, parse_color
from dragoman.maps.renderers import parse_renderer

BLACK_WHITE = [[0, "#000000"], [89, "#ffffff"]]
CLEAR = [255, 255, 255, 0]


def colors(renderer: Any, values: Any, dtype: Any = np.float32, valid: Any = None) -> list[list[int]]:
    palette = palette_of(parse_renderer(renderer, words=False))
    cells = np.array(values, dtype)
    shown = np.ones(cells.shape, bool) if valid is None else np.array(valid)
    found: list[list[int]] = palette.colors[palette.numbers(cells, shown)].tolist()
    return found


def stretched(colors: Any, **options: Any) -> dict[str, Any]:
    return {"type": "stretched", "colors": colors, "options": options}


def test_a_ramp_has_ninety_colours_and_ends_that_hold_what_lies_beyond() -> None:
    renderer = stretched(BLACK_WHITE)
    assert len(palette_of(parse_renderer(renderer, words=False)).colors) == 91
    greys = colors(renderer, [-5, 0, 0.99, 1, 44.6, 88.99, 89, 1000])
    assert greys == [[grey, grey, grey, 255] for grey in (0, 0, 0, 2, 126, 252, 255, 255)]


def test_a_ramp_of_many_stops_has_255_colours() -> None:
    stops = [[each, f"#{each:02x}{each:02x}{each:02x}"] for each in range(0, 220, 10)]
    assert len(palette_of(parse_renderer(stretched(stops), words=False)).colors) == 256


def test_hues_go_straight_from_one_stop_to_the_next() -> None:
    middle = colors(stretched([[0, "#0000ff"], [2, "#ff0000"]], color_space="hsv"), [1])
    assert middle == [[0, 255, 5, 255]]  # through green, not through magenta


def test_a_grey_has_the_hue_of_its_neighbour() -> None:
    for red, green, blue, _ in colors(stretched([[0, "#ffffff"], [89, "#ff0000"]]), range(90)):
        assert red == 255
        assert green == blue


def test_colours_between_two_stops_lie_on_a_line_in_rgb() -> None:
    renderer = stretched([[0, "#ff000000"], [89, "#0000ffff"]], color_space="rgb")
    assert colors(renderer, [0, 44.5, 89]) == [[255, 0, 0, 0], [128, 0, 126, 126], [0, 0, 255, 255]]


def test_a_ramp_without_extent_has_one_colour() -> None:
    palette = palette_of(parse_renderer(stretched(BLACK_WHITE), words=False))
    assert palette.nothing == 90
    same = parse_renderer(stretched(BLACK_WHITE), words=False)
    object.__setattr__(same, "colors", ((5.0, "#000000"), (5.0, "#ffffff")))
    assert palette_of(same).numbers(np.array([5.0]), np.array([True])).tolist() == [0]


def test_a_class_holds_the_value_it_ends_at() -> None:
    renderer = {"type": "classified", "colors": [[1, "#f00"], [2, "#0f0"], [3, "#00f"]]}
    red, green, blue = [255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]
    values = [-9, 1, 1.01, 2, 2.5, 3, 3.01]
    assert colors(renderer, values) == [red, red, green, green, blue, blue, CLEAR]


def test_a_break_is_met_by_the_nearest_value_of_the_cells_type() -> None:
    renderer = {"type": "classified", "colors": [[0.1, "#f00"], [0.7, "#0f0"]]}
    assert colors(renderer, [0.1, 0.7]) == [[255, 0, 0, 255], [0, 255, 0, 255]]
    unique = {"type": "unique", "colors": [[0.1, "#f00"]]}
    assert colors(unique, [0.1, 0.2]) == [[255, 0, 0, 255], CLEAR]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.int16, np.float64])
def test_unique_values_are_drawn_whatever_their_type(dtype: Any) -> None:
    renderer = {"type": "unique", "colors": [[3, "#00ff0080"], [1, "#f00"]]}
    assert colors(renderer, [0, 1, 2, 3, 200], dtype) == [
        CLEAR,
        [255, 0, 0, 255],
        CLEAR,
        [0, 255, 0, 128],
        CLEAR,
    ]


def test_what_is_not_valid_and_the_fill_value_are_not_drawn() -> None:
    renderer = {**stretched(BLACK_WHITE, fill_value=7)}
    assert colors(renderer, [7, 0, 0], valid=[True, False, True]) == [CLEAR, CLEAR, [0, 0, 0, 255]]


def test_more_colours_than_a_byte_can_number() -> None:
    values = [[each, "#000000"] for each in range(300)]
    assert colors({"type": "unique", "colors": values}, [299, 300], np.int32) == [[0, 0, 0, 255], CLEAR]


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("#0f8", (0, 255, 136, 255)),
        ("#010203", (1, 2, 3, 255)),
        ("#01020304", (1, 2, 3, 4)),
    ],
)
def test_colours_are_read(text: str, color: tuple[int, ...]) -> None:
    assert parse_color(text) == color
