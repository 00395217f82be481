from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dragoman
from dragoman.rasters import hdf5_reading, netcdf_reading
from dragoman.rasters.netcdf_opening import open_dataset

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from tests.processes.conftest import FakeContext

PROCESS = "reduce-dimension"
METHODS = ["mean", "min", "max", "sum", "std", "count"]


def sample(shape: tuple[int, int, int] = (7, 5, 6), seed: int = 7) -> xr.Dataset:
    """Temperatures with some values missing, and one place without any."""
    rng = np.random.default_rng(seed)
    values = rng.normal(280, 10, shape).astype("float32")
    values[rng.random(shape) < 0.2] = np.nan
    values[:, 0, 0] = np.nan
    times = np.datetime64("2020-01-01", "ns") + np.arange(shape[0]) * np.timedelta64(1, "D")
    return xr.Dataset(
        {"t": (("time", "y", "x"), values, {"units": "K", "standard_name": "air_temperature"})},
        coords={"time": times, "y": np.arange(shape[1]) * 0.5, "x": np.arange(shape[2]) * 0.25},
        attrs={"title": "sample", "history": "made"},
    )


def expected(data: xr.DataArray, dimension: str, method: str) -> Any:
    if method == "count":
        return data.count(dimension)
    if method == "sum":
        return data.astype(float).sum(dimension, min_count=1)
    with np.errstate(all="ignore"):
        return getattr(data.astype(float), method)(dimension)


def run(algorithm: ModuleType, path: Path, context: FakeContext, **inputs: Any) -> xr.Dataset:
    with open_dataset(path) as data:
        result = algorithm.run(data, context=context, **inputs)
    with open_dataset(result["result"]) as made:
        loaded: xr.Dataset = made.load()
    return loaded


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT", "NETCDF4"])
@pytest.mark.filterwarnings("ignore:Degrees of freedom:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")
def test_methods_and_formats(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, method: str, form: Any
) -> None:
    source = sample()
    chunks = {"t": {"chunksizes": (2, 3, 4)}} if form == "NETCDF4" else {}
    source.to_netcdf(tmp_path / "a.nc", engine="netcdf4", format=form, encoding=chunks)
    context.config = {"block_values": 24}
    made = run(algorithm, tmp_path / "a.nc", context, method=method)
    np.testing.assert_allclose(made["t"], expected(source["t"], "time", method), rtol=1e-5)
    assert made["t"].dtype == {"count": np.int32, "sum": np.float64}.get(method, np.float32)
    assert len(context.seen) > 1
    assert context.seen[-1] == 100


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_any_chunks_and_blocks_give_the_same(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, data: st.DataObject
) -> None:
    shape = tuple(data.draw(st.integers(1, 6)) for _ in range(3))
    chunks = tuple(data.draw(st.integers(1, size)) for size in shape)
    dimension = data.draw(st.sampled_from(["time", "y", "x"]))
    values = np.random.default_rng(8).normal(1e6, 1, shape)
    source = xr.Dataset({"t": (("time", "y", "x"), values)})
    source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding={"t": {"chunksizes": chunks}})
    context.config = {"block_values": data.draw(st.integers(1, 300))}
    made = run(algorithm, tmp_path / "a.nc", context, dimension=dimension, method="std")
    np.testing.assert_allclose(made["t"], source["t"].std(dimension), rtol=1e-6, atol=1e-7)


def test_numbers_near_the_limit_of_float64_have_a_deviation(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path
) -> None:
    limit = np.finfo(np.float64).max
    source = xr.Dataset({"t": (("time", "y", "x"), np.full((1, 2, 2), -limit))})
    source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    deviation = run(algorithm, tmp_path / "a.nc", context, dimension="time", method="std")
    np.testing.assert_array_equal(deviation["t"], np.zeros((2, 2)))


def test_the_result_is_cf(algorithm: ModuleType, context: FakeContext, tmp_path: Path) -> None:
    source = sample().assign_coords(
        lon=(("y", "x"), np.ones((5, 6))), height=2.0, moment=("time", np.arange(7.0)), crs=((), 0)
    )
    source["t"].attrs["grid_mapping"] = "crs"
    source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    made = run(algorithm, tmp_path / "a.nc", context)
    assert set(made.coords) == {"y", "x", "lon", "height", "crs"}
    assert made["t"].attrs["cell_methods"] == "time: mean"
    assert (made["t"].attrs["units"], made["t"].attrs["standard_name"]) == ("K", "air_temperature")
    assert made.attrs["title"] == "sample"
    assert made.attrs["Conventions"].startswith("CF-")
    assert made.attrs["history"].splitlines()[1] == "made"
    assert "mean of t over time" in made.attrs["history"]
    count = run(algorithm, tmp_path / "a.nc", context, method="count")["t"]
    assert count.attrs["standard_name"] == "air_temperature number_of_observations"
    assert count.attrs["units"] == "1"


