from __future__ import annotations

import struct
import tracemalloc
from typing import TYPE_CHECKING, Any

import h5netcdf
import h5py
import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.shutil import copy as rasterio_copy
from rasterio.windows import Window

from dragoman.errors import InputError, InvalidRequest
from dragoman.rasters import opening
from dragoman.rasters.opening import check_band, open_dataset, open_raster, reopen, sniff_netcdf

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


def test_netcdf_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    data = xr.Dataset({"a": ("x", [1.0, 2.0])})
    data.to_netcdf(tmp_path / "c.nc", engine="netcdf4", format="NETCDF3_64BIT")
    data.to_netcdf(tmp_path / "4.nc", engine="h5netcdf")
    (tmp_path / "n.nc").write_bytes(b"nothing")
    assert [sniff_netcdf(tmp_path / name) for name in ("c.nc", "4.nc", "n.nc")] == [
        "classic",
        "netcdf4",
        None,
    ]


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT", "NETCDF4"])
def test_datasets_are_decoded_and_read_late(tmp_path: Path, form: Any) -> None:
    times = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[ns]")
    packed = {"a": {"dtype": "int16", "scale_factor": 0.5, "_FillValue": -1}}
    source = xr.Dataset({"a": ("time", [1.5, np.nan])}, coords={"time": times})
    source.to_netcdf(tmp_path / "a.nc", engine="netcdf4", format=form, encoding=packed)
    with open_dataset(tmp_path / "a.nc") as data:
        np.testing.assert_array_equal(data["a"], [1.5, np.nan])
        assert data["time"].dtype.kind == "M"


def test_malformed_fill_values_are_survived(tmp_path: Path) -> None:
    with h5netcdf.File(tmp_path / "a.nc", "w") as file:
        file.dimensions = {"x": 3}
        variable = file.create_variable("a", ("x",), "i2", data=np.array([1, 2, -7], "i2"))
        variable.attrs["scale_factor"] = 0.5
        variable.attrs["missing_value"] = np.int16(-7)
    with h5py.File(tmp_path / "a.nc", "r+") as raw:
        raw["a"].attrs["_FillValue"] = np.array([np.nan])
    with open_dataset(tmp_path / "a.nc") as data:
        np.testing.assert_array_equal(data["a"], [0.5, 1.0, np.nan])


def test_times_that_nobody_can_decode_stay_numbers(tmp_path: Path) -> None:
    source = xr.Dataset(
        {"a": ("time", [1.0, 2.0])},
        coords={"time": ("time", [1.0, 2.0], {"units": "months since the flood"})},
    )
    source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with open_dataset(tmp_path / "a.nc") as data:
        np.testing.assert_array_equal(data["time"], [1.0, 2.0])


def test_a_duration_stays_a_number(tmp_path: Path) -> None:
    xr.Dataset({"a": ("x", [3.0], {"units": "days"})}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with open_dataset(tmp_path / "a.nc") as data:
        assert data["a"].dtype.kind == "f"


def test_values_of_a_variable_are_capped(tmp_path: Path) -> None:
    xr.Dataset({"a": ("x", np.ones(11))}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    open_dataset(tmp_path / "a.nc", max_values=11).close()
    with pytest.raises(InvalidRequest, match="variable 'a' has 11 values; at most 10"):
        open_dataset(tmp_path / "a.nc", max_values=10)


def classic_header(values: int) -> bytes:
    """A classic file of 84 bytes that says it has a coordinate variable of so many values."""
    name = struct.pack(">i", 1) + b"x\0\0\0"
    dimension = struct.pack(">ii", 10, 1) + name + struct.pack(">i", values)
    variable = struct.pack(">ii", 11, 1) + name + struct.pack(">ii", 1, 0)
    rest = struct.pack(">iiiiq", 0, 0, 5, values * 4 & 0x7FFFFFFF, 84)
    return b"CDF\x02" + bytes(4) + dimension + bytes(8) + variable + rest


@pytest.mark.parametrize("kind", ["classic", "hdf5"])
def test_coordinates_are_not_read_before_their_size_is_known(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.nc"
    monkeypatch.setattr(opening, "MAX_COORDINATE_BYTES", 4_000_000)
    if kind == "classic":
        path.write_bytes(classic_header(8_000_000))
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("time", shape=(4_000_000,), dtype="f8", chunks=(1000,)).make_scale("time")
    tracemalloc.start()
    try:
        with pytest.raises(
            InvalidRequest, match=r"coordinates .* have 32000000 bytes; at most 4000000|complete"
        ):
            open_dataset(path)
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()


def test_coordinates_of_a_usual_size_are_indexed(tmp_path: Path) -> None:
    xr.Dataset(coords={"x": [1.0, 2.0], "time": [0, 1]}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with open_dataset(tmp_path / "a.nc") as dataset:
        assert set(dataset.indexes) == {"x", "time"}


def test_groups_are_capped_in_depth_and_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(tmp_path / "deep.nc", "w") as file:
        group = file
        for _ in range(opening.MAX_GROUPS_DEEP):
            group = group.create_group("g")
    with pytest.raises(InvalidRequest, match="more than 32 deep"):
        open_dataset(tmp_path / "deep.nc")
    with h5py.File(tmp_path / "round.nc", "w") as file:
        group = file.create_group("a/b")
        group["round"] = file["a"]
        file["again"] = file["a"]
    with open_dataset(tmp_path / "round.nc") as dataset:
        assert not dataset.variables
    monkeypatch.setattr(opening, "MAX_OBJECTS", 3)
    with pytest.raises(InvalidRequest, match="more than 3 groups"):
        open_dataset(tmp_path / "round.nc")


def test_links_and_chunks_are_looked_at_in_every_group(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "link.nc", "w") as file:
        file.create_group("a/b")["c"] = h5py.ExternalLink("other.nc", "/")
    with pytest.raises(InvalidRequest, match="links to another file"):
        open_dataset(tmp_path / "link.nc")
    with h5py.File(tmp_path / "chunk.nc", "w") as file:
        file.create_dataset("a/b/c", shape=(2**27,), dtype="f8", chunks=(2**27,))
    with pytest.raises(InvalidRequest, match="chunks above"):
        open_dataset(tmp_path / "chunk.nc")


def test_a_dataset_may_not_reach_into_other_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\1" * 80)
    with h5py.File(tmp_path / "external.nc", "w") as file:
        file.create_dataset("a", (10,), "f8", external=[(str(tmp_path / "secret"), 0, 80)])
    with h5py.File(tmp_path / "link.nc", "w") as file:
        file["a"] = h5py.ExternalLink(str(tmp_path / "external.nc"), "/a")
    with h5py.File(tmp_path / "virtual.nc", "w") as file:
        layout = h5py.VirtualLayout((10,), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "external.nc"), "a", (10,))
        file.create_virtual_dataset("a", layout)
    for name in ("external", "link", "virtual"):
        with pytest.raises(InvalidRequest, match="another file"):
            open_dataset(tmp_path / f"{name}.nc")


@pytest.mark.parametrize("content", [b"\x89HDF\r\n\x1a\n" + b"\0" * 90, b"CDF\x01" + b"\xff" * 90, b"II*\0"])
def test_damaged_datasets_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.nc").write_bytes(content)
    with pytest.raises(InvalidRequest, match="NetCDF"):
        open_dataset(tmp_path / "a.nc")
