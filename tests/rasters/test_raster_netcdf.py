from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from dragoman.rasters.netcdf import Axis, block_shape, blocks, chunk_shape, find_axis
from dragoman.rasters.netcdf_opening import open_dataset
from dragoman.rasters.writing import write_netcdf

if TYPE_CHECKING:
    from pathlib import Path


def along(name: str, attrs: dict[str, Any] | None = None) -> xr.Dataset:
    coords = {name: (name, [1, 2], attrs or {}), "other": ("other", [1.0, 2.0, 3.0])}
    return xr.Dataset({"a": ((name, "other"), np.ones((2, 3)))}, coords=coords)


@pytest.mark.parametrize(
    ("dataset", "axis"),
    [
        (along("q", {"axis": "T"}), "T"),
        (along("q", {"standard_name": "time"}), "T"),
        (along("q", {"units": "days since 2000-01-01"}), "T"),
        (along("q", {"calendar": "noleap"}), "T"),
        (along("Month"), "T"),
        (along("q", {"standard_name": "longitude"}), "X"),
        (along("q", {"units": "degree_north"}), "Y"),
        (along("X"), "X"),
        (along("q", {"units": "millibars"}), "Z"),
    ],
)
def test_an_axis_is_found_by_attributes_units_or_name(dataset: xr.Dataset, axis: Axis) -> None:
    dims = [str(dim) for dim in dataset["a"].dims]
    assert find_axis(dataset, dims, axis) == dims[0]


def test_attributes_win_over_names() -> None:
    data = xr.Dataset(
        {"a": (("time", "run"), np.ones((2, 2)))}, coords={"run": ("run", [0, 1], {"axis": "T"})}
    )
    assert find_axis(data, ["time", "run"], "T") == "run"


def test_a_dimension_is_told_by_another_coordinate_along_it() -> None:
    data = along("q").assign_coords(valid=("q", np.array(["2020-01-01", "2020-01-02"], "datetime64[ns]")))
    assert find_axis(data, ["q", "other"], "T") == "q"


def test_no_axis_is_none() -> None:
    assert find_axis(along("q"), ["q", "other"], "T") is None


shapes = st.lists(st.integers(1, 40), min_size=1, max_size=3)


@given(shapes, st.data())
def test_blocks_cover_every_value_once_in_whole_chunks(shape: list[int], data: st.DataObject) -> None:
    chunks = [data.draw(st.integers(1, size)) for size in shape]
    last = data.draw(st.none() | st.integers(0, len(shape) - 1))
    block = block_shape(shape, chunks, last=last, values=data.draw(st.integers(1, 5000)))
    seen = np.zeros(shape, dtype=int)
    for place in blocks(shape, block):
        seen[place] += 1
    assert (seen == 1).all()
    for size, chunk, length in zip(shape, chunks, block, strict=True):
        assert length == size or length % chunk == 0


def test_a_block_keeps_within_its_values() -> None:
    assert block_shape((100, 1000, 1000), (1, 1, 1000), last=0, values=1 << 20) == (1, 1000, 1000)
    assert block_shape((100, 1000, 1000), (100, 10, 10), last=0, values=1 << 20) == (100, 10, 1000)


def test_chunks_are_those_of_the_file(tmp_path: Path) -> None:
    data = xr.Dataset({"a": (("y", "x"), np.ones((20, 30)))})
    data.to_netcdf(tmp_path / "c.nc", engine="h5netcdf", encoding={"a": {"chunksizes": (5, 6)}})
    data.to_netcdf(tmp_path / "n.nc", engine="netcdf4", format="NETCDF3_CLASSIC")
    with open_dataset(tmp_path / "c.nc") as chunked, open_dataset(tmp_path / "n.nc") as classic:
        assert chunk_shape(chunked["a"]) == (5, 6)
        assert chunk_shape(classic["a"]) == (1, 30)


def test_what_is_written_is_cf_and_reads_back(tmp_path: Path) -> None:
    times = np.array(["2020-01-01", "2020-01-03"], dtype="datetime64[ns]")
    source = xr.Dataset(
        {
            "a": (("time", "x"), np.array([[1, np.nan], [3, 4]], "float32"), {"units": "K"}),
            "n": ("x", np.array([1, 2], "int16")),
        },
        coords={"time": times, "x": ("x", [0.5, 1.5], {"units": "m"})},
    )
    write_netcdf(tmp_path / "a.nc", source)
    with open_dataset(tmp_path / "a.nc") as back:
        xr.testing.assert_identical(back.drop_attrs(deep=False), source)
        assert back.attrs["Conventions"] == "CF-1.8"
        assert "_FillValue" not in back["x"].encoding
        assert back["a"].encoding["zlib"]


def test_an_opened_dataset_can_be_written_again(tmp_path: Path) -> None:
    data = xr.Dataset({"a": (("y", "x"), np.arange(600.0).reshape(20, 30))})
    data.to_netcdf(
        tmp_path / "a.nc", engine="h5netcdf", encoding={"a": {"chunksizes": (20, 30), "zlib": True}}
    )
    with open_dataset(tmp_path / "a.nc") as opened:
        write_netcdf(tmp_path / "b.nc", opened.isel(x=slice(0, 4)))
        assert opened["a"].encoding["chunksizes"] == (20, 30)
    with open_dataset(tmp_path / "b.nc") as back:
        np.testing.assert_array_equal(back["a"], data["a"][:, :4])
