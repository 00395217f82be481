from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from dragoman.errors import InvalidRequest
from dragoman.rasters.grids import Grid, overlap, source_nodata
from dragoman.rasters.opening import open_raster
from dragoman.rasters.overlaps import meeting
from dragoman.rasters.warping import on_grid
from dragoman.rasters.windows import read_float

if TYPE_CHECKING:
    from tests.rasters.conftest import MakeRaster

UTM33 = CRS.from_epsg(32633)
BASE = Grid(crs=UTM33, transform=Affine(10, 0, 500_000, 0, -10, 5_000_000), width=100, height=80)


def changed(**changes: object) -> Grid:
    fields = {"crs": BASE.crs, "transform": BASE.transform, "width": BASE.width, "height": BASE.height}
    return Grid(**{**fields, **changes})  # type: ignore[arg-type]  # the fields are those of Grid


def test_a_grid_is_the_same_as_itself_and_within_a_hundredth_of_a_pixel() -> None:
    assert BASE.same_as(changed())
    assert BASE.same_as(changed(transform=Affine(10, 0, 500_000.05, 0, -10, 5_000_000)))


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (changed(width=101), "size 101 x 80 against 100 x 80"),
        (changed(crs=CRS.from_epsg(3857)), "CRS EPSG:3857 against EPSG:32633"),
        (changed(crs=None), "CRS no CRS against EPSG:32633"),
        (
            changed(transform=Affine(20, 0, 500_000, 0, -20, 5_000_000)),
            "pixel size 20 x -20 against 10 x -10",
        ),
        (changed(transform=Affine(10, 1, 500_000, 1, -10, 5_000_000)), "rotated"),
        (
            changed(transform=Affine(10, 0, 500_005, 0, -10, 5_000_000)),
            "upper left corner (500005, 5000000) against (500000, 5000000)",
        ),
    ],
)
def test_differences_say_how(other: Grid, says: str) -> None:
    assert says in "; ".join(BASE.differences(other))


def test_a_slightly_other_pixel_size_adds_up_over_a_wide_grid() -> None:
    wide = changed(width=100_000)
    other = changed(width=100_000, transform=Affine(10.001, 0, 500_000, 0, -10, 5_000_000))
    assert wide.differences(other) == ["pixel size 10.001 x -10 against 10 x -10"]


sizes = st.integers(1, 500)


@given(st.floats(0.1, 100), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), sizes, sizes, st.booleans())
def test_bounds_are_ordered_and_hold_the_corners(
    step: float, x: float, y: float, width: int, height: int, south_up: bool
) -> None:
    transform = Affine(step, 0, x, 0, step if south_up else -step, y)
    left, bottom, right, top = Grid(crs=None, transform=transform, width=width, height=height).bounds
    assert left < right
    assert bottom < top
    for corner in ((0, 0), (width, height)):
        cx, cy = transform @ corner
        assert left - 1e-6 <= cx <= right + 1e-6
        assert bottom - 1e-6 <= cy <= top + 1e-6


def test_bounds_of_a_rotated_grid_are_the_box_around_it() -> None:
    grid = Grid(crs=None, transform=Affine.rotation(45), width=10, height=10)
    assert grid.bounds == pytest.approx((-7.0710678, 0, 7.0710678, 14.1421356))


@pytest.mark.parametrize("epsg", [4326, 3857, 32634])
def test_bounds_go_to_another_crs_and_back(epsg: int) -> None:
    there = BASE.bounds_in(CRS.from_epsg(epsg))
    assert there is not None
    box = Grid(
        crs=CRS.from_epsg(epsg),
        transform=Affine(there[2] - there[0], 0, there[0], 0, there[1] - there[3], there[3]),
        width=1,
        height=1,
    )
    back = box.bounds_in(UTM33)
    assert back is not None
    assert back == pytest.approx(BASE.bounds, abs=100)


def test_overlap_wants_an_area() -> None:
    assert overlap((0, 0, 1, 1), (0.5, 0.5, 2, 2))
    assert not overlap((0, 0, 1, 1), (1, 0, 2, 1))
    far = changed(transform=Affine(10, 0, 600_000, 0, -10, 5_000_000))
    assert not meeting(far, BASE)
    assert meeting(changed(crs=None), BASE)


def test_on_its_own_grid_a_dataset_is_itself(make_raster: MakeRaster) -> None:
    with (
        open_raster(make_raster("a.tif", np.ones((4, 4), "uint8"))) as dataset,
        on_grid(dataset, Grid.of(dataset)) as same,
    ):
        assert same is dataset


