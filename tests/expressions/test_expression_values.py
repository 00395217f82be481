"""The value of expressions, by windows, held to numpy.ma."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from expressionkit import PASSES, array_of, assert_same, cells_of, value_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.transform import from_bounds

from dragoman.expressions.cells import Cells
from dragoman.expressions.parsing import ExpressionError
from dragoman.rasters.grids import Grid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from expressionkit import Masked

DTYPES = ["uint8", "int16", "int32", "int64", "float32", "float64"]
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.ma.add,
    "-": np.ma.subtract,
    "*": np.ma.multiply,
    "/": np.ma.true_divide,
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
LOGIC: dict[str, Callable[[Any, Any], Any]] = {
    "and": np.ma.logical_and,
    "&&": np.ma.logical_and,
    "or": np.ma.logical_or,
    "||": np.ma.logical_or,
}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "abs": np.ma.abs,
    "floor": np.ma.floor,
    "ceil": np.ma.ceil,
    "float": lambda x: x.astype("float64"),
    "float32": lambda x: x.astype("float32"),
    "min": lambda x: np.ma.min(x),
    "max": lambda x: np.ma.max(x),
    "mean": lambda x: np.ma.mean(x, dtype="float64").astype(x.dtype if x.dtype.kind == "f" else "float64"),
    "std": lambda x: np.ma.std(x, dtype="float64").astype(x.dtype if x.dtype.kind == "f" else "float64"),
    "var": lambda x: np.ma.var(x, dtype="float64").astype(x.dtype if x.dtype.kind == "f" else "float64"),
    "median": np.ma.median,
}

type Pair = tuple[str, Callable[[Masked, Masked], Any]]
"""An expression of x and y, and the same for numpy.ma."""


def _leaf() -> st.SearchStrategy[Pair]:
    names: list[Pair] = [("x", lambda x, _y: x), ("y", lambda _x, y: y)]
    numbers = st.one_of(st.integers(0, 9), st.sampled_from([0.5, 2.25]))
    return st.sampled_from(names) | numbers.map(lambda n: (str(n), lambda _x, _y, n=n: n))


def _numbers(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    def binary(left: Pair, sign: str, right: Pair) -> Pair:
        return (
            f"({left[0]} {sign} {right[0]})",
            lambda x, y: ARITHMETIC[sign](left[1](x, y), right[1](x, y)),
        )

    def call(name: str, inside: Pair) -> Pair:
        return f"{name}({inside[0]} + x)", lambda x, y: of_numpy(name, inside, x, y)

    def of_numpy(name: str, inside: Pair, x: Masked, y: Masked) -> Any:
        return FUNCTIONS[name](np.ma.asanyarray(np.ma.add(inside[1](x, y), x)))

    return st.builds(binary, inner, st.sampled_from(list(ARITHMETIC)), inner) | st.builds(
        call, st.sampled_from(list(FUNCTIONS)), inner
    )


def _conditions(numbers: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    def comparison(left: Pair, sign: str, right: Pair) -> Pair:
        def compare(x: Masked, y: Masked) -> Any:
            return COMPARISONS[sign](np.ma.asanyarray(left[1](x, y)), np.ma.asanyarray(right[1](x, y)))

        return f"({left[0]} {sign} {right[0]})", compare

    def logic(left: Pair, word: str, right: Pair) -> Pair:
        return f"({left[0]} {word} {right[0]})", lambda x, y: LOGIC[word](left[1](x, y), right[1](x, y))

    compared = st.builds(comparison, numbers, st.sampled_from(list(COMPARISONS)), numbers)
    return compared | st.builds(logic, compared, st.sampled_from(list(LOGIC)), compared)


NUMBERS = st.recursive(_leaf(), _numbers, max_leaves=8)


@st.composite
def masked_arrays(draw: st.DrawFn, shape: tuple[int, int]) -> Masked:
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    data = draw(nps.arrays(dtype, shape, elements=st.integers(0, 50)))
    mask = draw(st.none() | nps.arrays(bool, shape))
    return np.ma.array(data, mask=np.ma.nomask if mask is None else mask)


@settings(max_examples=150, deadline=None)
@given(st.data(), NUMBERS | _conditions(NUMBERS))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy.ma's own, where nothing is left to reduce
def test_an_expression_gives_what_numpy_gives(data: st.DataObject, pair: Pair) -> None:
    text, judge = pair
    shape = (data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5)))
    x, y = data.draw(masked_arrays(shape)), data.draw(masked_arrays(shape))
    try:
        value = value_of(f"{text} * 1 + x * 0", x=cells_of(x), y=cells_of(y))
    except ExpressionError as error:  # of two constants
        assume("division by zero" not in error.detail)
        raise
    assert isinstance(value, Cells)
    assert_same(PASSES.collect(value, "the test").masked(), np.ma.add(np.ma.multiply(judge(x, y), 1), x * 0))


GRID = np.ma.masked_equal(np.arange(12.0).reshape(3, 4), 5)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-x ** 2", -(GRID**2)),  # ** binds tighter than the sign before it
        ("2 ** 3 ** 2 + x * 0", 512 + GRID * 0),  # and is right-associative
        ("x ** -1", GRID**-1.0),
        ("2 * x ** 2", 2 * GRID**2),
        ("x % 5", np.ma.mod(GRID, 5)),
        ("x > 3 == false", (GRID > 3) == False),  # noqa: E712  # comparisons go from left to right
        ("x > 8 or x > 3 and x < 2", GRID > 8),
        ("x > 3 && x < 7 || x == 0", ((GRID > 3) & (GRID < 7)) | (GRID == 0)),
        ("x + +1", GRID + 1),
        ("x / max(x)", GRID / 11),
        ("(x - min(x)) / (max(x) - min(x))", GRID / 11),
        ("abs(x - mean(x)) / std(x - mean(x))", abs(GRID - GRID.mean()) / GRID.std()),
        ("x - mean(x, 0)", GRID - GRID.mean(axis=0)),
        ("max(x, 1)", GRID.max(axis=1)),
        ("max(x, -1)", GRID.max(axis=1)),
        ("median(x)", np.ma.median(GRID)),
        ("median(x, 0)", np.ma.median(GRID, axis=0)),
        ("x[1]", GRID[1]),
        ("x[-1][2]", GRID[-1][2]),
        ("mask(x, x > 6)", np.ma.masked_where(GRID.filled(0) > 6, GRID)),
        ("get_mask(x)", GRID.mask),
        ("int(x / 2)", (GRID / 2).astype(int)),
        ("int8(x)", GRID.astype("int8")),
        ("float16(x)", GRID.astype("float16")),
        ("1 / (x - 3)", np.ma.masked_equal(1 / (GRID - 3), 0)),  # a division by zero masks the cell
        ("true and x > 3", GRID > 3),
    ],
)
def test_what_the_language_has(text: str, value: Any) -> None:
    assert_same(array_of(text, x=GRID), value)


def test_types_are_those_of_numpy_ma() -> None:
    bytes_ = np.ma.array(np.full((2, 2), 200, "uint8"))
    doubled = array_of("x * 2", x=bytes_)
    assert doubled.dtype == np.int64
    assert doubled.max() == 400
    assert array_of("int16(x)", x=bytes_).dtype == np.int16
    assert array_of("x / max(x)", x=bytes_.astype("float32")).dtype == np.float32


def test_reductions_leave_out_what_is_masked_and_nan() -> None:
    array = np.ma.array([[1.0, np.nan], [99.0, 3.0]], mask=[[False, False], [True, False]])
    for text, value in {
        "max(x)": 3.0,
        "min(x)": 1.0,
        "mean(x)": 2.0,
        "var(x)": 1.0,
        "median(x)": 2.0,
    }.items():
        assert array_of(text, x=array) == value
    assert array_of("mean(x)", x=np.ma.masked_all((2, 2))) is np.ma.masked or np.ma.is_masked(
        array_of("mean(x)", x=np.ma.masked_all((2, 2)))
    )


def test_along_bands_all_goes_by_windows() -> None:
    bands = np.ma.masked_equal(np.arange(24.0).reshape(2, 3, 4), 7)
    assert isinstance(value_of("mean(x, 0)", x=cells_of(bands)), Cells)
    assert_same(array_of("mean(x, 0) + x[0]", x=bands), bands.mean(axis=0) + bands[0])
    assert_same(array_of("median(x, 0)", x=bands), np.ma.median(bands, axis=0))


def test_a_large_array_is_the_sum_of_its_windows() -> None:
    array = np.ma.masked_less(np.arange(3000 * 2100, dtype="float32").reshape(3000, 2100) % 977, 4)
    assert_same(array_of("mean(x) + 0 * x[2999][2099]", x=array), np.ma.array(array.mean(dtype="float64")))
    assert_same(array_of("x * 2 - min(x)", x=array), array * 2 - 4)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x[3]", "column 2: there is no item 3; the array has 3"),
        ("x['a']", "column 2: an index has to be a whole number"),
        ("max(x, 2)", "column 1: the axis 2 is none of the array's; allowed: 0 to 1"),
        ("max(x, x)", "column 1: the axis"),
        ("x + 'a'", 'column 3: "a" is no array; allowed: arrays and numbers'),
        ("x + y", "column 3: arrays of 3 x 4 and 2 x 2 cells; allowed: of one size"),
        ("x + z", "column 3: arrays of 3 x 4 and 3 cells; allowed: of one size"),
        ("max('a')", 'column 1: "a" is no array'),
    ],
)
def test_what_cannot_be_calculated_is_told_with_its_place(text: str, problem: str) -> None:
    variables: dict[str, Any] = {"x": cells_of(GRID), "y": cells_of(np.ones((2, 2))), "z": [1, 2, 3]}
    with pytest.raises(ExpressionError) as error:
        value_of(text, **variables)
    assert error.value.detail.startswith(problem)


def test_the_median_of_what_does_not_fit_says_what_does() -> None:
    cells = cells_of(np.broadcast_to(np.float64(1), (20_000, 20_000)))
    with pytest.raises(ExpressionError, match=r"median\(\) needs the whole array, 3200000000 bytes; allowed"):
        value_of("median(x)", x=cells)


def test_values_beside_arrays() -> None:
    assert value_of("x['low'] * 2", x={"low": 3}) == 6
    assert value_of("x[1]", x=[4, 5]) == 5
    assert_same(array_of("x * 2", x=np.ones((1, 1))), np.full((1, 1), 2.0))
    assert value_of("x == 'wet'", x="wet") is True


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("planes", [2, 3, 4, 5])
def test_no_plane_of_a_written_array_is_the_mask_of_the_others(
    tmp_path: Path, planes: int, dtype: str
) -> None:
    values = np.arange(planes * 4 * 5, dtype=dtype).reshape(planes, 4, 5)
    values[-1] = 0
    grid = Grid(crs=CRS.from_epsg(4326), transform=from_bounds(0, 0, 5, 4, 5, 4), width=5, height=4)
    PASSES.write(cells_of(values, grid), tmp_path / "planes.tif")
    with rasterio.open(tmp_path / "planes.tif") as written:
        np.testing.assert_array_equal(written.read(), values)
        assert written.read_masks().all()
        assert ColorInterp.alpha not in written.colorinterp
