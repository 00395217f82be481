"""Masking and scaling against a plain reading of the CF conventions, one number at a time."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

import h5netcdf
import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dragoman.errors import InputError, InvalidRequest
from dragoman.rasters.netcdf_decoding import decoder_of
from dragoman.rasters.netcdf_opening import open_dataset
from dragoman.rasters.writing import write_netcdf

if TYPE_CHECKING:
    from pathlib import Path

INTEGERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
DEFAULTS = {
    "i2": -32767,
    "u2": 65535,
    "i4": -2147483647,
    "u4": 4294967295,
    "i8": -9223372036854775806,
    "u8": 18446744073709551614,
    "f4": struct.unpack("f", struct.pack("f", 9.969209968386869e36))[0],
    "f8": 9.969209968386869e36,
}


def as_meant(number: int, dtype: np.dtype[Any], attributes: dict[str, Any]) -> int:
    """A stored integer with the sign that ``_Unsigned`` gives it."""
    bits = int(8 * dtype.itemsize)
    if attributes.get("_Unsigned") == "true":
        return int(number % 2**bits)
    return number


def meant_dtype(dtype: np.dtype[Any], attributes: dict[str, Any]) -> np.dtype[Any]:
    return np.dtype(f"u{dtype.itemsize}") if attributes.get("_Unsigned") == "true" else dtype


def is_named(number: float, told: Any, dtype: np.dtype[Any], attributes: dict[str, Any]) -> bool:
    """Whether one item of a fill attribute stands for the number."""
    if dtype.kind == "f":
        decimal = float(str(told)) if told.dtype == np.float32 else float(told)
        with np.errstate(over="ignore"):
            return number in (float(dtype.type(float(told))), float(dtype.type(decimal)))
    if not np.isfinite(told) or told != int(told):
        return False
    return as_meant(int(told), dtype, attributes) == number if int(told) < 0 else int(told) == number


def oracle(stored: Any, attributes: dict[str, Any]) -> list[float | None]:
    """The values by CF 2.5.1 and 8.1, in Python's own numbers; None is missing."""
    dtype = stored.dtype
    result: list[float | None] = []
    for item in stored:
        number = item.item() if dtype.kind == "f" else as_meant(int(item), dtype, attributes)
        fills = [each for key in ("_FillValue", "missing_value") for each in attributes.get(key, ())]
        missing = dtype.kind == "f" and math.isnan(number)
        missing = missing or any(is_named(number, each, dtype, attributes) for each in fills)
        if not fits_any(attributes.get("_FillValue", ()), meant_dtype(dtype, attributes)):
            missing = missing or number == DEFAULTS.get(meant_dtype(dtype, attributes).str[1:])
        for key, beyond in (("valid_min", -1), ("valid_max", 1)):
            if key in attributes:
                bound = attributes[key]
                limit = float(bound) if dtype.kind == "f" else bound.item()
                missing = missing or (number - limit) * beyond > 0
        scale, offset = attributes.get("scale_factor", 1), attributes.get("add_offset", 0)
        result.append(None if missing else number * float(scale) + float(offset))
    return result