def test_on_another_grid_what_is_missing_is_nan(make_raster: MakeRaster) -> None:
    values = np.arange(1, 17, dtype="uint8").reshape(4, 4)
    values[0, 0] = 0
    with open_raster(make_raster("a.tif", values, nodata=0)) as dataset:
        shifted = Grid(crs=UTM33, transform=dataset.transform @ Affine.translation(-2, 0), width=6, height=4)
        with on_grid(dataset, shifted, "nearest") as warped:
            found = read_float(warped, 1)
    assert np.isnan(found[:, :2]).all()
    expected = values.astype(float)
    expected[0, 0] = np.nan
    np.testing.assert_array_equal(found[:, 2:], expected)


@pytest.mark.parametrize("kind", ["mask", "alpha", "nan"])
def test_every_kind_of_missing_is_missing_after_a_warp(make_raster: MakeRaster, kind: str) -> None:
    import rasterio

    values = np.full((6, 6), 7, dtype="float32" if kind == "nan" else "uint8")
    gone = np.zeros((6, 6), dtype=bool)
    gone[:3] = True
    if kind == "nan":
        values[gone] = np.nan
        path = make_raster("a.tif", values)
    elif kind == "alpha":
        path = make_raster("a.tif", np.stack([values, np.where(gone, 0, 255).astype("uint8")]), alpha="yes")
    else:
        path = make_raster("a.tif", values)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as target:
            target.write_mask(~gone)
    with open_raster(path) as dataset:
        np.testing.assert_array_equal(np.isnan(read_float(dataset, 1)), gone)
        twice = Grid(crs=UTM33, transform=dataset.transform @ Affine.scale(0.5), width=12, height=12)
        with on_grid(dataset, twice) as warped:
            found = read_float(warped, 1)
    assert np.isnan(found[:5]).all()
    assert (found[7:] == 7).all()


@pytest.mark.parametrize("resampling", ["bilinear", "average"])
def test_nodata_in_one_band_is_not_blended_into_it(make_raster: MakeRaster, resampling: str) -> None:
    values = np.full((2, 12, 12), 100, "float32")
    values[0, 4:8, 4:8] = -9999
    with open_raster(make_raster("a.tif", values, nodata=-9999)) as dataset:
        shifted = Grid(
            crs=UTM33, transform=dataset.transform @ Affine.translation(0.3, 0.3), width=11, height=11
        )
        with on_grid(dataset, shifted, resampling) as warped:
            first, second = read_float(warped, 1), read_float(warped, 2)
    assert np.isnan(first).any()
    assert (first[np.isfinite(first)] == 100).all()
    assert (second == 100).all()


@pytest.mark.parametrize("kind", ["mask", "alpha"])
@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float16", "float32", "float64"]
)
def test_masks_of_every_type_count_in_a_warp(make_raster: MakeRaster, dtype: str, kind: str) -> None:
    import rasterio
    from rasterio.enums import ColorInterp

    gone = np.zeros((8, 8), dtype=bool)
    gone[:3] = True
    values = np.where(gone, 7, 100).astype(dtype)
    if kind == "alpha":
        path = make_raster("a.tif", np.stack([values, values, np.where(gone, 0, 1).astype(dtype)]))
        with rasterio.open(path, "r+") as target:
            target.colorinterp = (ColorInterp.gray, ColorInterp.undefined, ColorInterp.alpha)
    else:
        path = make_raster("a.tif", np.stack([values, values]))
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as target:
            target.write_mask(~gone)
    with open_raster(path) as dataset:
        lower = Grid(crs=UTM33, transform=dataset.transform @ Affine.translation(0, 0.3), width=8, height=7)
        with on_grid(dataset, lower) as warped:
            found = read_float(warped, 1)
    assert np.isnan(found[:2]).all()
    assert (found[3:] == 100).all()
    assert set(np.unique(found[np.isfinite(found)])) == {100}


def test_without_a_crs_there_is_no_other_grid(make_raster: MakeRaster) -> None:
    path = make_raster("a.tif", np.ones((4, 4), "uint8"), crs=None)
    with (
        open_raster(path) as dataset,
        pytest.raises(InvalidRequest, match="without a CRS"),
        on_grid(dataset, BASE),
    ):
        pass


def test_source_nodata_is_what_the_type_can_hold(make_raster: MakeRaster) -> None:
    with open_raster(make_raster("i.tif", np.ones((2, 2), "uint8"))) as dataset:
        assert source_nodata(dataset) is None
    with open_raster(make_raster("n.tif", np.ones((2, 2), "int16"), nodata=-5)) as dataset:
        assert source_nodata(dataset) == -5
    with open_raster(make_raster("f.tif", np.ones((2, 2), "float32"))) as dataset:
        assert np.isnan(source_nodata(dataset) or 0.0)
