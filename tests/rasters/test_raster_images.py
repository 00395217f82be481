from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from dragoman.errors import InvalidRequest
from dragoman.rasters.images import as_image, read_image, to_geotiff, to_png, write_image

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(11)


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int8", "int16", "int32", "uint32", "int64", "float32", "float64"]
)
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 5])
def test_what_is_written_is_read_again(tmp_path: Path, dtype: str, bands: int) -> None:
    image = (RNG.random((bands, 13, 17)) * 100).astype(dtype)
    path = write_image(image, tmp_path / "image")
    assert path.suffix == (".png" if bands <= 3 and dtype in ("uint8", "uint16") else ".tif")
    found = read_image(path)
    assert found.dtype == image.dtype
    np.testing.assert_array_equal(found, image)


def test_other_forms_become_images() -> None:
    assert as_image(np.eye(3, dtype=bool)).dtype == np.uint8
    assert as_image([[1, 2], [3, 4]]).shape == (1, 2, 2)
    assert as_image(np.zeros((1, 2, 2), "float16")).dtype == np.float32
    assert as_image(np.zeros((1, 2, 2), ">u2")).dtype == np.dtype("uint16")
    masked = np.ma.masked_equal(np.array([[[1, 2]]], "uint8"), 2)
    np.testing.assert_array_equal(as_image(masked), [[[1, 2]]])


@pytest.mark.parametrize(
    "wrong", [np.zeros(3), np.zeros((1, 0, 3)), np.zeros((1, 1, 1, 1)), "text", np.zeros((1, 1), "c32"), None]
)
def test_what_is_no_image_is_refused(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="an image"):
        write_image(wrong, tmp_path / "image")


def geotiff(path: Path, image: Any, **more: Any) -> Path:
    bands, height, width = image.shape
    profile = {"driver": "GTiff", "count": bands, "height": height, "width": width, "dtype": image.dtype}
    with rasterio.open(
        path, "w", transform=from_origin(0, 9, 1, 1), crs="EPSG:32633", **profile, **more
    ) as made:
        made.write(image)
    return path


@pytest.mark.parametrize(
    ("dtype", "bands", "fits"),
    [("uint8", 3, True), ("uint16", 1, True), ("float32", 1, False), ("uint8", 4, False)],
)
def test_a_geotiff_becomes_png_where_that_can_hold_it(
    tmp_path: Path, dtype: str, bands: int, fits: bool
) -> None:
    image = (RNG.random((bands, 30, 40)) * 200).astype(dtype)
    source = geotiff(tmp_path / "a.tif", image, nodata=0)
    made = to_png(source)
    assert (made == tmp_path / "a.png") if fits else made is None
    assert sorted(path.name for path in tmp_path.iterdir()) == (["a.png"] if fits else ["a.tif"])
    found = read_image(made or source)
    assert found.dtype == image.dtype
    np.testing.assert_array_equal(found, image)


def test_a_png_becomes_geotiff(tmp_path: Path) -> None:
    image = RNG.integers(0, 60_000, (3, 8, 9), dtype="uint16")
    made = to_geotiff(write_image(image, tmp_path / "a"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
    np.testing.assert_array_equal(read_image(made), image)


def test_a_damaged_image_is_refused(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "a.tif", RNG.integers(0, 255, (3, 300, 300), dtype="uint8"), compress="deflate")
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(InvalidRequest):
        read_image(path)


@pytest.mark.parametrize("share", [0.1, 0.35, 0.9])
def test_a_png_that_ends_too_early_gives_no_packed_bytes_for_pixels(tmp_path: Path, share: float) -> None:
    path = write_image(RNG.integers(0, 255, (3, 200, 200)).astype("uint8"), tmp_path / "image")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InvalidRequest, match="damaged or not complete"):
        read_image(path)
