from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from dragoman import Raster
from dragoman.errors import InputError, PackageError
from dragoman.model.resolved import ResolvedValue
from dragoman.packages.native.algorithm import load_algorithm
from dragoman.packages.native.binding import bind
from dragoman.rasters.writing import write_netcdf, write_raster

if TYPE_CHECKING:
    from dragoman.model.process import Process

HEADER = """
from __future__ import annotations
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Optional
import dragoman, rasterio, xarray
"""


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    """Two bands of 3 x 4 in UTM 31, nodata -1 in one pixel."""
    array = np.arange(24, dtype="float32").reshape(2, 3, 4)
    made = Raster(
        array=np.ma.masked_equal(array, 5),
        transform=from_origin(500_000, 4_600_000, 10, 10),
        crs=rasterio.CRS.from_epsg(32631),
        nodata=-1,
    )
    write_raster(tmp_path / "in.tif", made)
    return tmp_path / "in.tif"


@pytest.fixture
def netcdf(tmp_path: Path) -> Path:
    write_netcdf(tmp_path / "in.nc", xr.Dataset({"t": ("x", np.arange(3.0))}))
    return tmp_path / "in.nc"


@pytest.fixture
def bound(make_process: Any, context: Any) -> Any:
    """What run gets for one input ``x``, and whether what was opened is closed afterwards."""

    def bind_one(
        annotation: str, spec: str, *values: ResolvedValue, default: str = "", cap: int | None = None
    ) -> Any:
        note = f": {annotation}" if annotation else ""
        process: Process = make_process(f"{{x: {spec}}}", py=f"{HEADER}\ndef run(*, x{note}{default}): ...")
        parameters = load_algorithm(process).parameters
        with bind(parameters, process, {"x": values}, context=context, max_pixels=cap) as arguments:
            return arguments.get("x", "nothing")

    return bind_one


def value(given: Any) -> ResolvedValue:
    return ResolvedValue(path=given) if isinstance(given, Path) else ResolvedValue(value=given)


@pytest.mark.parametrize(
    ("annotation", "schema", "given", "expected"),
    [
        ("int", "{type: integer}", 3.0, 3),
        ("float", "{type: number}", 3, 3.0),
        ("str", "{type: string}", "a", "a"),
        ("bool", "{type: boolean}", True, True),
        ("dict", "{type: object}", {"a": 1}, {"a": 1}),
        ("dict[str, Any]", "features", {"type": "FeatureCollection"}, {"type": "FeatureCollection"}),
        ("Mapping[str, object]", "{type: object}", {"a": 1}, {"a": 1}),
        ("list[float]", "{type: array}", [1, 2.5], [1.0, 2.5]),
        ("list[list[int]]", "{type: array}", [[1], []], [[1], []]),
        ("list", "{type: array}", [1, "a"], [1, "a"]),
        ("int | None", "{type: integer, nullable: true}", None, None),
        ("Optional[int]", "{type: integer}", 5, 5),
        ("str | float", "{}", 5, 5.0),
        ("float | int", "{}", 5, 5),
        ("Literal['a', 'b']", "{type: string}", "b", "b"),
        ("", "{}", [1, {"a": None}], [1, {"a": None}]),
        ("Any", "{}", None, None),
    ],
)
def test_json_takes_the_annotated_form(
    bound: Any, annotation: str, schema: str, given: Any, expected: Any
) -> None:
    got = bound(annotation, f"{{schema: {schema}}}", value(given))
    assert got == expected
    assert type(got) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "given", "told"),
    [
        ("int", 3.5, "got 3.5; allowed: an integer"),
        ("int", True, "got true; allowed: an integer"),
        ("float", "3", 'got "3"; allowed: a number'),
        ("float", 10**400, "which is too large"),
        ("str", 3, "got 3; allowed: a string"),
        ("list[int]", [1, "a"], 'got "a"; allowed: an integer'),
        ("int | str", [], "got []; allowed: an integer, or a string"),
        ("Literal['a']", "b", 'got "b"; allowed: a'),
        ("dragoman.Raster", {}, "got {}; allowed: a raster file"),
        ("xarray.Dataset", "x", 'got "x"; allowed: a NetCDF file'),
    ],
)
def test_a_wrong_value_is_the_callers_fault(bound: Any, annotation: str, given: Any, told: str) -> None:
    with pytest.raises(InputError) as raised:
        bound(annotation, "{schema: {}}", value(given))
    assert told in raised.value.detail
    assert raised.value.problems[0].input_id == "x"