def fits_any(told: Any, dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "f":
        return any(not np.isnan(each) for each in told)
    limits = np.iinfo(dtype)
    low = int(limits.min) if dtype.kind == "i" else -(2 ** (8 * dtype.itemsize - 1))
    return any(np.isfinite(e) and e == int(e) and low <= int(e) <= int(limits.max) for e in told)


@st.composite
def variables(draw: st.DrawFn) -> tuple[Any, dict[str, Any]]:
    """Stored numbers, some of them at what could be missing, and attributes of any type."""
    dtype = np.dtype(draw(st.sampled_from([*INTEGERS, "f4", "f8"])))
    pool: list[float] = [0, 1, 2, 100]
    attributes: dict[str, Any] = {}
    if dtype.kind == "i" and draw(st.booleans()):
        attributes["_Unsigned"] = "true"
    meant = meant_dtype(dtype, attributes)
    if dtype.kind == "f":
        pool += [-999.9, 1e20, float("nan"), 0.1, DEFAULTS[dtype.str[1:]]]
        told = st.sampled_from([-999.9, 1e20, float("nan"), 0.1, 100.0])
    else:
        limits = np.iinfo(meant)
        pool += [int(limits.min), int(limits.max), int(limits.max) - 3, DEFAULTS.get(meant.str[1:], 7)]
        told = st.sampled_from([int(limits.min), int(limits.max), 100, 0.5, float("nan"), 1e30, -1e9])
    for key, most in (("_FillValue", 1), ("missing_value", 3)):
        if draw(st.booleans()):
            kind = np.dtype(draw(st.sampled_from(["f4", "f8", dtype.str])))
            values = draw(st.lists(told, min_size=1, max_size=most))
            attributes[key] = told_as(values, kind)
    for key, bounds in (("valid_min", (1, 2)), ("valid_max", (90, 100))):
        if draw(st.booleans()):
            attributes[key] = np.dtype(dtype).type(draw(st.sampled_from(bounds)))
    if draw(st.booleans()):
        attributes["scale_factor"] = np.float64(draw(st.sampled_from([0.01, 2.0, -0.5])))
    if draw(st.booleans()):
        attributes["add_offset"] = np.float64(draw(st.sampled_from([1.6e9, -273.15])))
    numbers = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=12))
    if dtype.kind == "f":
        return np.array(numbers, dtype), attributes
    return np.array([int(number) for number in numbers], meant).view(dtype), attributes


def told_as(values: list[float], kind: np.dtype[Any]) -> Any:
    """The values as an attribute of that type; what an integer type cannot hold is told as double."""
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            return np.array(values, kind)
    bits = 8 * kind.itemsize
    whole = [value for value in values if math.isfinite(value) and value == int(value)]
    inside = [int(value) for value in whole if -(2 ** (bits - 1)) <= value < 2**bits]
    if len(inside) < len(values):
        return np.array(values, "f8")
    return np.array([value % 2**bits for value in inside], f"u{kind.itemsize}").view(kind)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(variables())
@example((np.array([2, -1, -6], "i1"), {"_Unsigned": "true", "missing_value": np.array([255], "i2")}))
@example((np.array([1, -999, -888], "f4"), {"missing_value": np.array([-999, -888], "f4")}))
def test_values_are_those_that_cf_tells(drawn: tuple[Any, dict[str, Any]]) -> None:
    stored, attributes = drawn
    decoder = decoder_of(attributes, stored.dtype)
    wanted = oracle(stored, attributes)
    try:
        found = decoder.decode(stored)
    except InvalidRequest:
        assert stored.dtype.itemsize == 8
        assert any(value is not None and abs(value) > 2**53 for value in wanted)
        return
    assert found.dtype == decoder.dtype
    for value, right in zip(found.tolist(), wanted, strict=True):
        if right is None:
            assert math.isnan(value)
        else:
            assert value == pytest.approx(right, rel=1e-15, abs=1e-12)


def write(path: Path, form: Any, dtype: str, numbers: Any, **attributes: Any) -> None:
    """One variable ``v`` over ``x``, its numbers as they are stored."""
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.createDimension("x", len(numbers))
        fill = attributes.pop("_FillValue", None)
        variable = file.createVariable("v", dtype, ("x",), fill_value=fill)
        variable.set_auto_maskandscale(False)
        for key, value in attributes.items():
            variable.setncattr(key, value)
        variable[:] = np.array(numbers, dtype)


