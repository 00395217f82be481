from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from dragoman.errors import InputError, InvalidRequest
from dragoman.rasters.grids import Grid
from dragoman.rasters.opening import open_raster, reopen
from dragoman.rasters.reading import Warped, checking
from dragoman.rasters.warping import on_grid

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rasters.conftest import MakeRaster


@pytest.fixture
def half(make_raster: MakeRaster) -> Path:
    """The first half of a file: its header is whole."""
    values = np.random.default_rng(4).integers(0, 255, (200, 200)).astype("uint8")
    path = make_raster("half.tif", values, nodata=0)
    path.write_bytes(path.read_bytes()[:20_000])
    return path


def reads(dataset: Any) -> None:
    dataset.read(1)


def masks(dataset: Any) -> None:
    dataset.read_masks(1)


def dataset_mask(dataset: Any) -> None:
    dataset.dataset_mask()


def warped(dataset: Any) -> None:
    shifted = Grid(
        crs=dataset.crs, transform=dataset.transform @ Affine.translation(0.5, 0), width=200, height=200
    )
    with on_grid(dataset, shifted) as there:
        there.read(1)


def again(dataset: Any) -> None:
    with reopen(dataset) as other:
        other.read()


@pytest.mark.parametrize("read", [reads, masks, dataset_mask, warped, again])
def test_a_file_that_ends_too_early_is_its_inputs_fault(half: Path, read: Any) -> None:
    with (
        open_raster(half, input_id="nir") as dataset,
        pytest.raises(InputError, match="damaged or not complete") as caught,
    ):
        read(dataset)
    assert caught.value.problems[0].input_id == "nir"
    assert str(half.parent) not in str(caught.value)


def test_a_file_that_is_no_input_is_refused_too(half: Path) -> None:
    with open_raster(half) as dataset, pytest.raises(InvalidRequest, match="damaged or not complete"):
        dataset.read()


def test_it_is_a_reader_like_any_other(make_raster: MakeRaster) -> None:
    path = make_raster("a.tif", np.ones((4, 4), "uint8"))
    dataset = open_raster(path, input_id="red")
    assert isinstance(dataset, rasterio.DatasetReader)
    dataset.close()
    with pytest.raises(RasterioIOError):  # an algorithm's own mistake stays its own
        dataset.read()


@pytest.mark.parametrize("side", [2000, 16000])
def test_a_window_in_which_no_pixel_has_a_place_is_nodata(tmp_path: Path, side: int) -> None:
    """GDAL writes nothing at all into one that is large."""
    profile = {"width": 36, "height": 18, "count": 1, "dtype": "int16", "crs": "EPSG:4326", "nodata": -5}
    tens = Affine(10, 0, -180, 0, -10, 90)
    with rasterio.open(tmp_path / "world.tif", "w", driver="GTiff", transform=tens, **profile) as target:
        target.write(np.ones((1, 18, 36), np.int16))
    step = 40.07e6 / side
    options = {"SAMPLE_GRID": "YES", "SAMPLE_STEPS": "ALL", "width": side, "height": side // 2}
    place = Affine(step, 0, -20.03e6, 0, -step, 10e6)
    corner = Window(0, 0, side // 16, side // 16)
    with (
        open_raster(tmp_path / "world.tif") as source,
        checking(edged=True),
        Warped(source, crs="ESRI:54008", transform=place, **options) as view,
    ):
        assert (view.read(1, window=corner) == -5).all()
        assert (view.read([1], window=corner, out_dtype="float64") == -5).all()
        assert not view.read_masks(1, window=corner).any()
