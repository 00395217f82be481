from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

import dragoman
from dragoman.rasters.opening import open_raster

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from tests.processes.conftest import FakeContext, MakeRaster

PROCESS = "reproject"
UTM = Affine(10, 0, 500_000, 0, -10, 5_000_000)
ONES = np.ones((40, 50), "uint8")


def run(algorithm: ModuleType, path: Path, context: FakeContext, **inputs: Any) -> Any:
    """The result, open; pytest's end closes it."""
    with open_raster(path) as raster:
        result = algorithm.run(raster, context=context, **inputs)
    return rasterio.open(result["raster"])


def test_the_same_crs_keeps_every_pixel(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    values = np.random.default_rng(9).integers(0, 99, (2, 40, 50)).astype("int16")
    path = make_raster("a.tif", values, nodata=0, transform=UTM @ Affine.scale(1, 1.5))
    with run(algorithm, path, context, crs="EPSG:32633") as made, rasterio.open(path) as source:
        np.testing.assert_array_equal(made.read(), values)
        assert (made.transform, made.nodata, made.dtypes) == (source.transform, 0, source.dtypes)
        assert made.block_shapes[0] == (512, 512)
    assert len(context.seen) > 1


def test_there_and_back_again(algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster) -> None:
    rows, cols = np.mgrid[0:60, 0:60].astype("float32")
    path = make_raster("a.tif", rows + 2 * cols)
    with run(algorithm, path, context, crs="EPSG:3857", resampling="bilinear") as there:
        assert there.crs.to_epsg() == 3857
        assert np.isnan(there.nodata)
        there_path = context.scratch / "there.tif"
        (context.scratch / "raster.tif").rename(there_path)
    box = {"bbox": [500_100, 4_999_500, 500_500, 4_999_900], "crs": "EPSG:32633"}
    with run(
        algorithm, there_path, context, crs="EPSG:32633", resolution=10, bbox=box, resampling="bilinear"
    ) as back:
        assert tuple(back.bounds) == (500_100, 4_999_500, 500_500, 4_999_900)
        np.testing.assert_allclose(back.read(1), (rows + 2 * cols)[10:50, 10:50], atol=0.1)


@pytest.mark.parametrize(("nodata", "flag"), [(0, "nodata"), (None, "per_dataset")])
def test_what_lies_outside_is_missing(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, nodata: int | None, flag: str
) -> None:
    path = make_raster("a.tif", ONES, nodata=nodata)
    box = {"bbox": [499_800, 4_999_600, 500_200, 5_000_000], "crs": "EPSG:32633"}
    with run(algorithm, path, context, crs="EPSG:32633", bbox=box) as made:
        assert made.shape == (40, 40)
        assert made.mask_flag_enums[0][0].name == flag
        mask = made.read_masks(1)
        assert (mask[:, :20] == 0).all()
        assert (mask[:, 20:] == 255).all()
        assert not (context.scratch / "raster.tif.msk").exists()


def test_zero_stays_a_value_where_it_is_not_nodata(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    with run(algorithm, make_raster("a.tif", ONES * 0), context, crs="EPSG:32633") as made:
        assert made.read(1, masked=True).count() == ONES.size


def test_an_alpha_band_becomes_a_mask(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    alpha = np.full(ONES.shape, 255, "uint8")
    alpha[:20] = 0
    path = make_raster("a.tif", np.stack([ONES, alpha]), alpha="yes")
    with run(algorithm, path, context, crs="EPSG:32633") as made:
        assert made.count == 1
        np.testing.assert_array_equal(made.read_masks(1), alpha)


def test_what_is_known_of_the_bands_stays(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", np.stack([ONES, ONES, ONES]), photometric="rgb")
    with rasterio.open(path, "r+") as target:
        target.set_band_description(2, "green")
        target.set_band_unit(1, "m")
        target.scales, target.offsets = (0.5, 1, 1), (1, 0, 0)
    with run(algorithm, path, context, crs="EPSG:4326") as made:
        assert made.colorinterp == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
        assert made.descriptions == (None, "green", None)
        assert made.units[0] == "m"
        assert (made.scales[0], made.offsets[0]) == (0.5, 1)


def test_colours_of_classes_stay(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", ONES)
    with rasterio.open(path, "r+") as target:
        target.write_colormap(1, {1: (10, 20, 30, 255)})
    with run(algorithm, path, context, crs="EPSG:3857") as made:
        assert made.colormap(1)[1] == (10, 20, 30, 255)


def test_a_box_in_latitude_longitude_order(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", np.ones((100, 100), "uint8"))
    lonlat = [15.0, 45.145, 15.01, 45.15]
    swapped = {"bbox": [45.145, 15.0, 45.15, 15.01], "crs": "http://www.opengis.net/def/crs/EPSG/0/4326"}
    with run(algorithm, path, context, crs="EPSG:4326", resolution=0.001, bbox={"bbox": lonlat}) as made:
        first = made.bounds
    with run(algorithm, path, context, crs="EPSG:4326", resolution=0.001, bbox=swapped) as made:
        assert made.bounds == first
        assert tuple(first) == pytest.approx(tuple(lonlat))


def test_a_box_with_heights_and_across_the_antimeridian(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", ONES, crs="EPSG:4326", transform=Affine(0.1, 0, 177.5, 0, -0.1, 2))
    box = {"bbox": [179.0, 0.0, -5.0, -179.0, 1.0, 5.0]}
    with run(algorithm, path, context, crs="CRS84", bbox=box) as made:
        assert tuple(made.bounds) == pytest.approx((179, 0, 181, 1))
        assert (made.read_masks(1) == 255).all()


def test_the_example(algorithm: ModuleType, context: FakeContext, examples: Path) -> None:
    box = {"bbox": [-78.4, 24.85, -78.0, 25.2]}
    with run(
        algorithm,
        examples / "rgb.tif",
        context,
        crs="EPSG:4326",
        resolution=0.004,
        bbox=box,
        resampling="bilinear",
    ) as made:
        assert made.shape == (88, 100)
        assert made.nodata == 0
        assert 0.5 < (made.dataset_mask() > 0).mean() < 1


@pytest.mark.parametrize(
    ("profile", "inputs", "input_id", "says"),
    [
        ({"crs": None}, {"crs": "EPSG:4326"}, "raster", "has no CRS"),
        ({}, {"crs": "/etc/passwd"}, "crs", "does not name a CRS"),
        ({}, {"crs": "EPSG:99999"}, "crs", "is not known"),
        ({}, {"crs": "EPSG:4326", "resolution": 1e-30}, "resolution", "too large"),
        ({}, {"crs": "EPSG:3857", "resolution": 0.001}, "resolution", "at most"),
        ({}, {"crs": "EPSG:4326", "bbox": {"bbox": [1, 1, 2, 2]}}, "bbox", "does not overlap"),
        ({}, {"crs": "EPSG:4326", "bbox": {"bbox": [1, 1, 1, 1]}}, "bbox", "has no area"),
        ({}, {"crs": "EPSG:4326", "bbox": {"bbox": [1, 1, 2, 2], "crs": "x"}}, "bbox", "does not name a CRS"),
    ],
)
def test_the_callers_faults(
    algorithm: ModuleType,
    context: FakeContext,
    make_raster: MakeRaster,
    profile: dict[str, Any],
    inputs: dict[str, Any],
    input_id: str,
    says: str,
) -> None:
    context.config = {"max_pixels": 1_000_000}
    with pytest.raises(dragoman.InputError, match=says) as caught:
        run(algorithm, make_raster("a.tif", ONES, **profile), context, **inputs)
    assert caught.value.problems[0].input_id == input_id