CASES: dict[str, tuple[str, list[Any], dict[str, Any], list[float]]] = {
    "several missing values": ("f4", [1, -999, -888], {"missing_value": np.array([-999, -888], "f4")}, [1]),
    "unsigned": ("i1", [2, -1, -6], {"_Unsigned": "true", "missing_value": np.int16(255)}, [2, 250]),
    "a double on floats": ("f4", [1, 1e20, -1], {"missing_value": np.float64(1e20)}, [1, -1]),
    "a decimal on floats": ("f4", [1, -999.9], {"missing_value": np.float64(-999.9)}, [1]),
    "a range": ("f4", [1, 400, -3], {"valid_range": np.array([0, 100], "f4")}, [1]),
    "a range of packed numbers": (
        "i2",
        [10, 400],
        {"valid_range": np.array([0, 100], "i2"), "scale_factor": 0.1},
        [1],
    ),
    "a range of values": (
        "i2",
        [10, 400],
        {"valid_range": np.array([0.0, 2.0]), "scale_factor": 0.1},
        [1],
    ),
    "a least value": ("i4", [1, -3], {"valid_min": np.int32(0)}, [1]),
    "what was never written": ("f4", [1, netCDF4.default_fillvals["f4"]], {}, [1]),
    "integers never written": ("i4", [1, netCDF4.default_fillvals["i4"]], {}, [1]),
}


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_CLASSIC"])
@pytest.mark.parametrize("case", CASES)
def test_what_is_missing_is_missing_in_every_format(tmp_path: Path, case: str, form: str) -> None:
    dtype, numbers, attributes, right = CASES[case]
    write(tmp_path / "a.nc", form, dtype, numbers, **attributes)
    with open_dataset(tmp_path / "a.nc") as data:
        found = data["v"].values
    np.testing.assert_allclose(found[~np.isnan(found)], right, rtol=1e-6)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_stay_integers_where_nothing_is_missing(tmp_path: Path, dtype: str) -> None:
    limits = np.iinfo(dtype)
    numbers = [int(limits.min), int(limits.max) - 3, 5]
    write(tmp_path / "a.nc", "NETCDF4", dtype, numbers)
    with open_dataset(tmp_path / "a.nc") as data:
        assert data["v"].dtype == dtype
        assert data["v"].values.tolist() == numbers


def test_integers_that_a_float_cannot_tell_are_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "a.nc", "NETCDF4", "i8", [2**60, 2**60 + 1, -1], missing_value=np.int64(-1))
    with (
        open_dataset(tmp_path / "a.nc", input_id="data") as data,
        pytest.raises(InputError, match=r"'data': variable 'v' holds integers beyond 2\*\*53"),
    ):
        data["v"].load()


def test_a_part_is_read_and_decoded_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.nc", "NETCDF4", "i2", [1, 2, 3, 4], missing_value=np.int16(3))
    with open_dataset(tmp_path / "a.nc") as data:
        np.testing.assert_array_equal(data["v"][1:3], [2, np.nan])
        np.testing.assert_array_equal(data["v"].isel(x=[3, 0]), [4, 1])
        assert float(data["v"][3]) == 4
        np.testing.assert_array_equal(
            data["v"].isel(x=xr.DataArray([[0, 2]], dims=("a", "b"))), [[1, np.nan]]
        )


@pytest.mark.parametrize("calendar", ["standard", "noleap"])
@pytest.mark.parametrize("dtype", ["i4", "i8", "f8"])
def test_a_missing_time_stamp_is_missing(tmp_path: Path, dtype: str, calendar: str) -> None:
    attributes = {"units": "hours since 1970-01-01", "calendar": calendar}
    write(tmp_path / "a.nc", "NETCDF4", dtype, [1, -999, 3], _FillValue=-999, **attributes)
    with open_dataset(tmp_path / "a.nc") as data:
        assert data["v"].isnull().values.tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", ["i4", "f8"])
