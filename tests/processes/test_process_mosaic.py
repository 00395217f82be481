"""Mosaics: right numbers against rasterio's merge, seams, nodata of any type, and what cannot be joined."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.merge import merge

import dragoman
from dragoman.rasters.grids import Grid
from dragoman.rasters.nodata import nodata_of
from dragoman.rasters.opening import open_raster
from dragoman.rasters.writing import create_geotiff, geotiff_profile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from tests.processes.conftest import FakeContext, MakeRaster

PROCESS = "mosaic"
SCENE = np.random.default_rng(5).integers(1, 250, (3, 100, 130)).astype("uint8")


def at(col: float, row: float, size: float = 10) -> Affine:
    """The place of a part of the scene."""
    return Affine(size, 0, 500_000 + size * col, 0, -size, 5_000_000 - size * row)


@contextmanager
def joined(algorithm: ModuleType, paths: list[Path], context: FakeContext, **inputs: Any) -> Iterator[Any]:
    with open_raster(algorithm.run(paths, context=context, **inputs)["mosaic"]) as dataset:
        yield dataset


def merged(paths: list[Path], **options: Any) -> Any:
    with rasterio.Env():
        return merge(paths, **options)


def parts(make_raster: MakeRaster, scene: Any = SCENE, **profile: Any) -> list[Path]:
    """A scene in three parts, of which the third overlaps the others, and the second the first."""
    profile = {"nodata": 0, **profile}
    return [
        make_raster("a.tif", scene[..., :60, :70], transform=at(0, 0), **profile),
        make_raster("b.tif", scene[..., :60, 50:], transform=at(50, 0), **profile),
        make_raster("c.tif", scene[..., 50:, :], transform=at(0, 50), **profile),
    ]


# -- against rasterio.merge ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint16", "int32", "uint32", "float32", "float64", "int64"]
)
def test_tiles_side_by_side_are_what_merge_makes(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, dtype: str
) -> None:
    scene = SCENE.astype(dtype)
    paths = [
        make_raster(
            f"{row}-{col}.tif", scene[:, row : row + 50, col : col + 65], transform=at(col, row), nodata=0
        )
        for row in (0, 50)
        for col in (65, 0)
    ]
    expected, transform = merged(paths)
    with joined(algorithm, paths, context) as mosaic:
        assert mosaic.transform == transform
        assert mosaic.dtypes[0] == dtype
        np.testing.assert_array_equal(mosaic.read(), expected)
        np.testing.assert_array_equal(mosaic.read(), scene)


@pytest.mark.parametrize("feather", [True, False])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_parts_that_agree_where_they_overlap_are_what_merge_makes(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, dtype: str, feather: bool
) -> None:
    paths = parts(make_raster, SCENE.astype(dtype))
    with joined(algorithm, paths, context, feather=feather) as mosaic:
        np.testing.assert_array_equal(mosaic.read(), merged(paths)[0])


def test_without_feathering_the_first_image_is_on_top_as_in_merge(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    paths = parts(make_raster)
    holes = np.random.default_rng(6).integers(0, 2, (3, 60, 80)).astype("uint8")
    paths[1] = make_raster("b.tif", holes * 77, transform=at(50, 0), nodata=0)
    for order in (paths, paths[::-1]):
        expected, _ = merged(order)
        with joined(algorithm, order, context, feather=False) as mosaic:
            np.testing.assert_array_equal(mosaic.read(), expected)


def test_another_resolution_is_what_merge_makes(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    paths = parts(make_raster)
    expected, transform = merged(paths, res=5.0)
    with joined(algorithm, paths, context, resolution=5.0, resampling="nearest") as mosaic:
        assert mosaic.transform == transform
        np.testing.assert_array_equal(mosaic.read(), expected)


# -- seams --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [16, 512])
def test_a_seam_is_a_ramp_from_one_image_to_the_other(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, window: int
) -> None:
    context.config = {"window": window, "reach": 8}
    left = make_raster("a.tif", np.full((40, 60), 100, "uint8"), transform=at(0, 0))
    right = make_raster("b.tif", np.full((40, 60), 200, "uint8"), transform=at(30, 0))
    with joined(algorithm, [left, right], context) as mosaic:
        values = mosaic.read(1)
    row = values[20].astype(int)
    assert (row[:30] == 100).all()
    assert (row[60:] == 200).all()
    assert (np.diff(row) >= 0).all()
    assert np.diff(row).max() <= 12, "no step is seen"
    assert (row[38:52] == 150).all(), "in the middle both count alike"
    np.testing.assert_array_equal(values[8:32], np.broadcast_to(row, (24, 90)))


def test_windows_leave_no_trace(algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster) -> None:
    paths = parts(make_raster)
    paths[1] = make_raster("b.tif", 250 - SCENE[:, :60, 50:], transform=at(50, 0), nodata=0)
    results = []
    for window in (16, 48, 512):
        context.config = {"window": window, "reach": 7}
        with joined(algorithm, paths, context) as mosaic:
            results.append(mosaic.read())
    np.testing.assert_array_equal(results[0], results[2])
    np.testing.assert_array_equal(results[1], results[2])


def test_an_image_is_faded_in_from_the_edge_of_its_values_not_of_its_file(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    context.config = {"window": 32, "reach": 10}
    under = np.full((60, 80), 100, "uint8")
    over = np.zeros((60, 80), "uint8")
    over[20:40, 20:60] = 200
    paths = [make_raster("a.tif", under, nodata=0), make_raster("b.tif", over, nodata=0)]
    with joined(algorithm, paths, context) as mosaic:
        row = mosaic.read(1)[30].astype(int)
    assert (row[:20] == 100).all()
    assert (row[60:] == 100).all()
    assert row[20] < 115
    assert (np.abs(np.diff(row)) <= 10).all()
    assert row[40] == 150


def test_a_blend_is_never_nodata(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    paths = [
        make_raster("a.tif", np.full((20, 20), 100, "uint8"), nodata=150),
        make_raster("b.tif", np.full((20, 20), 200, "uint8"), nodata=150),
    ]
    with joined(algorithm, paths, context) as mosaic:
        assert (mosaic.read_masks(1) == 255).all()
        assert set(np.unique(mosaic.read(1))) <= {100, 200}


def test_infinite_values_are_not_blended_into_others(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    paths = [
        make_raster("a.tif", np.full((4, 4), np.inf, "float32")),
        make_raster("b.tif", np.full((4, 4), 1, "float32")),
    ]
    with joined(algorithm, paths, context) as mosaic:
        assert np.isinf(mosaic.read(1)).all()


def test_classes_and_long_integers_are_not_blended(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    paths = [make_raster(f"{value}.tif", np.full((20, 20), value, "uint8")) for value in (1, 3)]
    for path in paths:
        with rasterio.open(path, "r+") as target:
            target.write_colormap(1, {1: (1, 2, 3, 255), 3: (4, 5, 6, 255)})
    with joined(algorithm, paths, context) as mosaic:
        assert (mosaic.read(1) == 1).all()
        assert mosaic.colorinterp == (ColorInterp.palette,)
        assert mosaic.colormap(1)[3] == (4, 5, 6, 255)
    long = [make_raster(f"{value}.tif", np.full((9, 9), value, "int64")) for value in (2**60 + 1, 5)]
    with joined(algorithm, long, context) as mosaic:
        assert (mosaic.read(1) == 2**60 + 1).all()


# -- nodata ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("uint8", 0), ("uint8", 255), ("int16", -32768), ("uint16", 65535), ("int32", -999999999),
        ("uint32", 2**32 - 1), ("int64", -(2**63)), ("uint64", 2**64 - 1), ("float32", -9999.0),
        ("float32", float("nan")), ("float64", -1.7976931348623157e308),
    ],
)  # fmt: skip
def test_nodata_of_any_type_stays_to_the_last_digit(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, dtype: str, nodata: Any
) -> None:
    paths = []
    values = np.arange(1, 101).reshape(10, 10).astype(dtype)
    for number in (0, 1):
        grid = Grid(crs=CRS.from_epsg(32633), transform=at(15 * number, 0), width=10, height=10)
        part = values.copy()
        part[3, 3] = np.dtype(dtype).type(nodata)
        paths.append(tmp_path / f"{number}.tif")
        with create_geotiff(paths[-1], geotiff_profile(grid, dtype=dtype, nodata=nodata)) as target:
            target.write(part[np.newaxis])
    with joined(algorithm, paths, context) as mosaic:
        kept = nodata_of(mosaic)
        assert kept is not None
        assert kept == nodata or (kept != kept and nodata != nodata)
        found, valid = mosaic.read(1), mosaic.read_masks(1) > 0
    if nodata == nodata:
        assert (found[:, 10:15] == np.dtype(dtype).type(nodata)).all()
    expected = np.ones((10, 25), bool)
    expected[:, 10:15] = expected[3, 3] = expected[3, 18] = False
    if nodata == nodata:
        np.testing.assert_array_equal(valid, expected)
    np.testing.assert_array_equal(found[expected], np.hstack([values, values[:, :5], values])[expected])


def test_a_hole_is_filled_by_the_image_below(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    with_hole = np.full((20, 20), 9, "int16")
    with_hole[5:9, 5:9] = -1
    below = np.full((20, 20), 4, "int16")
    paths = [make_raster("a.tif", with_hole, nodata=-1), make_raster("b.tif", below, nodata=-1)]
    with joined(algorithm, paths, context) as mosaic:
        assert (mosaic.read(1)[5:9, 5:9] == 4).all()


@pytest.mark.parametrize("other", [None, 200])
def test_of_different_nodata_values_a_mask_is_made(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, other: int | None
) -> None:
    first = np.full((10, 10), 7, "uint8")
    first[0, 0] = 0
    second = np.zeros((10, 10), "uint8")
    paths = [
        make_raster("a.tif", first, nodata=0),
        make_raster("b.tif", second, nodata=other, transform=at(12, 0)),
    ]
    with joined(algorithm, paths, context) as mosaic:
        assert mosaic.nodata is None
        mask = mosaic.read_masks(1) > 0
        assert not mask[0, 0]
        assert not mask[:, 10:12].any()
        assert mask[:, 12:].all(), "0 is a value here"
        assert (mosaic.read(1)[:, 12:] == 0).all()


def test_an_alpha_band_becomes_the_mask(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    alpha = np.full((10, 10), 255, "uint8")
    alpha[:4] = 0
    path = make_raster("a.tif", np.stack([np.full((10, 10), 9, "uint8"), alpha]), alpha="yes")
    with joined(algorithm, [path], context) as mosaic:
        assert mosaic.count == 1
        np.testing.assert_array_equal(mosaic.read_masks(1), alpha)


# -- places -----------------------------------------------------------------------------------------------------------


def test_images_in_other_crss_are_warped(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, load_process: Any
) -> None:
    context.config = {"window": 64}
    rows, cols = np.mgrid[:100, :130]
    scene = (cols + rows).astype("float32")
    whole = make_raster("whole.tif", scene)
    with open_raster(whole) as dataset:
        east = load_process("reproject").run(dataset, "EPSG:4326", resampling="bilinear", context=context)[
            "raster"
        ]
    east = east.rename(east.with_name("east.tif"))
    west = make_raster("west.tif", scene[:, :70])
    with joined(algorithm, [west, east], context) as mosaic:
        assert mosaic.crs == CRS.from_epsg(32633)
        values = mosaic.read(1)
        col, row = (round(each) for each in ~mosaic.transform @ (500_000, 5_000_000))
    inner = values[row + 3 : row + 97, col + 3 : col + 127]
    assert np.abs(inner - scene[3:97, 3:127]).max() < 1.0


def test_a_crs_and_a_resolution_may_be_asked_for(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    paths = parts(make_raster)
    with joined(algorithm, paths, context, crs="EPSG:4326", resolution=0.0002) as mosaic:
        assert mosaic.crs == CRS.from_epsg(4326)
        assert mosaic.res == pytest.approx((0.0002, 0.0002))
        assert mosaic.nodata == 0
        assert 0.9 < (mosaic.read_masks(1) > 0).mean() <= 1


def test_images_on_both_sides_of_the_antimeridian_lie_side_by_side(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    scene = SCENE[0]
    paths = [
        make_raster("w.tif", scene[:, :60], crs="EPSG:4326", transform=Affine(0.01, 0, 179.4, 0, -0.01, 0)),
        make_raster("e.tif", scene[:, 60:], crs="EPSG:4326", transform=Affine(0.01, 0, -180, 0, -0.01, 0)),
    ]
    with joined(algorithm, paths, context) as mosaic:
        assert mosaic.shape == scene.shape
        np.testing.assert_array_equal(mosaic.read(1), scene)


def test_an_image_between_the_pixels_of_the_first_is_warped(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    flat = np.full((20, 20), 50, "uint16")
    paths = [
        make_raster("a.tif", flat, nodata=0),
        make_raster("b.tif", flat, transform=at(30.5, 0.5), nodata=0),
    ]
    with joined(algorithm, paths, context) as mosaic:
        assert set(np.unique(mosaic.read(1))) == {0, 50}
        assert mosaic.transform == at(0, 0)


def test_the_same_again_gives_the_same_bytes(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    paths = parts(make_raster)
    digests = {
        hashlib.sha256(algorithm.run(paths, context=context)["mosaic"].read_bytes()).hexdigest()
        for _ in range(3)
    }
    assert len(digests) == 1
    assert context.seen[-1] == 100


def test_what_is_known_of_the_bands_stays(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    paths = parts(make_raster, photometric="rgb")
    for path in paths:
        with rasterio.open(path, "r+") as target:
            target.set_band_description(2, "green")
            target.set_band_unit(1, "m")
            target.scales, target.offsets = (0.5, 1, 1), (1, 0, 0)
    with joined(algorithm, paths, context) as mosaic:
        assert mosaic.colorinterp == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
        assert mosaic.descriptions == (None, "green", None)
        assert (mosaic.units[0], mosaic.scales[0], mosaic.offsets[0]) == ("m", 0.5, 1)


# -- what cannot be joined ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "profile", "says"),
    [
        (SCENE[:2], {}, r"differ from image 1 \('a.tif'\): image 2 \('b.tif'\) has 2 bands \(against 3\)"),
        (SCENE.astype("int16"), {}, r"image 2 \('b.tif'\) has values of int16 \(against uint8\)"),
        (SCENE, {"crs": None}, r"image 2 \('b.tif'\) has no CRS; georeferenced images are joined"),
        (None, {}, r"image 2 \('b.tif'\): not a raster of a format"),
    ],
)
def test_an_image_that_does_not_fit_is_named(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, array: Any, profile: Any, says: str
) -> None:
    first = make_raster("a.tif", SCENE)
    second = make_raster("b.tif", SCENE if array is None else array, **profile)
    if array is None:
        second.write_bytes(b"no image")
    names = [{"file_name": "a.tif"}, {"file_name": "b.tif"}]
    with pytest.raises(dragoman.InputError, match=says) as caught:
        algorithm.run([first, second], attributes=names, context=context)
    assert caught.value.problems[0].input_id == "images"


def test_scale_and_colours_have_to_be_the_same(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    paths = [make_raster(f"{name}.tif", SCENE[0]) for name in "abc"]
    with rasterio.open(paths[1], "r+") as target:
        target.scales = (0.1,)
    with rasterio.open(paths[2], "r+") as target:
        target.write_colormap(1, {1: (1, 2, 3, 255)})
    with pytest.raises(
        dragoman.InputError, match=r"image 2 has scale and offset .*image 3 has another colour table"
    ):
        algorithm.run(paths, context=context)


@pytest.mark.parametrize(
    ("inputs", "input_id", "says"),
    [
        ({"crs": "EPSG:99999"}, "crs", "is not known"),
        ({"resolution": 1e-30}, "resolution", "too large"),
        ({"resolution": 0.001}, "resolution", "at most"),
        ({"attributes": [{}, {}]}, "attributes", "2 objects for 1 images"),
    ],
)
def test_the_callers_faults(
    algorithm: ModuleType,
    context: FakeContext,
    make_raster: MakeRaster,
    inputs: dict[str, Any],
    input_id: str,
    says: str,
) -> None:
    context.config = {"max_pixels": 1_000_000}
    with pytest.raises(dragoman.InputError, match=says) as caught:
        algorithm.run([make_raster("a.tif", SCENE)], context=context, **inputs)
    assert caught.value.problems[0].input_id == input_id


def test_one_that_ends_too_early_is_its_senders_fault(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    noise = np.random.default_rng(4).integers(1, 255, (300, 300)).astype("uint8")
    path = make_raster("half.tif", noise)
    path.write_bytes(path.read_bytes()[:40_000])
    with pytest.raises(dragoman.InputError, match=r"'images': .*damaged or not complete"):
        algorithm.run([path], context=context)
