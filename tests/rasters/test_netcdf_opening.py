from __future__ import annotations

import struct
import tracemalloc
from typing import TYPE_CHECKING, Any

import h5netcdf
import h5py
import numpy as np
import pytest
import xarray as xr

from dragoman.errors import InvalidRequest
from dragoman.rasters import hdf5_contents, netcdf_costs, netcdf_values
from dragoman.rasters.netcdf_opening import open_dataset, sniff_netcdf

if TYPE_CHECKING:
    from pathlib import Path


def test_netcdf_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    data = xr.Dataset({"a": ("x", [1.0, 2.0])})
    data.to_netcdf(tmp_path / "c.nc", engine="netcdf4", format="NETCDF3_64BIT")
    data.to_netcdf(tmp_path / "4.nc", engine="h5netcdf")
    (tmp_path / "n.nc").write_bytes(b"nothing")
    assert [sniff_netcdf(tmp_path / name) for name in ("c.nc", "4.nc", "n.nc")] == [
        "classic",
        "netcdf4",
        None,
    ]


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT", "NETCDF4"])
def test_datasets_are_decoded_and_read_late(tmp_path: Path, form: Any) -> None:
    times = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[ns]")
    packed = {"a": {"dtype": "int16", "scale_factor": 0.5, "_FillValue": -1}}
    source = xr.Dataset({"a": ("time", [1.5, np.nan])}, coords={"time": times})
    source.to_netcdf(tmp_path / "a.nc", engine="netcdf4", format=form, encoding=packed)
    with open_dataset(tmp_path / "a.nc") as data:
        np.testing.assert_array_equal(data["a"], [1.5, np.nan])
        assert data["time"].dtype.kind == "M"


def test_malformed_fill_values_are_survived(tmp_path: Path) -> None:
    with h5netcdf.File(tmp_path / "a.nc", "w") as file:
        file.dimensions = {"x": 3}
        variable = file.create_variable("a", ("x",), "i2", data=np.array([1, 2, -7], "i2"))
        variable.attrs["scale_factor"] = 0.5
        variable.attrs["missing_value"] = np.int16(-7)
    with h5py.File(tmp_path / "a.nc", "r+") as raw:
        raw["a"].attrs["_FillValue"] = np.array([np.nan])
    with open_dataset(tmp_path / "a.nc") as data:
        np.testing.assert_array_equal(data["a"], [0.5, 1.0, np.nan])


def test_times_that_nobody_can_decode_stay_numbers(tmp_path: Path) -> None:
    source = xr.Dataset(
        {"a": ("time", [1.0, 2.0])},
        coords={"time": ("time", [1.0, 2.0], {"units": "months since the flood"})},
    )
    source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with open_dataset(tmp_path / "a.nc") as data:
        np.testing.assert_array_equal(data["time"], [1.0, 2.0])


