from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from dragoman.rasters.grids import Grid
from dragoman.rasters.opening import open_raster, reopen
from dragoman.rasters.windows import (
    WindowWriter,
    each_window,
    is_striped,
    read_float,
    windows_of,
)
from dragoman.rasters.writing import create_geotiff, geotiff_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rasterio.windows import Window
    from tests.rasters.conftest import MakeRaster


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([16, 64, 512]), st.booleans())
def test_windows_cover_every_pixel_once(width: int, height: int, size: int, striped: bool) -> None:
    seen = np.zeros((height, width), dtype=int)
    for window in windows_of(width, height, size=size, striped=striped):
        seen[window.toslices()] += 1
    assert (seen == 1).all()


def test_striped_windows_are_whole_rows_of_whole_tiles() -> None:
    window = windows_of(10_000, 10_000, striped=True)[0]
    assert (window.width, window.height) == (10_000, 512)


@contextmanager
def nothing() -> Iterator[None]:
    yield


def test_results_come_in_the_order_of_the_windows_and_progress_climbs() -> None:
    windows = windows_of(100, 100, size=16)
    seen: list[float] = []
    results = each_window(
        windows, nothing, lambda _, w: (w.row_off, w.col_off), threads=3, progress=lambda p, _: seen.append(p)
    )
    assert results == [(w.row_off, w.col_off) for w in windows]
    assert seen == sorted(seen)
    assert seen[-1] == 100.0


def test_each_thread_has_its_own_handle_which_is_closed(make_raster: MakeRaster) -> None:
    path = make_raster("a.tif", np.ones((64, 64), "uint8"))
    opened: list[Any] = []
    together = threading.Barrier(2, timeout=10)

    @contextmanager
    def handles() -> Iterator[Any]:
        with open_raster(path) as dataset:
            opened.append(dataset)
            together.wait()
            yield dataset

    sums = each_window(windows_of(64, 64, size=16), handles, lambda d, w: int(d.read(1, window=w).sum()))
    assert sum(sums) == 64 * 64
    assert len(opened) == 2
    assert all(dataset.closed for dataset in opened)


def test_the_first_error_stops_the_work() -> None:
    done: list[Window] = []

    def work(_: None, window: Window) -> None:
        if window.row_off == 32:
            raise ValueError("here")
        done.append(window)

    with pytest.raises(ValueError, match="here"):
        each_window(windows_of(16, 16_000, size=16), nothing, work)
    assert len(done) < 500


def test_an_error_while_opening_is_raised() -> None:
    @contextmanager
    def handles() -> Iterator[None]:
        raise OSError("gone")
        yield

    with pytest.raises(OSError, match="gone"):
        each_window(windows_of(64, 64, size=16), handles, lambda *_: None)


def test_a_raster_copied_by_windows_is_the_same(make_raster: MakeRaster, tmp_path: Path) -> None:
    values = np.random.default_rng(2).normal(size=(130, 70)).astype("float32")
    source = make_raster("a.tif", values)
    with open_raster(source) as dataset:
        profile = geotiff_profile(Grid.of(dataset), dtype="float32", nodata=float("nan"))
        with create_geotiff(tmp_path / "b.tif", profile) as target:
            writer = WindowWriter(target)
            each_window(
                windows_of(70, 130, size=32),
                lambda: reopen(dataset),
                lambda d, w: writer.write(read_float(d, 1, w), w, band=1),
            )
    with rasterio.open(tmp_path / "b.tif") as back:
        np.testing.assert_array_equal(back.read(1), values)
        assert back.block_shapes == [(512, 512)]
        assert back.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "3"


