from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import example, given
from hypothesis import strategies as st
from rasterio.crs import CRS

from dragoman.errors import InputError
from dragoman.rasters.crop import crop_file
from dragoman.rasters.grids import Grid
from dragoman.rasters.nodata import nodata_of
from dragoman.rasters.opening import open_raster
from dragoman.rasters.raster import Raster
from dragoman.rasters.scaling import Scaling, distinct_in_float32
from dragoman.rasters.windows import float_type, read_float
from dragoman.rasters.writing import create_geotiff, geotiff_profile, write_raster

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rasters.conftest import MakeRaster

UTM = Affine(10, 0, 500_000, 0, -10, 5_000_000)

decimals = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-1000, max_value=1000)


@given(decimals, decimals, st.integers(-32768, 32767))
@example(0.0001, 0.0, 7000)
@example(0.0001, 0.0, 3000)
def test_a_scaled_number_is_the_float_that_a_person_writes(scale: Any, offset: Any, number: int) -> None:
    scaling = Scaling.of(float(scale), float(offset), np.dtype("i2"))
    found = scaling.apply(np.array([number], "f8"))[0]
    right = Fraction(str(scale)) * number + Fraction(str(offset))
    assert found == float(right)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.integers(-(2**31), 2**31 - 1))
def test_any_scale_is_as_exact_as_float64(scale: float, offset: float, number: int) -> None:
    found = Scaling.of(scale, offset, np.dtype("i4")).apply(np.array([number], "f8"))[0]
    right = Fraction(scale) * number + Fraction(offset)
    near = max(abs(Fraction(scale) * number), abs(Fraction(offset)))
    assert abs(Fraction(float(found)) - right) <= near * Fraction(2, 2**52) + Fraction(1, 10**300)


@given(st.floats(1e-6, 1e6), st.floats(-1e12, 1e12), st.sampled_from(["u1", "i2", "u2"]))
def test_float32_is_taken_only_where_it_tells_all_steps(scale: float, offset: float, dtype: str) -> None:
    if not distinct_in_float32(np.dtype(dtype), scale, offset):
        return
    limits = np.iinfo(dtype)
    numbers = np.arange(int(limits.min), int(limits.max) + 1, dtype="f8")
    values = (numbers * scale + offset).astype("f4")
    assert np.unique(values).size == numbers.size


def test_large_offsets_keep_small_steps(make_raster: MakeRaster) -> None:
    path = make_raster("a.tif", np.arange(100, dtype="u2").reshape(10, 10))
    with rasterio.open(path, "r+") as target:
        target.scales, target.offsets = (1.0,), (1.6e9,)
    with open_raster(path) as dataset:
        found = read_float(dataset, 1)
        assert float_type(dataset, 1) is np.float64
    assert found.max() == 1600000099
    assert np.unique(found).size == 100


LONG_NODATA = [("uint64", 2**64 - 1), ("int64", -(2**63)), ("int64", 2**63 - 1), ("uint64", 2**60 + 1)]


def make_long(path: Path, dtype: str, values: Any, nodata: int) -> Path:
    """A raster of 64-bit integers with a nodata value that rasterio cannot write."""
    grid = Grid(crs=CRS.from_epsg(32633), transform=UTM, width=values.shape[1], height=values.shape[0])
    with create_geotiff(path, geotiff_profile(grid, dtype=dtype, nodata=nodata)) as target:
        target.write(values[np.newaxis])
    return path


@pytest.mark.parametrize(("dtype", "nodata"), LONG_NODATA)
def test_long_nodata_survives_in_a_raster(tmp_path: Path, dtype: str, nodata: int) -> None:
    values = np.arange(1, 101, dtype=dtype).reshape(10, 10)
    values[0, 0] = nodata
    path = make_long(tmp_path / "a.tif", dtype, values, nodata)
    with open_raster(path) as dataset:
        assert nodata_of(dataset) == nodata
        assert Grid.of(dataset).transform == UTM
        raster = Raster.from_dataset(dataset)
    assert raster.nodata == nodata
    assert raster.array.mask.sum() == 1
    write_raster(tmp_path / "b.tif", raster)
    crop_file(tmp_path / "b.tif", tmp_path / "c.tif", (0, 5), (0, 5))
    for name, count in (("b.tif", 1), ("c.tif", 1)):
        with open_raster(tmp_path / name) as dataset:
            assert nodata_of(dataset) == nodata
            assert np.count_nonzero(dataset.read_masks(1) == 0) == count
            assert dataset.read(1)[0, 1] == 2


@pytest.mark.parametrize(("dtype", "nodata"), LONG_NODATA)
def test_nodata_of_64_bits_is_exact(tmp_path: Path, dtype: str, nodata: int) -> None:
    values = np.arange(1, 101, dtype=dtype).reshape(10, 10)
    values[0, 0] = nodata
    with open_raster(make_long(tmp_path / "a.tif", dtype, values, nodata)) as dataset:
        found = read_float(dataset, 1)
    assert np.isnan(found[0, 0])
    assert np.count_nonzero(np.isnan(found)) == 1
    assert np.nanmax(found) == 100


def test_long_integers_keep_their_digits_or_are_refused(make_raster: MakeRaster) -> None:
    values = np.int64(2**52) + np.arange(4).reshape(2, 2)
    with open_raster(make_raster("a.tif", values)) as dataset:
        np.testing.assert_array_equal(read_float(dataset, 1), values)
    path = make_raster("b.tif", values + np.int64(2**60))
    with (
        open_raster(path, input_id="raster") as dataset,
        pytest.raises(InputError, match=r"'raster': band 1 holds integers beyond 2\*\*53"),
    ):
        read_float(dataset, 1)
