from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.warp import transform

import dragoman
from dragoman.rasters.grids import Grid
from dragoman.rasters.nodata import nodata_of
from dragoman.rasters.opening import open_raster
from dragoman.rasters.writing import create_geotiff, geotiff_profile

if TYPE_CHECKING:
    from collections.abc import Callable
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


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32"]
)
def test_what_lies_outside_is_missing_in_every_type(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, dtype: str
) -> None:
    path = make_raster("a.tif", ONES.astype(dtype))
    box = {"bbox": [499_800, 4_999_600, 500_200, 5_000_000], "crs": "EPSG:32633"}
    with run(algorithm, path, context, crs="EPSG:32633", bbox=box) as made:
        assert made.dtypes == (dtype,)
        mask = made.read_masks(1)
        assert (mask[:, :20] == 0).all()
        assert (mask[:, 20:] == 255).all()
        assert (made.read(1)[:, 20:] == 1).all()


@pytest.mark.parametrize("resampling", ["bilinear", "average", "nearest"])
def test_nodata_of_one_band_is_not_blended(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, resampling: str
) -> None:
    values = np.full((2, 40, 50), 100, "float32")
    values[0, 10:20, 10:20] = -9999
    path = make_raster("a.tif", values, nodata=-9999)
    with run(algorithm, path, context, crs="EPSG:3857", resampling=resampling) as made:
        first, second = made.read(1), made.read(2)
        outside = made.read_masks(2) == 0
    assert set(np.unique(first)) == {-9999, 100}
    assert (second[~outside] == 100).all()
    assert ((first == -9999) & ~outside).sum() > 80


def test_a_dark_channel_of_an_image_is_not_blended(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    values = np.full((3, 40, 50), 200, "uint8")
    values[2, :, 25:] = 0
    path = make_raster("a.tif", values, nodata=0, photometric="rgb")
    with run(algorithm, path, context, crs="EPSG:4326", resampling="bilinear") as made:
        assert set(np.unique(made.read(3))) == {0, 200}
        assert set(np.unique(made.read(1))) <= {0, 200}


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "float32", "float64"])
def test_the_files_mask_goes_along(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, dtype: str
) -> None:
    values = np.full((40, 50), 100, dtype)
    values[:20] = 7
    path = make_raster("a.tif", values)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as target:
        target.write_mask(values != 7)
    with run(algorithm, path, context, crs="EPSG:3857", resampling="bilinear") as made:
        found = made.read(1, masked=True)
    np.testing.assert_allclose(found.compressed(), 100)
    assert 0.3 < found.count() / found.size < 0.55


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("bands", [3, 5])
def test_an_alpha_band_anywhere_becomes_a_mask(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, dtype: str, bands: int
) -> None:
    values = np.full((bands, 40, 50), 100, dtype)
    values[:, :20] = 7
    values[-1] = 255
    values[-1, :20] = 0
    path = make_raster("a.tif", values)
    with rasterio.open(path, "r+") as target:
        target.colorinterp = [*[ColorInterp.undefined] * (bands - 1), ColorInterp.alpha]
    with run(algorithm, path, context, crs="EPSG:32633", resampling="bilinear") as made:
        assert made.count == bands - 1
        found = made.read(masked=True)
        assert (found.mask[:, :20]).all()
        assert (found[:, 20:].compressed() == 100).all()
        assert found.count() == (bands - 1) * 20 * 50


GLOBAL = {"crs": "EPSG:4326", "transform": Affine(1, 0, -180, 0, -1, 90)}
FROM_ZERO = {"crs": "EPSG:4326", "transform": Affine(1, 0, 0, 0, -1, 90)}
LONGITUDES = np.broadcast_to(np.arange(360) + 0.5, (180, 360)).astype("float32")


@pytest.mark.parametrize(
    ("epsg", "pixel"), [(3857, (5e4, 2e5)), (3413, (5e3, 2e5)), (32633, (5e4, 2e5)), (2154, (5e4, 2e5))]
)
def test_the_whole_globe_is_cut_to_what_the_crs_is_made_for(
    algorithm: ModuleType,
    context: FakeContext,
    make_raster: MakeRaster,
    epsg: int,
    pixel: tuple[float, float],
) -> None:
    path = make_raster("a.tif", np.ones((180, 360), "float32"), **GLOBAL)
    with run(algorithm, path, context, crs=f"EPSG:{epsg}") as made:
        assert pixel[0] < made.res[0] < pixel[1]
        assert np.isfinite(made.read(1)).mean() > 0.9
        assert max(map(abs, made.bounds)) < 2.1e7