@pytest.mark.parametrize(
    ("dtype", "read_as"),
    [
        ("uint8", "float32"),
        ("int16", "float32"),
        ("int32", "float64"),
        ("float32", "float32"),
        ("float64", "float64"),
    ],
)
def test_values_are_read_without_losing_digits(make_raster: MakeRaster, dtype: str, read_as: str) -> None:
    top = 3.5 if dtype.startswith("float") else np.iinfo(dtype).max
    values = np.array([[1, 0], [top, 0]], dtype=dtype)
    with open_raster(make_raster("a.tif", values, nodata=0)) as dataset:
        found = read_float(dataset, 1)
    assert found.dtype == read_as
    np.testing.assert_array_equal(np.isnan(found), values == 0)
    assert found[1, 0] == top


def test_scale_and_offset_are_applied(make_raster: MakeRaster) -> None:
    path = make_raster("a.tif", np.array([[10, 0]], dtype="uint16"), nodata=0)
    with rasterio.open(path, "r+") as target:
        target.scales, target.offsets = (0.5,), (-1.0,)
    with open_raster(path) as dataset:
        found = read_float(dataset, 1)
    assert found[0, 0] == 4.0
    assert np.isnan(found[0, 1])


def test_stripes_are_told_from_tiles(make_raster: MakeRaster) -> None:
    values = np.ones((64, 64), dtype="uint8")
    with open_raster(make_raster("s.tif", values)) as dataset:
        assert is_striped(dataset)
    with open_raster(make_raster("t.tif", values, tiled=True, blockxsize=16, blockysize=16)) as dataset:
        assert not is_striped(dataset)


def written(path: Path, work: Callable[[WindowWriter, Window], None], threads: int) -> bytes:
    """The file that ``work`` wrote, window by window."""
    grid = Grid(crs=None, transform=Affine.scale(10, -10), width=1536, height=1024)
    with create_geotiff(path, geotiff_profile(grid, dtype="float32", count=2)) as target:
        writer = WindowWriter(target)
        windows = windows_of(1536, 1024, size=512)
        each_window(windows, nothing, lambda _, window: work(writer, window), threads=threads, writer=writer)
    return path.read_bytes()


def block_of(window: Window) -> Any:
    random = np.random.default_rng(int(window.row_off + window.col_off))
    return random.random((2, 512, 512), dtype=np.float32)


def test_a_file_is_the_same_to_the_byte_whichever_thread_is_done_first(tmp_path: Path) -> None:
    def plain(writer: WindowWriter, window: Window) -> None:
        writer.write(block_of(window), window, valid=np.ones((512, 512), bool))

    second, third = threading.Event(), threading.Event()

    def late(writer: WindowWriter, window: Window) -> None:
        """The first window comes after the second, and the third is begun by then: nobody waits for a write."""
        if (window.row_off, window.col_off) == (0, 0):
            assert second.wait(60)
            assert third.wait(60)
        if (window.row_off, window.col_off) == (0, 1024):
            third.set()
        plain(writer, window)
        if (window.row_off, window.col_off) == (0, 512):
            second.set()

    expected = written(tmp_path / "one.tif", plain, threads=1)
    assert written(tmp_path / "two.tif", late, threads=2) == expected
    assert all(written(tmp_path / f"{run}.tif", plain, threads=4) == expected for run in range(5))


def test_an_error_ends_those_that_wait_to_write(tmp_path: Path) -> None:
    ahead = threading.Event()

    def work(writer: WindowWriter, window: Window) -> None:
        if (window.row_off, window.col_off) == (0, 0):
            assert ahead.wait(60)
            raise ValueError("the first window")
        if (window.row_off, window.col_off) == (0, 1024):  # AHEAD of the first: this one has to wait
            ahead.set()
        writer.write(block_of(window), window)

    with pytest.raises(ValueError, match="the first window"):
        written(tmp_path / "x.tif", work, threads=2)


def test_an_error_while_writing_is_raised(tmp_path: Path) -> None:
    def work(writer: WindowWriter, window: Window) -> None:
        writer.write(block_of(window)[:, :10] if window.col_off else block_of(window), window, band=7)

    with pytest.raises(ValueError, match="inconsistent"):
        written(tmp_path / "x.tif", work, threads=2)