def test_packed_integers_with_fill_values(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path
) -> None:
    packing = {"t": {"dtype": "int16", "scale_factor": 0.1, "add_offset": 280.0, "_FillValue": -32768}}
    source = sample()
    source.to_netcdf(tmp_path / "a.nc", engine="netcdf4", format="NETCDF3_CLASSIC", encoding=packing)
    made = run(algorithm, tmp_path / "a.nc", context)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(made["t"].values[1:], source["t"].mean("time").values[1:], atol=0.05)
    assert np.isnan(made["t"].values[0, 0])


def test_one_dimension_becomes_a_number(algorithm: ModuleType, context: FakeContext, tmp_path: Path) -> None:
    xr.Dataset({"a": ("x", [1.0, 2.0, 6.0])}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    assert run(algorithm, tmp_path / "a.nc", context, dimension="x")["a"].item() == 3


def test_a_classic_file_with_malformed_fill_values(
    algorithm: ModuleType, context: FakeContext, examples: Path
) -> None:
    made = run(algorithm, examples / "wind.nc", context)
    with open_dataset(examples / "wind.nc") as data:
        assert "_FillValue" not in data["u"].encoding
        np.testing.assert_allclose(made["u"], data["u"].mean("month"))
    assert made["u"].dims == ("level", "latitude", "longitude")


def test_a_file_without_axis_attributes(algorithm: ModuleType, context: FakeContext, examples: Path) -> None:
    made = run(algorithm, examples / "basins.nc", context, dimension="Z", method="max")
    with open_dataset(examples / "basins.nc") as data:
        top = data["basin"].fillna(-1).max("Z")
        np.testing.assert_array_equal(made["basin"].fillna(-1), top)
        with pytest.raises(dragoman.InputError, match="no time axis is found; 'basin' has Z, Y, X"):
            algorithm.run(data, context=context)


@pytest.mark.parametrize(
    ("inputs", "input_id", "says"),
    [
        ({}, "variable", "has to be given; the dataset holds a, b"),
        ({"variable": "q"}, "variable", "'q' is no variable of numbers"),
        ({"variable": "word"}, "variable", "is no variable of numbers"),
        ({"variable": "a", "dimension": "q"}, "dimension", "'q' is no dimension of the variable; 'a' has x"),
        ({"variable": "a"}, "dimension", "no time axis"),
        ({"variable": "a", "method": "mode"}, "method", "is none of mean"),
    ],
)
def test_the_callers_faults(
    algorithm: ModuleType, context: FakeContext, inputs: dict[str, str], input_id: str, says: str
) -> None:
    data = xr.Dataset({"a": ("x", [1.0]), "b": ("x", [2]), "word": ("x", ["w"])})
    with pytest.raises(dragoman.InputError, match=says) as caught:
        algorithm.run(data, context=context, **inputs)
    assert caught.value.problems[0].input_id == input_id


@pytest.mark.parametrize(
    ("dimension", "input_id", "says"),
    [
        (None, "dimension", "'time' is empty"),
        ("time", "dimension", "'time' is empty"),
        ("x", "dataset", "'t' holds no values: time has the length 0"),
    ],
)
def test_an_axis_without_values_is_the_callers_fault(
    algorithm: ModuleType,
    context: FakeContext,
    tmp_path: Path,
    dimension: str | None,
    input_id: str,
    says: str,
) -> None:
    sample().isel(time=slice(0)).to_netcdf(tmp_path / "a.nc", engine="h5netcdf", unlimited_dims=["time"])
    with pytest.raises(dragoman.InputError, match=says) as caught:
        run(algorithm, tmp_path / "a.nc", context, dimension=dimension)
    assert caught.value.problems[0].input_id == input_id


def test_bounds_are_no_variable_and_stay_with_their_axis(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path
) -> None:
    source = sample()
    source["y"].attrs["bounds"] = "y_bnds"
    source["y_bnds"] = (("y", "nv"), np.stack([source["y"] - 0.25, source["y"] + 0.25], axis=1))
    source["time"].attrs["bounds"] = "time_bnds"
    source["time"].encoding["units"] = "hours since 2000-01-01"
    source["time_bnds"] = (("time", "nv"), source["time"].values[:, None] + np.array([0, 24], "m8[h]"))
    source["x"].attrs["bounds"] = "nowhere"
    source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    made = run(algorithm, tmp_path / "a.nc", context)
    assert set(made.variables) == {"t", "y", "x", "y_bnds"}
    np.testing.assert_array_equal(made["y_bnds"], source["y_bnds"])
    assert made["y"].attrs["bounds"] == "y_bnds"
    assert "bounds" not in made["x"].attrs
    assert "coordinates" not in {**made["t"].attrs, **made["t"].encoding, **made.attrs}
    made = run(algorithm, tmp_path / "a.nc", context, dimension="y")
    assert {"time_bnds"} < set(made.variables)
    assert made["time"].encoding["units"] == "hours since 2000-01-01"
    np.testing.assert_array_equal(made["time_bnds"], source["time_bnds"])
    assert "y_bnds" not in made.variables


def test_bounds_that_tell_their_own_units_are_written_again(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path
) -> None:
    """CF lets them be told twice; xarray writes them once."""
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as file:
        for name, length in (("time", 2), ("nv", 2), ("x", 3)):
            file.createDimension(name, length)
        for name, dims, values in (
            ("time", ("time",), [0, 1]),
            ("time_bnds", ("time", "nv"), [[0, 1], [1, 2]]),
        ):
            variable = file.createVariable(name, "f8", dims)
            variable.units = "days since 2000-01-01"
            variable[:] = values
        file["time"].bounds = "time_bnds"
        file.createVariable("t", "f4", ("time", "x"))[:] = [[1, 2, 3], [3, 4, 5]]
    made = run(algorithm, path, context, variable="t", dimension="x")
    assert made["t"].values.tolist() == [2, 4]
    assert made["time_bnds"].values[1, 1] == np.datetime64("2000-01-03")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dimension", ["time", "y", "x"])
@pytest.mark.parametrize("stored", ["contiguous", "zlib"])
def test_past_the_library_the_results_are_the_same_to_the_bit(
    algorithm: ModuleType,
    context: FakeContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    dimension: str,
    stored: str,
) -> None:
    source = sample((40, 60, 70))
    encoding: dict[str, Any] = (
        {"contiguous": True}
        if stored == "contiguous"
        else {"zlib": True, "shuffle": True, "chunksizes": (3, 25, 30)}
    )
    source.to_netcdf(tmp_path / "a.nc", engine="netcdf4", encoding={"t": encoding})
    context.config = {"block_values": 20_000}
    monkeypatch.setattr(hdf5_reading, "MIN_RUN", 64)
    monkeypatch.setattr(netcdf_reading, "MIN_BYTES", 0)
    direct = run(algorithm, tmp_path / "a.nc", context, method=method, dimension=dimension)
    monkeypatch.setattr(netcdf_reading, "stored_reader", lambda *_: None)
    plain = run(algorithm, tmp_path / "a.nc", context, method=method, dimension=dimension)
    np.testing.assert_array_equal(direct["t"], plain["t"])


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_result_is_compressed_unless_its_source_is_not(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, contiguous: bool
) -> None:
    sample().to_netcdf(tmp_path / "a.nc", engine="netcdf4", encoding={"t": {"zlib": not contiguous}})
    algorithm.run(open_dataset(tmp_path / "a.nc"), context=context)
    with netCDF4.Dataset(context.scratch / "result.nc") as result:
        assert result["t"].filters()["zlib"] is not contiguous


def test_times_that_nobody_can_write_are_told_in_days(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path
) -> None:
    attributes = {"units": "months since 1960-01-01", "calendar": "360_day"}
    data = xr.Dataset(
        {"v": (("time", "x"), [[1.0, 2.0], [3.0, 4.0]])}, {"time": ("time", [0.5, 1.5], attributes)}
    )
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    made = run(algorithm, tmp_path / "a.nc", context, dimension="x")
    assert made["v"].values.tolist() == [1.5, 3.5]
    assert [(date.year, date.month) for date in made["time"].values] == [(1960, 1), (1960, 2)]


@pytest.mark.parametrize("calendar", ["standard", "noleap"])
def test_a_missing_time_stamp_stays_missing(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, calendar: str
) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("time", 3)
        file.createDimension("x", 2)
        time = file.createVariable("time", "i4", ("time",), fill_value=-999)
        time.units, time.calendar = "hours since 1970-01-01", calendar
        time[:] = [1, -999, 3]
        file.createVariable("v", "f4", ("time", "x"))[:] = np.ones((3, 2))
    made = run(algorithm, tmp_path / "a.nc", context, dimension="x")
    assert made["time"].isnull().values.tolist() == [False, True, False]


def grouped(path: Path) -> None:
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", 2)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "days since 2000-01-01"
        time[:] = [0, 1]
        group = file.createGroup("g/h")
        group.createDimension("x", 2)
        group.createVariable("v", "f4", ("time", "x"))[:] = [[1, 2], [3, 6]]


@pytest.mark.parametrize("name", ["g/h/v", "/g/h/v", None])
def test_a_variable_in_a_group_is_chosen_by_its_path(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, name: str | None
) -> None:
    grouped(tmp_path / "a.nc")
    made = run(algorithm, tmp_path / "a.nc", context, variable=name)
    assert made["v"].values.tolist() == [2, 4]


def test_a_coordinate_can_be_reduced(algorithm: ModuleType, context: FakeContext, tmp_path: Path) -> None:
    data = xr.Dataset(
        {"v": (("y", "x"), np.ones((3, 2)))},
        {"height": (("y", "x"), np.arange(6.0).reshape(3, 2)), "x": [1, 3]},
    )
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    made = run(algorithm, tmp_path / "a.nc", context, variable="height", dimension="y")
    assert made["height"].values.tolist() == [2, 3]
    assert run(algorithm, tmp_path / "a.nc", context, variable="x", dimension="x")["x"] == 2


def odd(path: Path) -> None:
    """A list of any length, a compound, a text, times, a matrix of one dimension, and something plain."""
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("x", 2)
        file.createVariable("lists", file.createVLType("f4", "l"), ("x",))[0] = np.array([1, 2], "f4")
        pair = file.createCompoundType(np.dtype([("a", "f4"), ("b", "i4")]), "pair")
        file.createVariable("pairs", pair, ("x",))
        file.createVariable("words", str, ("x",))[:] = np.array(["a", "b"], object)
        times = file.createVariable("times", "f8", ("x",))
        times.units = "days since 2000-01-01"
        times[:] = [1, 2]
        file.createVariable("twice", "f4", ("x", "x"))[:] = np.ones((2, 2))
        file.createVariable("v", "f4", ("x",))[:] = [1, 3]
        file.createVariable("one", "f4", ())[:] = 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lists", "'lists' is no variable of numbers: it holds lists of any length, which are not read"),
        ("pairs", "'pairs' is no variable of numbers: it holds compounds"),
        ("words", "'words' is no variable of numbers: it holds texts"),
        ("times", "'times' is no variable of numbers: it holds times"),
        ("one", "'one' is no variable of numbers: it is a single value"),
        ("twice", "'twice' has the dimension x twice"),
    ],
)
def test_what_cannot_be_reduced_is_named(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, name: str, says: str
) -> None:
    odd(tmp_path / "a.nc")
    with pytest.raises(dragoman.InputError, match=says):
        run(algorithm, tmp_path / "a.nc", context, variable=name, dimension="x")
    assert run(algorithm, tmp_path / "a.nc", context, variable="v", dimension="x")["v"] == 2


