from __future__ import annotations

import contextlib
import math
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from tests.processes.conftest import PROCESSES

import dragoman
from dragoman.packages.native.loader import load_package
from dragoman.rasters.map_algebra import MAX_DEPTH, MAX_NODES
from dragoman.rasters.map_algebra_program import MAX_BANDS, MAX_LENGTH
from dragoman.rasters.opening import open_raster

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from tests.processes.conftest import FakeContext, MakeRaster

PROCESS = "raster-calculator"
UTM = Affine(10, 0, 500_000, 0, -10, 5_000_000)


def run(algorithm: ModuleType, paths: list[Path], expression: str, context: FakeContext) -> Any:
    with ExitStack() as stack:
        rasters = [stack.enter_context(open_raster(path)) for path in paths]
        result = algorithm.run(rasters, expression, context=context)
    with rasterio.open(result["result"]) as made:
        assert made.dtypes == ("float32",)
        assert np.isnan(made.nodata)
        return made.read(1)


def value(algorithm: ModuleType, expression: str, *numbers: float) -> float:
    """The expression for one pixel, r1 being the first number."""
    program = algorithm.compile_expression(expression)
    return float(program([np.array([numbers[raster - 1]]) for raster, _ in program.bands])[0])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("r1 + r2 * 2", 10),
        ("(r1 - r2) / (r1 + r2)", 1 / 7),
        ("-r1 ** 2", -16),
        ("r1 ** -r2", 4**-3),
        ("+r1 % 3", 1),
        ("r1 > 3", 1),
        ("(r1 > 3) & (r2 > 3)", 0),
        ("(r1 > 3) | ~(r2 > 3)", 1),
        ("0 < r1 < 4", 0),
        ("0 < r2 <= r1", 1),
        ("where(r1 == 4, r2, 0)", 3),
        ("where(r1 != 4, r2, -1)", -1),
        ("(r1 > 3) * r2 + (r1 > 9) * 100", 3),
        ("min(r1, r2, 1) + max(r1, r2)", 5),
        ("sqrt(r1) + log(exp(r2)) + log10(1000)", 8),
        ("abs(-r1) + floor(2.7) + ceil(2.1)", 9),
        ("sin(pi / 2) * cos(0) + atan2(r1, r1)", 1 + math.pi / 4),
        ("e * 0 + log1p(expm1(r2))", 3),
        ("1e3 + r1\n+ r2", 1007),
    ],
)
def test_the_language(algorithm: ModuleType, expression: str, expected: float) -> None:
    assert value(algorithm, expression, 4, 3) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "expression", ["r1 / (r2 - 3)", "sqrt(-r1)", "log(r2 - 3)", "exp(r1 * 1000)", "1e300 * r1"]
)
def test_what_is_not_a_finite_number_is_nodata(algorithm: ModuleType, expression: str) -> None:
    assert math.isnan(value(algorithm, expression, 4, 3))


