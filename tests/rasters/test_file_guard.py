"""Files that an algorithm opens by itself: what harms is refused, all else passes as it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
import rasterio
from rasterio.shutil import copy as rasterio_copy

from dragoman.errors import InvalidRequest
from dragoman.rasters import opening
from dragoman.rasters.file_guard import check_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rasters.conftest import MakeRaster

VRT = '<VRTDataset rasterXSize="4" rasterYSize="4"></VRTDataset>'


def refused(path: Path, **options: int) -> str:
    """The words of the refusal; never the path."""
    with pytest.raises(InvalidRequest) as caught:
        check_file(path, **options)
    assert str(path.parent) not in caught.value.detail
    return caught.value.detail


@pytest.mark.parametrize(
    "before", ["", "\n  ", '<?xml version="1.0"?>', "\ufeff", "junk ", "<!-- " + "x" * 5000 + "-->"]
)
def test_a_vrt_is_refused_however_it_begins(tmp_path: Path, before: str) -> None:
    (tmp_path / "a.tif").write_text(before + VRT)
    assert "names other files" in refused(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"<kml></kml>", b"II*\0" + b"\xff" * 40, b"BM of text", b"PK\3\4"]
)
def test_what_is_known_to_nobody_here_passes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    check_file(tmp_path / "a")


def test_a_raster_is_held_to_what_opening_may_cost(
    make_raster: MakeRaster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_raster("a.tif", np.ones((3, 64, 64), "uint8"))
    check_file(path, max_pixels=3 * 64 * 64)
    assert "at most 99" in refused(path, max_pixels=99)
    check_file(make_raster("b.tif", np.ones((4, 4), "complex64")))
    rasterio_copy(path, tmp_path / "a.webp", driver="WEBP")
    check_file(tmp_path / "a.webp")
    monkeypatch.setattr(opening, "MAX_BLOCK_BYTES", 3 * 64 * 64 - 1)
    assert "store it in tiles" in refused(tmp_path / "a.webp")


@pytest.mark.parametrize("user_block", [0, 512, 4096])
def test_an_hdf5_file_may_not_reach_into_others(tmp_path: Path, user_block: int) -> None:
    with h5py.File(tmp_path / "good.h5", "w", userblock_size=user_block) as file:
        file["a/b"] = np.ones(10)
        file["soft"] = h5py.SoftLink("/a/b")
    check_file(tmp_path / "good.h5")
    with h5py.File(tmp_path / "link.h5", "w", userblock_size=user_block) as file:
        file.create_group("a")["c"] = h5py.ExternalLink("good.h5", "/a/b")
    assert refused(tmp_path / "link.h5") == "the HDF5 file links to another file"
    with h5py.File(tmp_path / "raw.h5", "w", userblock_size=user_block) as file:
        file.create_dataset("a", (10,), "u1", external=[(str(tmp_path / "good.h5"), 0, 10)])
    assert refused(tmp_path / "raw.h5") == "the HDF5 file keeps values in another file"
    layout = h5py.VirtualLayout((10,), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "good.h5"), "a/b", (10,))
    with h5py.File(tmp_path / "virtual.h5", "w", userblock_size=user_block) as file:
        file.create_virtual_dataset("a", layout)
    assert refused(tmp_path / "virtual.h5") == "the HDF5 file keeps values in another file"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_place_that_nobody_can_calculate_with_is_the_algorithms_affair(make_raster: MakeRaster) -> None:
    path = make_raster("a.tif", np.ones((4, 4), "uint8"), transform=rasterio.Affine(0, 0, 5, 0, 0, 5))
    check_file(path)