def test_a_duration_stays_a_number(tmp_path: Path) -> None:
    xr.Dataset({"a": ("x", [3.0], {"units": "days"})}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with open_dataset(tmp_path / "a.nc") as data:
        assert data["a"].dtype.kind == "f"


def test_values_of_a_variable_are_capped(tmp_path: Path) -> None:
    xr.Dataset({"a": ("x", np.ones(11))}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    open_dataset(tmp_path / "a.nc", max_values=11).close()
    with pytest.raises(InvalidRequest, match="variable 'a' has 11 values; at most 10"):
        open_dataset(tmp_path / "a.nc", max_values=10)


def classic_header(values: int) -> bytes:
    """A classic file of 84 bytes that says it has a coordinate variable of so many values."""
    name = struct.pack(">i", 1) + b"x\0\0\0"
    dimension = struct.pack(">ii", 10, 1) + name + struct.pack(">i", values)
    variable = struct.pack(">ii", 11, 1) + name + struct.pack(">ii", 1, 0)
    rest = struct.pack(">iiiiq", 0, 0, 5, values * 4 & 0x7FFFFFFF, 84)
    return b"CDF\x02" + bytes(4) + dimension + bytes(8) + variable + rest


@pytest.mark.parametrize("kind", ["classic", "hdf5"])
def test_coordinates_are_not_read_before_their_size_is_known(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.nc"
    monkeypatch.setattr(netcdf_costs, "MAX_COORDINATE_BYTES", 4_000_000)
    if kind == "classic":
        path.write_bytes(classic_header(8_000_000))
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("time", shape=(4_000_000,), dtype="f8", chunks=(1000,)).make_scale("time")
    tracemalloc.start()
    try:
        with pytest.raises(
            InvalidRequest, match=r"coordinates .* take 64000000 bytes in memory; at most 4000000|complete"
        ):
            open_dataset(path)
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("attributes", "bytes_each"),
    [
        ({"scale_factor": 0.5}, 16),
        ({"units": "days since 2000-01-01"}, 32),
        ({"units": "days since 2000-01-01", "calendar": "Proleptic_Gregorian"}, 32),
        ({"units": "days since 2000-01-01", "calendar": "noleap"}, 256),
    ],
)
def test_coordinates_count_as_what_they_become(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attributes: dict[str, Any], bytes_each: int
) -> None:
    with h5py.File(tmp_path / "a.nc", "w") as file:
        stored = file.create_dataset("time", shape=(1000,), dtype="i1", chunks=(100,))
        stored.make_scale("time")
        stored.attrs.update(attributes)
    monkeypatch.setattr(netcdf_costs, "MAX_COORDINATE_BYTES", 1000 * bytes_each)
    open_dataset(tmp_path / "a.nc").close()
    monkeypatch.setattr(netcdf_costs, "MAX_COORDINATE_BYTES", 1000 * bytes_each - 1)
    with pytest.raises(InvalidRequest, match=f"take {1000 * bytes_each} bytes in memory"):
        open_dataset(tmp_path / "a.nc")


@pytest.mark.parametrize("shape", [(200_000,), (2, 100_000), (100_000, 2)])
def test_a_long_text_told_often_is_not_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with h5py.File(tmp_path / "a.nc", "w") as file:
        chunks = tuple(min(size, 100) for size in shape)
        file.create_dataset("x", shape, h5py.string_dtype(), fillvalue="A" * 20_000, chunks=chunks)
    assert (tmp_path / "a.nc").stat().st_size < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest, match="take 16000000000 bytes in memory"):
            open_dataset(tmp_path / "a.nc")
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()


def test_times_beyond_a_number_are_decoded_when_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = {"units": "days since 2000-01-01"}
    data = xr.Dataset({name: ("x", np.arange(10.0), since) for name in "abc"})
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    monkeypatch.setattr(netcdf_values, "ALL_CHECKED_TIMES", 20)
    with open_dataset(tmp_path / "a.nc") as dataset:
        for name in "abc":
            assert dataset[name].values[9] == np.datetime64("2000-01-10")


def test_coordinates_of_a_usual_size_are_indexed(tmp_path: Path) -> None:
    xr.Dataset(coords={"x": [1.0, 2.0], "time": [0, 1]}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with open_dataset(tmp_path / "a.nc") as dataset:
        assert set(dataset.indexes) == {"x", "time"}


def test_groups_are_capped_in_depth_and_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(tmp_path / "deep.nc", "w") as file:
        group = file
        for _ in range(hdf5_contents.MAX_GROUPS_DEEP):
            group = group.create_group("g")
    with pytest.raises(InvalidRequest, match="more than 32 deep"):
        open_dataset(tmp_path / "deep.nc")
    with h5py.File(tmp_path / "round.nc", "w") as file:
        group = file.create_group("a/b")
        group["round"] = file["a"]
        file["again"] = file["a"]
    with open_dataset(tmp_path / "round.nc") as dataset:
        assert not dataset.variables
    monkeypatch.setattr(hdf5_contents, "MAX_OBJECTS", 3)
    with pytest.raises(InvalidRequest, match="more than 3 groups"):
        open_dataset(tmp_path / "round.nc")


def test_links_and_chunks_are_looked_at_in_every_group(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "link.nc", "w") as file:
        file.create_group("a/b")["c"] = h5py.ExternalLink("other.nc", "/")
    with pytest.raises(InvalidRequest, match="links to another file"):
        open_dataset(tmp_path / "link.nc")
    with h5py.File(tmp_path / "chunk.nc", "w") as file:
        file.create_dataset("a/b/c", shape=(2**27,), dtype="f8", chunks=(2**27,))
    with pytest.raises(InvalidRequest, match="chunks above"):
        open_dataset(tmp_path / "chunk.nc")


def test_a_dataset_may_not_reach_into_other_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\1" * 80)
    with h5py.File(tmp_path / "external.nc", "w") as file:
        file.create_dataset("a", (10,), "f8", external=[(str(tmp_path / "secret"), 0, 80)])
    with h5py.File(tmp_path / "link.nc", "w") as file:
        file["a"] = h5py.ExternalLink(str(tmp_path / "external.nc"), "/a")
    with h5py.File(tmp_path / "virtual.nc", "w") as file:
        layout = h5py.VirtualLayout((10,), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "external.nc"), "a", (10,))
        file.create_virtual_dataset("a", layout)
    for name in ("external", "link", "virtual"):
        with pytest.raises(InvalidRequest, match="another file"):
            open_dataset(tmp_path / f"{name}.nc")


@pytest.mark.parametrize("content", [b"\x89HDF\r\n\x1a\n" + b"\0" * 90, b"CDF\x01" + b"\xff" * 90, b"II*\0"])
def test_damaged_datasets_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.nc").write_bytes(content)
    with pytest.raises(InvalidRequest, match="NetCDF"):
        open_dataset(tmp_path / "a.nc")


def test_a_named_opaque_type_is_told(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["blob"] = np.dtype("V8")
        file["v"] = np.arange(3.0)
    with pytest.raises(InvalidRequest, match="declares a data type of its own that is not read here"):
        open_dataset(tmp_path / "a.nc")