@pytest.mark.parametrize(
    "expression",
    [
        "r1 > 0",
        "~(r1 > 0)",
        "where(r1 > 0, 1, 2)",
        "r1 ** 0",
        "where(r2 > 0, r2, r1)",
        "max(r1, r2)",
        "r1 != r1",
    ],
)
def test_nodata_in_stays_nodata(algorithm: ModuleType, expression: str) -> None:
    assert math.isnan(value(algorithm, expression, math.nan, 3))


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "cannot be read"),
        ("r1 +", "cannot be read"),
        ("1 + 2", "names no raster"),
        ("r0", "not known"),
        ("q1", "not known"),
        ("r1[0]", "counted from 1"),
        ("r1[r2]", "written r1[2]"),
        ("r1[1:2]", "written r1[2]"),
        ("r1 and r2", "write & and |"),
        ("not r1", "write ~"),
        ("r1 & r2", "where a condition belongs"),
        ("r1 > 0 & r2 > 0", "bind tighter"),
        ("r1 // 2", "use + -"),
        ("r1 @ r2", "use + -"),
        ("r1 is 1", "compare by"),
        ("r1 if r2 else r1", "not part of the language"),
        ("lambda: r1", "not part of the language"),
        ("[r1 for x in (1,)]", "not part of the language"),
        ("r1.real", "not part of the language"),
        ("(r1 := 2)", "not part of the language"),
        ("f'{r1}'", "not part of the language"),
        ("'a' * 999999999", "not a number"),
        ("r1 + 1j", "not a number"),
        ("r1 + True", "not a number"),
        ("r1 * 1e999", "not a number"),
        ("__import__('os').system('true')", "not a number"),
        ("r1.__class__.__bases__", "not part of the language"),
        ("exec(r1)", "not known"),
        ("sin(r1, 2)", "takes 1 argument, not 2"),
        ("sin(x=r1)", "no named arguments"),
        ("min(r1)", "not known with 1"),
        ("where(r1, 1, 2)", "where a condition belongs"),
        ("9 ** 9 ** 9 ** 9 + r1", "cannot be calculated"),
        ("1 / 0 + r1", "'1 / 0' is a division by zero"),
        ("r1 / 0", "'r1 / 0' is a division by zero"),
        ("r1 % (2 - 2)", "division by zero"),
        ("sqrt(-1) * r1", "'sqrt(-1)' is not a finite, real number"),
        ("where(r1 > 0, log(0), 1)", "'log(0)' is not a finite, real number"),
        ("r1 # red\n + r2 * 1000", "'#' at character 4 is not part of the language"),
        ("r1 +", "invalid syntax at its end"),
        (" r1\n+ * 2", "invalid syntax at character 7"),
        ("(-8) ** 0.5 * r1", "not a finite, real number"),
        ("r1 + " * 1000 + "r1", "characters long"),
        ("+".join(["r1"] * 400), "too long"),
        ("-" * 1500 + "r1", "too long"),
        ("(" * 300 + "r1" + ")" * 300, "cannot be read"),
        ("+".join(f"r1[{n}]" for n in range(1, 27)), "at most 24"),
        ("r1\x00", "cannot be read"),
    ],
)
def test_everything_else_is_refused(algorithm: ModuleType, expression: str, says: str) -> None:
    with pytest.raises(dragoman.InputError, match="'expression'") as caught:
        algorithm.compile_expression(expression)
    assert says in caught.value.detail


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=st.text(st.sampled_from("r12[]()+-*/%<>=&|~., ewhersinqt'_:\\\n"), max_size=40))
def test_any_text_compiles_or_is_the_callers_fault(algorithm: ModuleType, text: str) -> None:
    with contextlib.suppress(dragoman.InputError):
        algorithm.compile_expression(text)


