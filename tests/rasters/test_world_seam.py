"""A raster around the world, read beyond its edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from dragoman.rasters.grids import Grid
from dragoman.rasters.opening import open_raster
from dragoman.rasters.world_seam import around, beyond, goes_around, meets_an_end

if TYPE_CHECKING:
    from pathlib import Path

VALUES = np.arange(2 * 5 * 36, dtype="int16").reshape(2, 5, 36)
TENS = Affine(10, 0, -180, 0, -10, 25)


def write(path: Path, **changes: Any) -> Path:
    options = {"crs": "EPSG:4326", "transform": TENS, "width": 36, "height": 5, "count": 2, "dtype": "int16"}
    with rasterio.open(path, "w", driver="GTiff", **{**options, **changes}) as target:
        target.write(VALUES)
    return path


def test_its_ends_meet(tmp_path: Path) -> None:
    with open_raster(write(tmp_path / "a.tif", nodata=7)) as dataset, around(dataset, 3) as view:
        assert (view.width, view.height, view.nodata) == (42, 5, 7)
        np.testing.assert_array_equal(
            view.read(), np.concatenate([VALUES[..., -3:], VALUES, VALUES[..., :3]], -1)
        )
        assert (view.read_masks(1)[0] == 0).sum() == 1


def test_it_goes_on_as_far_as_one_likes(tmp_path: Path) -> None:
    with open_raster(write(tmp_path / "a.tif")) as dataset, around(dataset, 40) as view:
        np.testing.assert_array_equal(view.read(1), np.concatenate([VALUES[0]] * 5, -1)[:, 32:-32])


def test_so_do_the_ends_of_its_mask(tmp_path: Path) -> None:
    valid = np.ones((5, 36), dtype=bool)
    valid[:, 0] = valid[2, 17] = False
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(write(tmp_path / "a.tif"), "r+") as target:
        target.write_mask(valid)
    with open_raster(tmp_path / "a.tif") as dataset, around(dataset, 36) as view:
        np.testing.assert_array_equal(view.dataset_mask() > 0, np.concatenate([valid] * 3, -1))


def test_and_of_an_alpha_band_beside_words_that_are_no_xml(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif")
    with rasterio.open(path, "r+") as target:
        target.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
        target.update_tags(WORDS="a\x01b & <c>", TIFFTAG_ARTIST="Zurich")
    path.write_bytes(path.read_bytes().replace(b"Zurich", b"Z\xfcrich"))
    with open_raster(path, input_id="scene") as dataset, around(dataset, 1) as view:
        assert view.colorinterp == (ColorInterp.gray, ColorInterp.alpha)
        assert view.input_id == "scene"
        np.testing.assert_array_equal(view.read(2)[:, 1:-1], VALUES[1])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"transform": Affine(10, 0, -0.5, 0, -10, 25)}, True),
        ({"transform": Affine(-10, 0, 180, 0, -10, 25)}, True),
        ({"transform": Affine(10.0001, 0, -180, 0, -10, 25)}, True),
        ({"transform": Affine(10.1, 0, -180, 0, -10, 25)}, False),
        ({"transform": Affine(9, 0, -180, 0, -10, 25)}, False),
        ({"transform": Affine(10, 1, -180, 0, -10, 25)}, False),
        ({"crs": "EPSG:4807"}, False),
        ({"crs": "EPSG:3857", "transform": Affine(2 * 20037508.342789244 / 36, 0, 0, 0, -1, 0)}, True),
        ({"crs": "EPSG:32633"}, False),
        ({"crs": None}, False),
    ],
)
def test_what_goes_around_the_world(tmp_path: Path, changes: dict[str, Any], expected: bool) -> None:
    with rasterio.open(write(tmp_path / "a.tif", **changes)) as dataset:
        assert goes_around(Grid.of(dataset)) is expected


@pytest.mark.parametrize(
    ("left", "crs", "box", "expected"),
    [
        (-180, "EPSG:4326", (-100, 0, 100, 20), False),
        (-180, "EPSG:4326", (130, 0, 179, 20), True),
        (-180, "EPSG:4326", (170, 0, 190, 20), True),
        (0, "EPSG:4326", (-100, 0, -60, 20), False),
        (0, "EPSG:4326", (-10, 0, 20, 20), True),
        (-180, "EPSG:3035", (3_000_000, 2_000_000, 6_000_000, 4_000_000), False),
        (0, "EPSG:3035", (3_000_000, 2_000_000, 6_000_000, 4_000_000), True),
        (-180, "EPSG:3413", (-1_000_000, -1_000_000, 1_000_000, 1_000_000), True),
        (-180, "EPSG:32601", (300_000, 0, 700_000, 400_000), True),
        (-180, "EPSG:32633", (300_000, 0, 700_000, 400_000), False),
    ],
)
def test_what_meets_an_end(
    left: float, crs: str, box: tuple[float, float, float, float], expected: bool
) -> None:
    west, south, east, north = box
    transform = Affine((east - west) / 50, 0, west, 0, (south - north) / 50, north)
    world = Grid(
        crs=CRS.from_epsg(4326), transform=Affine(0.25, 0, left, 0, -0.25, 90), width=1440, height=720
    )
    target = Grid(crs=CRS.from_user_input(crs), transform=transform, width=50, height=50)
    assert meets_an_end(world, target, 5) is expected


def test_the_coarser_the_further() -> None:
    assert beyond(1440, [(2.0, 1.0), None]) == 5
    assert beyond(1440, [(0.1, 1.0), (0.5, 0.5)]) == 41
    assert beyond(36, [(0.01, 1.0)]) == 36
