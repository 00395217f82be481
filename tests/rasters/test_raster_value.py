from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rasterio.crs import CRS

import dragoman
from dragoman.rasters.grids import Grid
from dragoman.rasters.opening import open_raster
from dragoman.rasters.raster import Raster
from dragoman.rasters.writing import create_geotiff, geotiff_profile, write_raster

if TYPE_CHECKING:
    from pathlib import Path

NORTH_UP = Affine(10, 0, 500_000, 0, -10, 5_000_000)


def test_is_public() -> None:
    assert dragoman.Raster is Raster


def test_two_dimensions_become_one_band() -> None:
    raster = Raster(array=np.ma.ones((2, 3)), transform=NORTH_UP)
    assert raster.array.shape == (1, 2, 3)
    assert (raster.count, raster.height, raster.width) == (1, 2, 3)
    assert raster.bounds == (500_000, 4_999_980, 500_030, 5_000_000)
    assert raster.band_names == ("",)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"array": np.ones(3)}, "shape"),
        ({"array": np.ones((1, 0, 3))}, "shape"),
        ({"array": np.ones((1, 2, 3), dtype=complex)}, "integers or floats"),
        ({"nodata": -1.0}, "nodata"),
        ({"nodata": float("nan")}, "nodata"),
        ({"band_names": ("a", "b")}, "band names"),
        ({"transform": (1, 0, 0, 0, -1, 0)}, "Affine"),
    ],
)
def test_is_checked_at_entry(wrong: dict[str, Any], says: str) -> None:
    good: dict[str, Any] = {"array": np.ones((1, 2, 3), dtype="uint8"), "transform": NORTH_UP}
    with pytest.raises((ValueError, TypeError), match=says):
        Raster(**{**good, **wrong})


dtypes = st.sampled_from(["uint8", "int16", "uint16", "int32", "float16", "float32", "float64"])


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), dtype=dtypes, with_nodata=st.booleans())
def test_what_is_written_reads_back(
    tmp_path: Path, data: st.DataObject, dtype: str, with_nodata: bool
) -> None:
    shape = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)))
    values = data.draw(hnp.arrays(dtype, shape, elements=st.integers(1, 100)))
    mask = data.draw(hnp.arrays(bool, shape[1:]))
    array = np.ma.MaskedArray(values, np.broadcast_to(mask, shape).copy())
    nodata = 0.0 if with_nodata else None
    crs = CRS.from_epsg(data.draw(st.sampled_from([4326, 3857, 32633])))
    names = tuple(f"b{number}" for number in range(shape[0]))
    raster = Raster(array=array, transform=NORTH_UP, crs=crs, nodata=nodata, band_names=names)
    path = tmp_path / "raster.tif"
    write_raster(path, raster)
    with open_raster(path) as dataset:
        back = Raster.from_dataset(dataset)
        assert dataset.profile["compress"] == "zstd"
    assert (back.crs, back.transform, back.nodata, back.dtype) == (crs, NORTH_UP, nodata, np.dtype(dtype))
    assert back.band_names == names
    np.testing.assert_array_equal(np.ma.getmaskarray(back.array), np.ma.getmaskarray(array))
    np.testing.assert_array_equal(back.array.filled(0), array.filled(0))


def test_a_nodata_value_that_the_type_cannot_hold_is_left_out(tmp_path: Path) -> None:
    # GDAL writes such a value as text beside the bands; it masks nothing.
    path = tmp_path / "odd.tif"
    profile = {"driver": "GTiff", "width": 2, "height": 2, "count": 1, "dtype": "float32", "nodata": -9999}
    with rasterio.open(path, "w", crs="EPSG:4326", transform=NORTH_UP, **profile) as target:
        target.write(np.full((1, 2, 2), -9999, dtype="float32"))
    with open_raster(path) as dataset:
        assert Raster.from_dataset(dataset).array.mask.all()


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("uint8", 2),
        ("int8", 2),
        ("int64", 2),
        ("float16", 2),
        ("float32", 3),
        ("float64", 3),
        ("complex64", 1),
    ],
)
def test_every_type_has_a_predictor_that_can_be_written(tmp_path: Path, dtype: str, expected: int) -> None:
    grid = Grid(crs=CRS.from_epsg(4326), transform=NORTH_UP, width=4, height=3)
    profile = geotiff_profile(grid, dtype=dtype)
    assert profile["predictor"] == expected
    values = np.arange(12).reshape(1, 3, 4).astype(dtype)
    with create_geotiff(tmp_path / "a.tif", profile) as target:
        target.write(values)
    with rasterio.open(tmp_path / "a.tif") as made:
        assert made.dtypes == (dtype,)
        np.testing.assert_array_equal(made.read(), values)
