from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from rasterio.shutil import copy as rasterio_copy
from rasterio.windows import Window

from dragoman.errors import InputError, InvalidRequest
from dragoman.rasters import opening
from dragoman.rasters.opening import check_band, open_raster, pages_of, reopen

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rasters.conftest import MakeRaster

VRT = """<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>
<SourceFilename relativeToVRT="0">{path}</SourceFilename><SourceBand>1</SourceBand>
</SimpleSource></VRTRasterBand></VRTDataset>"""


def refused(path: Path, **options: Any) -> str:
    """The words of the refusal; never the path."""
    with pytest.raises(InvalidRequest) as caught:
        open_raster(path, **options)
    assert str(path.parent) not in caught.value.detail
    return caught.value.detail


def test_a_geotiff_is_opened_and_opened_again(make_raster: MakeRaster) -> None:
    with open_raster(make_raster("a.tif", np.ones((4, 5), "uint8"))) as dataset:
        assert dataset.shape == (4, 5)
        with reopen(dataset) as other:
            assert other is not dataset
            assert other.shape == (4, 5)


def test_a_png_without_georeference_is_opened_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with rasterio.MemoryFile() as memory:
        profile = {"driver": "GTiff", "width": 3, "height": 2, "count": 1, "dtype": "uint8"}
        with memory.open(crs="EPSG:4326", transform=rasterio.Affine(2, 0, 0, 0, -2, 0), **profile) as made:
            made.write(np.ones((1, 2, 3), "uint8"))
        with memory.open() as made:
            rasterio_copy(made, path, driver="PNG")
    (tmp_path / "a.png.aux.xml").unlink(missing_ok=True)
    with open_raster(path) as dataset:
        assert dataset.driver == "PNG"
        assert dataset.crs is None


def test_a_vrt_is_refused_whatever_it_is_called(make_raster: MakeRaster, tmp_path: Path) -> None:
    secret = make_raster("secret.tif", np.ones((4, 4), "uint8"))
    path = tmp_path / "innocent.tif"
    path.write_text(VRT.format(path=secret))
    assert "not a raster of a format" in refused(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a",
        b"<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1:9/x</ServerUrl></Service></GDAL_WMS>",
        b"II*\0" + b"\xff" * 40,
        b"CDF\x01" + b"\0" * 40,
    ],
)
def test_what_is_no_raster_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    refused(path)


def test_paths_that_are_no_files_are_refused(tmp_path: Path) -> None:
    from pathlib import Path as RealPath

    assert refused(tmp_path / "nothing.tif") == "not a readable file"
    assert refused(tmp_path) == "not a readable file"
    for name in ("/vsimem/x.tif", "/vsicurl/http://127.0.0.1:9/x.tif"):
        assert refused(RealPath(name)) == "not a readable file"


def test_nothing_beside_the_file_is_read(make_raster: MakeRaster, tmp_path: Path) -> None:
    path = make_raster(
        "a.tif", np.ones((4, 4), "uint8"), crs=None, transform=rasterio.Affine(2, 0, 0, 0, -2, 0)
    )
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset><SRS>EPSG:4326</SRS></PAMDataset>")
    (tmp_path / "a.tif.msk").write_bytes(path.read_bytes())
    with open_raster(path) as dataset:
        assert dataset.crs is None
        assert (dataset.dataset_mask() == 255).all()
        assert dataset.files == [str(path)]


def test_pixels_are_capped_bands_included(make_raster: MakeRaster) -> None:
    path = make_raster("a.tif", np.ones((2, 10, 10), "uint8"))
    open_raster(path, max_pixels=200).close()
    assert "10 x 10 pixels in 2 bands, which is 200; at most 199" in refused(path, max_pixels=199)


def test_complex_numbers_are_refused(make_raster: MakeRaster) -> None:
    assert "complex" in refused(make_raster("a.tif", np.ones((2, 2), "complex64")))


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    # 40000 x 40000 pixels, of which one tile is there: a few kB that decode to 1.6 GB.
    path = tmp_path / "bomb.tif"
    profile = {"driver": "GTiff", "width": 40_000, "height": 40_000, "count": 1, "dtype": "uint8"}
    options = {
        "tiled": True,
        "blockxsize": 4096,
        "blockysize": 4096,
        "compress": "deflate",
        "sparse_ok": True,
    }
    with rasterio.open(
        path, "w", crs="EPSG:3857", transform=rasterio.Affine(2, 0, 0, 0, -2, 0), **profile, **options
    ) as made:
        made.write(np.ones((1, 16, 16), "uint8"), window=Window(0, 0, 16, 16))
    assert path.stat().st_size < 100_000
    assert "unpacks" in refused(path)


def test_a_single_huge_block_is_refused(make_raster: MakeRaster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAX_BLOCK_BYTES", 1000)
    path = make_raster("a.tif", np.ones((64, 64), "uint8"), blockysize=64)
    assert "store it in tiles" in refused(path)


@pytest.mark.parametrize(
    ("transform", "says"),
    [
        (rasterio.Affine(1e308, 0, 1e308, 0, -1e308, 1e308), "cannot be calculated with"),
        (rasterio.Affine(1, 1, 500_000, 1, 1, 5_000_000), "cannot be inverted"),
        (rasterio.Affine(0, 0, 500_000, 0, 0, 5_000_000), "cannot be inverted"),
    ],
)
def test_pixels_without_a_place_are_refused(
    make_raster: MakeRaster, transform: rasterio.Affine, says: str
) -> None:
    assert says in refused(make_raster("a.tif", np.ones((4, 4), "uint8"), transform=transform))


@pytest.mark.parametrize("driver", ["WEBP", "GIF"])
def test_what_is_decoded_whole_is_held_to_the_cap_of_a_block(
    make_raster: MakeRaster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    bands = 3 if driver == "WEBP" else 1
    source = make_raster("a.tif", np.ones((bands, 64, 64), "uint8"))
    rasterio_copy(source, tmp_path / "small", driver=driver)
    open_raster(tmp_path / "small").close()
    monkeypatch.setattr(opening, "MAX_BLOCK_BYTES", 64 * 64 * bands - 1)
    assert "store it in tiles" in refused(tmp_path / "small")


def test_a_band_that_is_not_there_is_the_callers_fault(make_raster: MakeRaster) -> None:
    with open_raster(make_raster("a.tif", np.ones((2, 2), "uint8"))) as dataset:
        check_band("red", dataset, 1)
        with pytest.raises(InputError, match="'red': there is no band 2; the raster has 1"):
            check_band("red", dataset, 2)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_pages_of_a_tiff_are_counted(tmp_path: Path) -> None:
    profile = {"driver": "GTiff", "width": 4, "height": 4, "count": 1, "dtype": "uint8"}
    for page in range(3):
        more = {"APPEND_SUBDATASET": "YES"} if page else {}
        with rasterio.open(tmp_path / "a.tif", "w", **profile, **more) as target:
            target.write(np.full((1, 4, 4), page, "uint8"))
        with open_raster(tmp_path / "a.tif") as dataset:
            assert pages_of(dataset) == page + 1
            assert dataset.read(1)[0, 0] == 0