def test_a_raster_comes_open_and_is_closed_after(bound: Any, raster: Path) -> None:
    dataset = bound("rasterio.DatasetReader", "{schema: raster}", value(raster))
    assert isinstance(dataset, rasterio.DatasetReader)
    assert (dataset.count, dataset.nodata) == (2, -1)
    assert dataset.closed


def test_a_raster_comes_whole(bound: Any, raster: Path) -> None:
    made = bound("dragoman.Raster", "{schema: raster}", value(raster))
    assert made.array.shape == (2, 3, 4)
    assert made.array.mask.sum() == 1
    assert made.crs.to_epsg() == 32631


def test_a_dataset_comes_open(make_process: Any, context: Any, netcdf: Path) -> None:
    process = make_process("{x: {schema: netcdf}}", py=f"{HEADER}\ndef run(x: xarray.Dataset): ...")
    parameters = load_algorithm(process).parameters
    with bind(parameters, process, {"x": [value(netcdf)]}, context=context, max_pixels=None) as arguments:
        dataset = arguments["x"]
        assert isinstance(dataset, xr.Dataset)
        assert dataset["t"].values.tolist() == [0, 1, 2]


@pytest.mark.parametrize("annotation", ["rasterio.DatasetReader", "dragoman.Raster", "xarray.Dataset"])
def test_what_cannot_be_opened_is_the_callers_fault(bound: Any, tmp_path: Path, annotation: str) -> None:
    file = tmp_path / "junk"
    file.write_bytes(b"junk")
    with pytest.raises(InputError) as raised:
        bound(annotation, "{schema: raster}", value(file))
    assert str(tmp_path) not in raised.value.detail


def test_a_raster_that_is_too_large_is_refused(bound: Any, raster: Path) -> None:
    with pytest.raises(InputError, match="at most 20"):
        bound("dragoman.Raster", "{schema: raster}", value(raster), cap=20)