def test_a_scene_at_the_edge_of_its_zone_is_kept_whole(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", ONES, transform=Affine(1000, 0, 240_000, 0, -1000, 5_000_000))
    with run(algorithm, path, context, crs="EPSG:32632") as made:
        assert made.read(1, masked=True).count() == pytest.approx(ONES.size, rel=0.05)


@pytest.mark.parametrize(
    ("crs", "box"),
    [
        ("EPSG:4326", [-20.0, -10.0, 20.0, 10.0]),
        ("EPSG:4326", [170.0, -10.0, -170.0, 10.0]),
        ("EPSG:3857", [-20.0, -10.0, 20.0, 10.0]),
        ("EPSG:3857", None),
        ("EPSG:4258", None),
    ],
)
def test_longitudes_beyond_180_are_found_in_a_box_before_it(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, crs: str, box: list[float] | None
) -> None:
    path = make_raster("a.tif", LONGITUDES, **FROM_ZERO)
    more: dict[str, Any] = {"bbox": {"bbox": box}} if box else {}
    with run(algorithm, path, context, crs=crs, resolution=1 if crs == "EPSG:4326" else None, **more) as made:
        found = made.read(1)
        inside = found[found.shape[0] // 2]
        assert np.isfinite(found).mean() > 0.95
        xs, ys = made.xy(np.full(inside.size, found.shape[0] // 2), np.arange(inside.size))
        lons, _ = transform(made.crs, "EPSG:4326", xs, ys)
    known = np.isfinite(inside)
    np.testing.assert_allclose(inside[known], np.mod(lons, 360)[known], atol=0.8)


def test_a_box_across_the_antimeridian_finds_both_sides(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", LONGITUDES - 180, **GLOBAL)
    box = {"bbox": [170.0, 0.0, -170.0, 10.0]}
    with run(algorithm, path, context, crs="EPSG:4326", bbox=box) as made:
        found = made.read(1)
    np.testing.assert_array_equal(found[0], [*np.arange(170.5, 180), *np.arange(-179.5, -170)])


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


def test_the_example_is_what_each_band_gives_alone(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, examples: Path
) -> None:
    with rasterio.open(examples / "rgb.tif") as scene, rasterio.open(examples / "degrees.tif") as golden:
        place = {"crs": scene.crs, "transform": scene.transform, "nodata": 0}
        inputs = {"crs": "EPSG:4326", "resolution": 0.004, "bbox": {"bbox": [-78.4, 24.85, -78.0, 25.2]}}
        for band in scene.indexes:
            alone = make_raster(f"{band}.tif", scene.read(band), **place)
            context.config = {}
            with run(algorithm, alone, context, resampling="bilinear", **inputs) as made:
                single, found = made.read(1), golden.read(band)
            both = (single > 0) & (found > 0)
            np.testing.assert_array_equal(found[both], single[both])
            # GDAL lets several bands reach up to half a pixel further than one alone
            assert not ((single > 0) & ~both).any()
            assert ((found > 0) & ~both).mean() < 0.01


@pytest.mark.parametrize("name", ["reproject", "zonal-statistics", "raster-calculator", "ndvi"])
def test_a_raster_that_ends_too_early_is_its_senders_fault(
    context: FakeContext, make_raster: MakeRaster, load_process: Callable[[str], ModuleType], name: str
) -> None:
    values = np.random.default_rng(4).integers(1, 255, (300, 300)).astype("uint8")
    whole, path = make_raster("whole.tif", values), make_raster("half.tif", values)
    path.write_bytes(path.read_bytes()[:40_000])
    west, south, east, north = 500_000, 4_997_000, 503_000, 5_000_000
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    zone = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    crs = {"type": "name", "properties": {"name": "EPSG:32633"}}
    with open_raster(path, input_id="the one") as half, open_raster(whole) as other:
        arguments: dict[str, dict[str, Any]] = {
            "reproject": {"raster": half, "crs": "EPSG:3857"},
            "zonal-statistics": {
                "raster": half,
                "zones": {"type": "FeatureCollection", "features": [zone], "crs": crs},
            },
            "raster-calculator": {"rasters": [other, half], "expression": "r1 + r2"},
            "ndvi": {"red": other, "nir": half},
        }
        with pytest.raises(dragoman.InputError, match="damaged or not complete") as caught:
            load_process(name).run(**arguments[name], context=context)
    assert caught.value.problems[0].input_id == "the one"


@pytest.mark.parametrize(
    ("profile", "inputs", "input_id", "says"),
    [
        ({"crs": None}, {"crs": "EPSG:4326"}, "raster", "has no CRS"),
        ({}, {"crs": "/etc/passwd"}, "crs", "does not name a CRS"),
        ({}, {"crs": "EPSG:99999"}, "crs", "is not known"),
        ({}, {"crs": "EPSG:5773"}, "crs", "neither geographic nor projected"),
        ({}, {"crs": "EPSG:4978"}, "crs", "neither geographic nor projected"),
        ({}, {"crs": "EPSG:32755"}, "crs", "outside the area that EPSG:32755 is made for"),
        (
            {},
            {"crs": "EPSG:4326", "bbox": {"bbox": [15.004, 45.0, 15.001, 45.2]}},
            "bbox",
            "corners in the wrong order .x from 15.004 to 15.001",
        ),
        (
            {},
            {"crs": "EPSG:32633", "bbox": {"bbox": [2, 1, 1, 2], "crs": "EPSG:32633"}},
            "bbox",
            "wrong order",
        ),
        ({}, {"crs": "EPSG:4326", "bbox": {"bbox": [15.0, 45.2, 15.1, 45.1]}}, "bbox", "wrong order"),
        ({}, {"crs": "EPSG:32633", "bbox": {"bbox": [15.0, 45.0, 15.0, 45.2]}}, "bbox", "has no area"),
        ({}, {"crs": "EPSG:4326", "bbox": {"bbox": [14.0, 44.0, 16.0, 46.0]}}, "bbox", "at most"),
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


@pytest.mark.parametrize(
    ("dtype", "values", "nodata"),
    [
        ("uint64", 2**60 + np.arange(100, dtype="u8"), None),
        ("int64", 2**53 + np.arange(100), None),
        ("int64", -(2**63) + np.arange(100), -(2**63)),
        ("uint64", 2**64 - 1 - np.arange(100, dtype="u8"), 2**64 - 1),
        ("int32", 999999999 + np.arange(-50, 50), 999999999),
    ],
)
@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
def test_without_a_warp_every_bit_stays(
    algorithm: ModuleType,
    context: FakeContext,
    tmp_path: Path,
    dtype: str,
    values: Any,
    nodata: Any,
    resampling: str,
) -> None:
    values = values.astype(dtype).reshape(10, 10)
    path = long_raster(tmp_path / "a.tif", values, nodata)
    with open_raster(path, input_id="raster") as dataset:
        made = algorithm.run(dataset, "EPSG:32633", resampling=resampling, context=context)["raster"]
    with open_raster(made) as result:
        assert nodata_of(result) == nodata
        np.testing.assert_array_equal(result.read(1), values)
        missing = result.read_masks(1) == 0
        np.testing.assert_array_equal(missing, values == nodata if nodata is not None else False)


def test_without_a_warp_a_box_is_cut_out_or_filled_up(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path
) -> None:
    values = np.arange(1, 101, dtype="i4").reshape(10, 10)
    path = long_raster(tmp_path / "a.tif", values, -999999999)
    box = {"bbox": [500_050, 4_999_880, 500_120, 4_999_950], "crs": "EPSG:32633"}
    with open_raster(path) as dataset:
        made = algorithm.run(dataset, "EPSG:32633", resolution=10, bbox=box, context=context)["raster"]
    with open_raster(made) as result:
        found = result.read(1)
    assert found.shape == (7, 7)
    np.testing.assert_array_equal(found[:5, :5], values[5:, 5:])
    assert (found[5:] == -999999999).all()
    assert (found[:, 5:] == -999999999).all()


def test_a_warp_takes_no_neighbour_for_nodata(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path
) -> None:
    values = (999999999 + np.arange(-50, 50)).astype("i4").reshape(10, 10)
    path = long_raster(tmp_path / "a.tif", values, 999999999)
    box = {"bbox": [500_000, 4_999_900, 500_100, 5_000_000], "crs": "EPSG:32633"}
    with open_raster(path) as dataset:
        made = algorithm.run(dataset, "EPSG:32633", resolution=5, bbox=box, context=context)["raster"]
    with open_raster(made) as result:
        assert result.nodata == 999999999
        np.testing.assert_array_equal(result.read(1), values.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize("nodata", [None, 2**64 - 1])
def test_a_warp_that_would_lose_digits_is_refused(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, nodata: int | None
) -> None:
    values = (2**60 + np.arange(100, dtype="u8")).reshape(10, 10)
    path = long_raster(tmp_path / "a.tif", values, nodata)
    with (
        open_raster(path, input_id="raster") as dataset,
        pytest.raises(dragoman.InputError, match=r"'raster': holds integers beyond 2\*\*53"),
    ):
        algorithm.run(dataset, "EPSG:3857", context=context)


def long_raster(path: Path, values: Any, nodata: int | None) -> Path:
    """A raster of integers whose nodata value keeps all its digits."""
    transform = Affine(10, 0, 500_000, 0, -10, 5_000_000)
    grid = Grid(crs=CRS.from_epsg(32633), transform=transform, width=10, height=10)
    with create_geotiff(path, geotiff_profile(grid, dtype=values.dtype.name, nodata=nodata)) as target:
        target.write(values[np.newaxis])
    return path