def test_times_that_were_never_written_are_missing_and_stay_so(tmp_path: Path, dtype: str) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("time", 2)
        file.createVariable("time", dtype, ("time",)).units = "days since 1970-01-01"
    with open_dataset(tmp_path / "a.nc") as data:
        assert data["time"].dtype.kind == "M"
        assert data["time"].isnull().all()
        write_netcdf(tmp_path / "b.nc", data)
    with open_dataset(tmp_path / "b.nc") as data:
        assert data["time"].dtype.kind == "M"
        assert data["time"].isnull().all()


def test_notes_of_the_library_are_not_handed_on(tmp_path: Path) -> None:
    xr.Dataset({"v": ("x", [1.0])}).to_netcdf(tmp_path / "a.nc", engine="netcdf4", format="NETCDF3_CLASSIC")
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as file:
        file.setncattr("_NCProperties", "version=2")
    with open_dataset(tmp_path / "a.nc") as data:
        write_netcdf(tmp_path / "b.nc", data)
    with open_dataset(tmp_path / "b.nc") as data:
        assert data["v"].values.tolist() == [1]


def test_what_can_be_decoded_is_decoded_beside_what_cannot(tmp_path: Path) -> None:
    data = xr.Dataset(
        {
            "bad": ("x", [1, 2], {"units": "months since the flood"}),
            "good": ("x", [1, 2], {"units": "days since 2000-01-01"}),
        }
    )
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with open_dataset(tmp_path / "a.nc") as opened:
        assert opened["good"].dtype.kind == "M"
        assert opened["bad"].values.tolist() == [1, 2]


def test_a_dataset_can_be_written_as_xarray_writes(tmp_path: Path) -> None:
    write(tmp_path / "a.nc", "NETCDF4", "i2", [1, 2, -7], _FillValue=np.int16(-7), scale_factor=0.5)
    with open_dataset(tmp_path / "a.nc") as opened:
        assert opened["v"].encoding["scale_factor"] == 0.5
        opened.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with netCDF4.Dataset(tmp_path / "b.nc") as file:
        file.set_auto_mask(False)
        file.set_auto_scale(False)
        assert file["v"][:].tolist() == [1, 2, -7]


def test_texts_of_other_tools_can_be_written_again(tmp_path: Path) -> None:
    with h5netcdf.File(tmp_path / "a.nc", "w") as file:
        file.dimensions = {"x": 1}
        file.create_variable("v", ("x",), "f4")
        raw = "Universität".encode()
        file._h5file.attrs.create("institution", np.bytes_(raw), dtype=f"S{len(raw)}")
        latin = "Zürich".encode("latin-1")
        file._h5file["v"].attrs.create("place", np.bytes_(latin), dtype=f"S{len(latin)}")
    with open_dataset(tmp_path / "a.nc") as opened:
        assert opened.attrs["institution"] == "Universität"
        assert opened["v"].attrs["place"] == "Zürich"


def test_types_that_are_not_read_are_left_out(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("x", 2)
        lists = file.createVLType("f4", "lists")
        file.createVariable("l", lists, ("x",))[0] = np.array([1, 2], "f4")
        pair = file.createCompoundType(np.dtype([("a", "f4"), ("b", "i4")]), "pair")
        file.createVariable("c", pair, ("x",))
        file.createVariable("v", "f4", ("x",))[:] = [1, 2]
    with open_dataset(tmp_path / "a.nc") as opened:
        assert list(opened.variables) == ["v"]


def test_a_group_is_opened_with_the_coordinates_around_it(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("time", 2)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "days since 2000-01-01"
        time[:] = [0, 1]
        file.createVariable("other", "f4", ("time",))
        group = file.createGroup("a/b")
        group.createDimension("x", 2)
        group.createVariable("v", "f4", ("time", "x"))[:] = [[1, 2], [3, 4]]
    with open_dataset(tmp_path / "a.nc", group="a/b") as opened:
        assert set(opened.variables) == {"v", "time"}
        assert opened["time"].dtype.kind == "M"
        assert opened["v"].values.tolist() == [[1, 2], [3, 4]]
