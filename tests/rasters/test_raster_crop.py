from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from dragoman.errors import InvalidRequest
from dragoman.rasters.crop import crop_file, shape_of
from dragoman.rasters.windows import WINDOW

if TYPE_CHECKING:
    from pathlib import Path

TRANSFORM = from_origin(500_000, 4_000_000, 30, 30)


def test_a_window_keeps_values_type_place_nodata_names_and_scale(tmp_path: Path) -> None:
    data = np.random.default_rng(3).integers(0, 60_000, (5, WINDOW + 100, 70), dtype="uint16")
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 5, "height": data.shape[1], "width": 70}
    with rasterio.open(
        tmp_path / "a.tif", "w", crs="EPSG:32633", transform=TRANSFORM, nodata=9, **profile
    ) as made:
        made.write(data)
        made.set_band_description(2, "red")
        made.scales = (0.1,) * 5
    crop_file(tmp_path / "a.tif", tmp_path / "b.tif", (10, WINDOW + 90), (5, 65))
    with rasterio.open(tmp_path / "b.tif") as found:
        np.testing.assert_array_equal(found.read(), data[:, 10 : WINDOW + 90, 5:65])
        assert found.dtypes == ("uint16",) * 5
        assert (found.nodata, found.descriptions[1], found.scales[0]) == (9, "red", 0.1)
        assert (found.transform.c, found.transform.f) == (500_000 + 5 * 30, 4_000_000 - 10 * 30)
        assert found.crs.to_epsg() == 32633


def test_a_mask_is_cropped_too(tmp_path: Path) -> None:
    mask = np.zeros((20, 20), "bool")
    mask[:, :10] = True
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            tmp_path / "a.tif", "w", "GTiff", 20, 20, 1, transform=TRANSFORM, dtype="uint8"
        ) as made,
    ):
        made.write(np.ones((1, 20, 20), "uint8"))
        made.write_mask(mask)
    crop_file(tmp_path / "a.tif", tmp_path / "b.tif", (0, 4), (8, 12))
    with rasterio.open(tmp_path / "b.tif") as found:
        np.testing.assert_array_equal(found.read_masks(1)[0], [255, 255, 0, 0])


def test_what_is_no_raster_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("no")
    for use in (shape_of, lambda path: crop_file(path, tmp_path / "b.tif", (0, 1), (0, 1))):
        with pytest.raises(InvalidRequest, match="not a raster"):
            use(tmp_path / "a.tif")
