from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.warp import reproject

import dragoman
from dragoman.rasters.opening import open_raster

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from tests.processes.conftest import FakeContext, MakeRaster

PROCESS = "ndvi"
UTM = Affine(10, 0, 500_000, 0, -10, 5_000_000)


def run(
    algorithm: ModuleType, red: Path, nir: Path, context: FakeContext, **bands: int
) -> tuple[Any, dict[str, Any]]:
    """The index as an array, and the statistics."""
    with open_raster(red) as r, open_raster(nir) as n:
        result = algorithm.run(r, n, context=context, **bands)
    with rasterio.open(result["ndvi"]) as made:
        return made.read(1), result["statistics"]


def test_values_nodata_and_statistics(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    rng = np.random.default_rng(3)
    red = rng.integers(1, 5000, (50, 40)).astype("uint16")
    nir = rng.integers(1, 5000, (50, 40)).astype("uint16")
    red[0, :5] = 0
    nir[:3, 0] = 65535
    found, said = run(
        algorithm, make_raster("r.tif", red, nodata=0), make_raster("n.tif", nir, nodata=65535), context
    )
    a, b = red.astype(float), nir.astype(float)
    expected = (b - a) / (b + a)
    expected[(red == 0) | (nir == 65535)] = np.nan
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert said["mean"] == pytest.approx(np.nanmean(expected), abs=1e-6)
    assert said["std"] == pytest.approx(np.nanstd(expected), abs=1e-6)
    assert (said["min"], said["max"]) == pytest.approx((np.nanmin(expected), np.nanmax(expected)), abs=1e-6)
    assert said["valid_count"] == np.isfinite(expected).sum()
    assert said["valid_fraction"] == pytest.approx(np.isfinite(expected).mean())
    assert context.seen[-1] == 100
    assert len(context.seen) > 1


def test_the_result_is_tiled_compressed_and_on_the_grid_of_red(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", np.ones((30, 20), "uint8"))
    run(algorithm, path, path, context)
    with rasterio.open(context.scratch / "ndvi.tif") as made, rasterio.open(path) as red:
        assert (made.crs, made.transform, made.shape) == (red.crs, red.transform, red.shape)
        assert (made.dtypes, made.count) == (("float32",), 1)
        assert np.isnan(made.nodata)
        assert made.block_shapes == [(512, 512)]
        assert made.compression.name == "zstd"
        assert made.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "3"


def test_bands_are_chosen(algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster) -> None:
    path = make_raster("a.tif", np.stack([np.full((4, 4), value, "uint8") for value in (9, 1, 3)]))
    found, _ = run(algorithm, path, path, context, red_band=2, nir_band=3)
    assert (found == 0.5).all()


def test_zero_in_both_is_nodata_and_nothing_valid_is_null(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", np.zeros((20, 20), "uint8"))
    found, said = run(algorithm, path, path, context)
    assert np.isnan(found).all()
    assert (said["mean"], said["valid_count"], said["valid_fraction"]) == (None, 0, 0.0)


def test_scale_and_offset_count(algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster) -> None:
    red, nir = (make_raster(name, np.full((4, 4), 2000, "uint16")) for name in ("r.tif", "n.tif"))
    with rasterio.open(nir, "r+") as target:
        target.scales, target.offsets = (2.0,), (-1000.0,)
    found, _ = run(algorithm, red, nir, context)
    np.testing.assert_allclose(found, 1000 / 5000, rtol=1e-6)


def test_a_nir_on_another_grid_is_warped_bilinearly(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    rows, cols = np.mgrid[0:40, 0:40].astype("float32")
    red = make_raster("r.tif", np.full((40, 40), 10, "float32"))
    # A plane, which bilinear resampling keeps: shifted by a quarter of a pixel, and coarser.
    transform = UTM @ Affine.translation(-4, -4) @ Affine.scale(2)
    nir = make_raster("n.tif", 100 + 2 * cols + rows, transform=transform)
    found, _ = run(algorithm, red, nir, context)
    plane = 100 + 2 * ((np.arange(40) + 4.5) / 2 - 0.5)[None, :] + ((np.arange(40) + 4.5) / 2 - 0.5)[:, None]
    np.testing.assert_allclose(found, (plane - 10) / (plane + 10), atol=1e-5)


def test_partial_overlap_is_nodata_outside(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    red = make_raster("r.tif", np.full((40, 40), 1, "uint8"))
    nir = make_raster("n.tif", np.full((40, 40), 3, "uint8"), transform=UTM @ Affine.translation(20, 0))
    found, said = run(algorithm, red, nir, context)
    assert np.isnan(found[:, :20]).all()
    assert (found[:, 20:] == 0.5).all()
    assert said["valid_fraction"] == 0.5


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "int32"])
def test_a_masked_nir_on_another_grid_is_missing_where_it_is_masked(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, dtype: str
) -> None:
    red = make_raster("r.tif", np.full((40, 40), 1, "float32"))
    values = np.full((40, 40), 3, dtype)
    values[:20] = 100
    nir = make_raster("n.tif", values, transform=UTM @ Affine.translation(0.3, 0.3))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(nir, "r+") as target:
        target.write_mask(values == 3)
    found, _ = run(algorithm, red, nir, context)
    assert np.isnan(found[:20]).all()
    assert (found[21:, 1:] == 0.5).all()
    assert set(np.unique(found[np.isfinite(found)])) == {0.5}


def test_another_crs_as_in_the_example(algorithm: ModuleType, context: FakeContext, examples: Path) -> None:
    found, said = run(algorithm, examples / "red.tif", examples / "nir.tif", context)
    with rasterio.open(examples / "red.tif") as red, rasterio.open(examples / "nir.tif") as nir:
        assert red.crs != nir.crs
        warped = np.full(red.shape, np.nan, dtype="float32")
        reproject(
            nir.read(1).astype("float32"),
            warped,
            src_crs=nir.crs,
            src_transform=nir.transform,
            src_nodata=0,
            dst_crs=red.crs,
            dst_transform=red.transform,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
            tolerance=0,
        )
        a = red.read(1).astype("float32")
        a[a == 0] = np.nan
    expected = (warped - a) / (warped + a)
    both = np.isfinite(found) & np.isfinite(expected)
    assert both.sum() > 0.98 * np.isfinite(expected).sum()
    assert np.median(np.abs(found - expected)[both]) < 0.01
    assert 0.8 < said["valid_fraction"] < 0.9


@pytest.mark.parametrize(
    ("red", "nir", "bands", "input_id", "says"),
    [
        ({}, {"transform": UTM @ Affine.translation(100, 0)}, {}, "nir", "does not overlap red"),
        ({}, {"crs": "EPSG:32601"}, {}, "nir", "does not overlap red"),
        ({"crs": None}, {"transform": UTM @ Affine.translation(1, 0)}, {}, "nir", "without a CRS"),
        ({}, {}, {"nir_band": 2}, "nir", "there is no band 2"),
        ({}, {}, {"red_band": 7}, "red", "there is no band 7"),
    ],
)
def test_the_callers_faults(
    algorithm: ModuleType,
    context: FakeContext,
    make_raster: MakeRaster,
    red: dict[str, Any],
    nir: dict[str, Any],
    bands: dict[str, int],
    input_id: str,
    says: str,
) -> None:
    a = make_raster("r.tif", np.ones((8, 8), "uint8"), **red)
    b = make_raster("n.tif", np.ones((8, 8), "uint8"), **nir)
    with pytest.raises(dragoman.InputError, match=says) as caught:
        run(algorithm, a, b, context, **bands)
    assert caught.value.problems[0].input_id == input_id


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_rasters_placed_by_points_share_no_grid(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path
) -> None:
    profile = {"driver": "GTiff", "width": 4, "height": 4, "count": 1, "dtype": "uint8"}
    for name, x in (("red.tif", 10.0), ("nir.tif", 20.0)):
        corners = [(0, 0), (0, 4), (4, 0), (4, 4)]
        points = [GroundControlPoint(row, col, x + col / 10, 50 - row / 10) for row, col in corners]
        with rasterio.open(tmp_path / name, "w", **profile) as target:
            target.write(np.ones((1, 4, 4), "u1"))
            target.gcps = points, CRS.from_epsg(4326)
    with (
        open_raster(tmp_path / "red.tif") as red,
        open_raster(tmp_path / "nir.tif") as nir,
        pytest.raises(dragoman.InputError, match="'nir': differs from red in its ground control points"),
    ):
        algorithm.run(red, nir, context=context)