def test_windows_bands_and_nodata(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    rng = np.random.default_rng(4)
    one = rng.integers(0, 9, (2, 50, 70)).astype("int16")
    two = rng.normal(size=(50, 70)).astype("float32")
    paths = [make_raster("a.tif", one, nodata=0), make_raster("b.tif", two)]
    found = run(algorithm, paths, "r1[2] * r2 - r1", context)
    expected = one[1] * two.astype(float) - one[0]
    expected[(one == 0).any(axis=0)] = np.nan
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert len(context.seen) > 1


def test_the_threads_do_not_mix_their_windows(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    values = np.arange(256 * 256, dtype="int32").reshape(256, 256)
    path = make_raster("a.tif", values, tiled=True, blockxsize=16, blockysize=16)
    found = run(algorithm, [path], "sqrt(r1 * r1) + where(r1 > 5, 1, 0) - (r1 > 5)", context)
    np.testing.assert_array_equal(found, values)


def test_other_grids_are_refused_with_how_they_differ(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    ones = np.ones((8, 8), "uint8")
    paths = [
        make_raster("a.tif", ones),
        make_raster("b.tif", ones, transform=UTM @ Affine.translation(1, 0)),
        make_raster("c.tif", np.ones((8, 9), "uint8"), crs="EPSG:3857"),
    ]
    with pytest.raises(dragoman.InputError) as caught:
        run(algorithm, paths, "r1 + r2 + r3", context)
    assert caught.value.problems[0].input_id == "rasters"
    assert "r2 differs from r1 in upper left corner (500010, 5000000)" in caught.value.detail
    assert "r3 differs from r1 in size 9 x 8 against 8 x 8, CRS EPSG:3857" in caught.value.detail


@pytest.mark.parametrize(("expression", "says"), [("r2", "there are 1 rasters"), ("r1[2]", "r1 has 1 bands")])
def test_rasters_and_bands_that_are_not_there(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, expression: str, says: str
) -> None:
    with pytest.raises(dragoman.InputError, match=says):
        run(algorithm, [make_raster("a.tif", np.ones((4, 4), "uint8"))], expression, context)


def test_the_example(algorithm: ModuleType, context: FakeContext, examples: Path) -> None:
    paths = [examples / "green.tif", examples / "red.tif"]
    found = run(algorithm, paths, "where((r1 > 7000) & (r2 > 7000), (r1 - r2) / (r1 + r2), 0)", context)
    a, b = (rasterio.open(path).read(1).astype(float) for path in paths)
    np.testing.assert_allclose(found, np.where((a > 7000) & (b > 7000), (a - b) / (a + b), 0), atol=1e-6)


def test_the_description_tells_the_limits() -> None:
    said = load_package(PROCESSES / PROCESS).description
    for limit in (MAX_LENGTH, MAX_NODES, MAX_DEPTH, MAX_BANDS):
        assert str(limit) in said


@pytest.mark.parametrize("text", ["0.1", "0.2", "0.3", "0.6", "0.7", "0.9"])
def test_scaled_values_compare_as_they_are_written(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, text: str
) -> None:
    path = make_raster("t.tif", np.arange(10_000, dtype="i2").reshape(100, 100))
    with rasterio.open(path, "r+") as target:
        target.scales, target.offsets = (0.0001,), (0.0,)
    first = round(float(text) * 10_000)
    for expression, count in (
        (f"r1 >= {text}", 10_000 - first),
        (f"r1 == {text}", 1),
        (f"r1 < {text}", first),
    ):
        with open_raster(path) as dataset:
            made = algorithm.run([dataset], expression, context=context)["result"]
        with rasterio.open(made) as result:
            assert result.read(1).sum() == count


def test_float32_compares_as_it_is_written(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("t.tif", np.array([[0.5, 0.7, 0.9]], "f4"))
    for expression, right in (("r1 == 0.7", [0, 1, 0]), ("0.7 >= r1", [1, 1, 0]), ("r1 < 0.7", [1, 0, 0])):
        with open_raster(path) as dataset:
            made = algorithm.run([dataset], expression, context=context)["result"]
        with rasterio.open(made) as result:
            assert result.read(1)[0].tolist() == right


def test_small_steps_on_a_large_offset_are_kept(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("s.tif", np.arange(100, dtype="u2").reshape(10, 10))
    with rasterio.open(path, "r+") as target:
        target.scales, target.offsets = (1.0,), (1.6e9,)
    with open_raster(path) as dataset:
        made = algorithm.run([dataset], "r1 - 1600000000", context=context)["result"]
    with rasterio.open(made) as result:
        assert result.read(1).ravel().tolist() == list(range(100))


def test_integers_that_would_lose_digits_are_refused(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("u.tif", np.uint64(2**60) + np.arange(4, dtype="u8").reshape(2, 2))
    with (
        open_raster(path, input_id="rasters") as dataset,
        pytest.raises(dragoman.InputError, match=r"'rasters': band 1 holds integers beyond 2\*\*53"),
    ):
        algorithm.run([dataset], "r1 + 1", context=context)


def pointed(path: Path, x: float, crs: CRS | None = None) -> Path:
    """A raster placed by ground control points alone, around that longitude."""
    points = [GroundControlPoint(row, col, x + col / 10, 50 - row / 10) for row in (0, 4) for col in (0, 4)]
    profile = {"driver": "GTiff", "width": 4, "height": 4, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", **profile) as target:
        target.write(np.ones((1, 4, 4), "u1"))
        target.gcps = points, CRS.from_epsg(4326) if crs is None else crs
    return path


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_rasters_placed_by_points_share_no_grid(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, make_raster: MakeRaster
) -> None:
    one, other = pointed(tmp_path / "a.tif", 10), pointed(tmp_path / "b.tif", 20)
    grid = make_raster("g.tif", np.ones((4, 4), "u1"))
    for pair in ([one, other], [one, grid], [grid, one]):
        with pytest.raises(dragoman.InputError, match="r2 and r1 differ in their ground control points"):
            run(algorithm, pair, "r1 + r2", context)
    with open_raster(one) as raster:
        made = algorithm.run([raster, raster], "r1 + r2", context=context)["result"]
    with rasterio.open(made) as result:
        assert len(result.gcps[0]) == 4
        assert result.read(1)[0, 0] == 2


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_points_of_a_plane_without_a_name_are_handed_on(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path
) -> None:
    path = pointed(tmp_path / "a.tif", 10, crs=CRS())
    with open_raster(path) as raster:
        made = algorithm.run([raster], "r1 * 2", context=context)["result"]
    with rasterio.open(made) as result:
        assert len(result.gcps[0]) == 4
        assert not result.gcps[1]


def test_a_vertical_crs_makes_no_other_grid(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    one = make_raster("a.tif", np.ones((4, 4), "u1"))
    other = make_raster("b.tif", np.ones((4, 4), "u1"), crs="EPSG:32633+5773")
    with open_raster(one) as first, open_raster(other) as second:
        made = algorithm.run([first, second], "r1 + r2", context=context)["result"]
    with rasterio.open(made) as result:
        assert result.read(1)[0, 0] == 2
