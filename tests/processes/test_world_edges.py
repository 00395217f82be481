"""Pixels reprojected where the world ends on the map, each against where its centre comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from dragoman.errors import InputError
from dragoman.rasters.opening import open_raster
from dragoman.rasters.transformation import Transformation, period_of

if TYPE_CHECKING:
    from types import ModuleType

    from tests.processes.conftest import FakeContext, MakeRaster

PROCESS = "reproject"
W = 20037508.342789244

PLACES: dict[str, tuple[str, Affine, tuple[int, int]]] = {
    "world": ("EPSG:4326", Affine(0.5, 0, -180, 0, -0.5, 90), (360, 720)),
    "fine world": ("EPSG:4326", Affine(0.4, 0, -180, 0, -0.4, 90), (450, 900)),
    "mercator": ("EPSG:3857", Affine(W / 60, 0, -W, 0, -W / 60, W), (120, 120)),
    "coarse world": ("EPSG:4087", Affine(W / 20, 0, -W, 0, -W / 40, W / 2), (40, 40)),
    "sea ice": ("EPSG:6931", Affine(25_000, 0, -9_000_000, 0, -25_000, 9_000_000), (720, 720)),
    "Alaska": ("EPSG:32601", Affine(7_795, 0, 188_205, 0, -60_000, 9_300_000), (150, 80)),
}


def out_of_place(algorithm: ModuleType, make_raster: MakeRaster, name: str, target: str, context: Any) -> Any:
    """How many pixels of the result hold a value that is not theirs, and how many of them lie beyond the world.

    Nothing is asked of pixels whose centre comes from nearer than 0.2 to the edge of a pixel of the source.
    """
    crs, transform, (rows, cols) = PLACES[name]
    values = np.arange(1, rows * cols + 1, dtype=np.int32).reshape(1, rows, cols)
    path = make_raster("in.tif", values, crs=crs, transform=transform, nodata=0)
    with open_raster(path) as raster:
        outputs = algorithm.run(raster, target, None, None, "nearest", context=context)
    with rasterio.open(outputs["raster"]) as dataset:
        result, own = dataset.read(1), dataset.transform
    col, row = np.meshgrid(np.arange(result.shape[1]) + 0.5, np.arange(result.shape[0]) + 0.5)
    points = np.stack([own.c + own.a * col, own.f + own.e * row], axis=-1)
    x, y = np.moveaxis(
        Transformation(CRS.from_user_input(target), CRS.from_user_input(crs)).inward(points), -1, 0
    )
    with np.errstate(invalid="ignore"):
        col, row = (x - transform.c) / transform.a, (y - transform.f) / transform.e
        if period := period_of(CRS.from_user_input(crs)):
            col = np.mod(col, period / transform.a)
        there = (col >= 0) & (col < cols) & (row >= 0) & (row < rows)
        sure = ~np.isfinite(x) | ((np.abs(col - np.round(col)) > 0.2) & (np.abs(row - np.round(row)) > 0.2))
    expected = np.where(
        there, values[0, np.where(there, row, 0).astype(int), np.where(there, col, 0).astype(int)], 0
    )
    wrong = sure & (result != expected)
    assert (result > 0).any()
    return int(wrong.sum()), int((wrong & ~np.isfinite(x)).sum())


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("world", "EPSG:8857"),
        ("world", "ESRI:54009"),
        ("world", "ESRI:54030"),
        ("fine world", "ESRI:54008"),
        ("mercator", "EPSG:8857"),
        ("mercator", "ESRI:54008"),
        ("coarse world", "ESRI:54008"),
        ("sea ice", "EPSG:8857"),
        ("Alaska", "ESRI:54008"),
    ],
)
def test_a_map_of_the_world_ends_where_the_world_does(
    algorithm: ModuleType, make_raster: MakeRaster, context: FakeContext, name: str, target: str
) -> None:
    wrong, beyond = out_of_place(algorithm, make_raster, name, target, context)
    assert (wrong, beyond) == (0, 0) or (name == "fine world" and wrong == beyond < 10)  # at the pole itself


@pytest.mark.parametrize("target", ["EPSG:3413", "EPSG:3571", "EPSG:3995"])
def test_a_row_through_the_pole_is_bent_as_the_others_are(
    algorithm: ModuleType, make_raster: MakeRaster, context: FakeContext, target: str
) -> None:
    assert out_of_place(algorithm, make_raster, "sea ice", target, context) == (0, 0)


@pytest.mark.parametrize(
    ("crs", "transform", "target", "reason"),
    [
        (
            "EPSG:4087",
            Affine(250_000, 0, 15_000_000, 0, -125_000, 19_300_000),
            "EPSG:4326",
            "nothing of the raster has a place in EPSG:4326",
        ),
        (
            "EPSG:32633",
            Affine(17_850, 0, 188_205, 0, -267_033, 9_328_524),
            "EPSG:31370",
            "nothing of the raster lies in the area that EPSG:31370 is made for; give a bbox and a resolution",
        ),
    ],
)
def test_a_raster_that_has_no_place_there_is_refused(
    algorithm: ModuleType,
    make_raster: MakeRaster,
    context: FakeContext,
    crs: str,
    transform: Affine,
    target: str,
    reason: str,
) -> None:
    path = make_raster("in.tif", np.ones((1, 40, 40), np.int32), crs=crs, transform=transform, nodata=0)
    with open_raster(path) as raster, pytest.raises(InputError) as caught:
        algorithm.run(raster, target, None, None, "nearest", context=context)
    assert [(each.input_id, each.message) for each in caught.value.problems] == [("crs", reason)]


def test_a_raster_of_which_a_part_has_no_place_keeps_the_rest(
    algorithm: ModuleType, make_raster: MakeRaster, context: FakeContext
) -> None:
    transform = Affine(808_934, 0, -16_178_688, 0, -419_646, -5_111_016)
    path = make_raster(
        "in.tif", np.ones((1, 40, 40), np.int32), crs="EPSG:8857", transform=transform, nodata=0
    )
    with open_raster(path) as raster:
        outputs = algorithm.run(raster, "ESRI:54008", None, None, "nearest", context=context)
    with rasterio.open(outputs["raster"]) as dataset:
        assert 0.1 < (dataset.read(1) == 1).mean() < 1