def test_a_filter_that_is_not_installed_is_named(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "a.nc", "w") as file:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((4,))
        creation.set_filter(32004, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((4,))
        dataset = h5py.h5d.create(file.id, b"v", h5py.h5t.IEEE_F32LE, space, creation)
        dataset.write_direct_chunk((0,), bytes(16))
        file["x"] = np.arange(4.0)
        file["x"].make_scale("x")
        file["v"].dims[0].attach_scale(file["x"])
    with (
        open_dataset(tmp_path / "a.nc", input_id="dataset") as data,
        pytest.raises(dragoman.InputError, match=r"'dataset': variable 'v' .* LZ4 \(filter 32004\)"),
    ):
        algorithm.run(data, variable="v", dimension="x", context=context)


@pytest.mark.parametrize("method", ["min", "max"])
def test_large_integers_are_exact_or_refused(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, method: str
) -> None:
    for low in (2**52, 2**60):
        data = xr.Dataset({"v": ("x", np.int64(low) + np.arange(3))})
        data.to_netcdf(tmp_path / f"{low}.nc", engine="h5netcdf")
    made = run(algorithm, tmp_path / f"{2**52}.nc", context, method=method, dimension="x")
    assert made["v"] == 2**52 + (2 if method == "max" else 0)
    with (
        open_dataset(tmp_path / f"{2**60}.nc", input_id="dataset") as data,
        pytest.raises(dragoman.InputError, match=r"'v' holds integers beyond 2\*\*53"),
    ):
        algorithm.run(data, method=method, dimension="x", context=context)