@pytest.mark.parametrize("form", ["rasterio.DatasetReader", "dragoman.Raster"])
def test_a_raster_that_ends_too_early_is_the_callers_fault(
    make_process: Any, context: Any, raster: Path, form: str
) -> None:
    large = rasterio.open(raster).profile | {"width": 400, "height": 400}
    with rasterio.open(raster, "w", **large) as target:
        target.write(np.random.default_rng(1).random((2, 400, 400), "float32"))
    raster.write_bytes(raster.read_bytes()[: raster.stat().st_size // 2])
    process = make_process("{x: {schema: raster}}", py=f"{HEADER}\ndef run(x: {form}): ...")
    parameters = load_algorithm(process).parameters
    with (
        pytest.raises(InputError, match=r"^input 'x': the raster cannot be read to its end"),
        bind(parameters, process, {"x": [value(raster)]}, context=context, max_pixels=None) as arguments,
    ):
        arguments["x"].read()  # type: ignore[attr-defined]  # an open dataset


def test_what_was_opened_is_closed_when_the_next_cannot_be(
    make_process: Any, context: Any, raster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dragoman.rasters import opening

    opened: list[Any] = []
    real = opening.open_raster

    def spy(path: Path, **options: Any) -> Any:
        opened.append(real(path, **options))
        return opened[-1]

    monkeypatch.setattr(opening, "open_raster", spy)
    (tmp_path / "junk").write_bytes(b"junk")
    process = make_process(
        "{a: {schema: raster}, b: {schema: raster}}",
        py=f"{HEADER}\ndef run(a: rasterio.DatasetReader, b: rasterio.DatasetReader): ...",
    )
    values = {"a": [value(raster)], "b": [value(tmp_path / "junk")]}
    parameters = load_algorithm(process).parameters
    with (
        pytest.raises(InputError, match="input 'b'"),
        bind(parameters, process, values, context=context, max_pixels=None),
    ):
        pass
    assert [dataset.closed for dataset in opened] == [True]


def test_a_file_is_read_where_json_or_text_is_asked_for(bound: Any, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text('{"a": [1]}')
    assert bound("dict", "{schema: {type: object}}", value(file)) == {"a": [1]}
    assert bound("str", "{schema: {type: string}}", value(file)) == '{"a": [1]}'
    assert bound("", "{schema: {type: object}}", value(file)) == {"a": [1]}
    assert bound("", "{schema: raster}", value(file)) == file
    assert bound("Path", "{schema: raster}", value(file)) == file
    assert bound("Path | None", "{schema: raster}", value(file)) == file
    with pytest.raises(InputError, match="allowed: an integer"):
        bound("int", "{schema: {type: integer}}", value(file))
    file.write_bytes(b"\xff")
    with pytest.raises(InputError, match="not text in UTF-8"):
        bound("dict", "{schema: {type: object}}", value(file))


def test_json_becomes_a_file_where_a_path_is_asked_for(bound: Any, context: Any) -> None:
    made = bound("Path", "{schema: features}", value({"type": "FeatureCollection"}))
    assert (made.parent, made.suffix) == (context.scratch, ".geojson")
    assert made.read_text() == '{"type": "FeatureCollection"}'
    made = bound("Path", "{schema: {type: string}}", value("täxt"))
    assert (made.suffix, made.read_text()) == (".txt", "täxt")


MANY = "{schema: {type: integer}, minOccurs: 0, maxOccurs: unbounded}"
MAYBE = "{schema: {type: integer}, minOccurs: 0}"
DEFAULT = "{schema: {type: integer, default: 7}}"


def test_several_values_become_a_list(bound: Any, raster: Path) -> None:
    assert bound("list[int]", MANY, value(1), value(2)) == [1, 2]
    assert bound("list[int] | None", MANY, value(1)) == [1]
    assert bound("", MANY, value(1)) == [1]
    rasters = "{schema: raster, maxOccurs: 16}"
    assert [r.count for r in bound("list[dragoman.Raster]", rasters, value(raster), value(raster))] == [2, 2]
    with pytest.raises(PackageError, match="has to be a list"):
        bound("int", MANY, value(1))


def test_an_absent_input_takes_the_default(bound: Any) -> None:
    assert bound("int", DEFAULT, default=" = 3") == 7
    assert bound("int", MAYBE, default=" = 3") == "nothing"
    assert bound("int | None", MAYBE) is None
    assert bound("", MAYBE) is None
    assert bound("list[int]", MANY) == []
    with pytest.raises(InputError, match="input 'x': is required, but missing"):
        bound("int", "{schema: {type: integer}}")


def test_a_form_that_is_none_is_the_authors_fault(bound: Any) -> None:
    with pytest.raises(PackageError, match="is no form of an input"):
        bound("complex", "{schema: {}}", value(1))


def test_the_context_comes_to_those_who_ask(make_process: Any, context: Any) -> None:
    process = make_process("{a-b: {schema: {}}, c: {schema: {}}}", py="def run(a_b, *, context, **rest): ...")
    parameters = load_algorithm(process).parameters
    values = {"a-b": [value(1)], "c": [value(2)]}
    with bind(parameters, process, values, context=context, max_pixels=None) as arguments:
        assert arguments == {"a_b": 1, "c": 2, "context": context}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
    deadline=None,
)
@given(given=JSON)
def test_binding_keeps_the_value_or_blames_the_caller(bound: Any, given: Any) -> None:
    assert bound("", "{schema: {}}", value(given)) == given
    for annotation in ("int", "float", "str", "bool", "dict", "list[Any]", "int | str | None", "list[float]"):
        try:
            assert bound(annotation, "{schema: {}}", value(given)) == given
        except InputError as error:
            assert "\n" not in error.detail  # noqa: PT017  # either outcome is right
