"""Stored bytes read past the library are those that it reads."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman.rasters import hdf5_reading
from dragoman.rasters.hdf5_reading import stored_reader

if TYPE_CHECKING:
    from pathlib import Path


def unexpected(place: Any) -> Any:
    raise AssertionError(f"the library was asked for {place}")


def written(path: Path, values: Any, **options: Any) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("g/v", data=values, **options)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_any_place_is_read_as_the_library_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    monkeypatch.setattr(hdf5_reading, "MIN_RUN", 1)
    shape = tuple(data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)))
    dtype = data.draw(st.sampled_from(["<f4", ">f4", "<f8", ">i2", "u1", "<i8"]))
    values = np.random.default_rng(3).integers(0, 100, shape).astype(dtype)
    options: dict[str, Any] = {}
    if data.draw(st.booleans()):
        chunks = tuple(data.draw(st.integers(1, size)) for size in shape)
        options = {"chunks": chunks, "compression": "gzip", "shuffle": data.draw(st.booleans())}
    written(tmp_path / "a.h5", values, **options)
    place = tuple(
        slice(start, data.draw(st.integers(start + 1, size)))
        for size in shape
        for start in [data.draw(st.integers(0, size - 1))]
    )
    reader = stored_reader(tmp_path / "a.h5", "g/v", unexpected)
    assert reader is not None
    try:
        found = reader.read(place)
    finally:
        reader.close()
    assert found.dtype == values.dtype
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, values[place])


def test_long_rows_are_read_past_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_reading, "MIN_RUN", 8)
    values = np.arange(120, dtype="f4").reshape(4, 5, 6)
    written(tmp_path / "a.h5", values)
    reader = stored_reader(tmp_path / "a.h5", "g/v", unexpected)
    assert reader is not None
    np.testing.assert_array_equal(reader.read((slice(1, 3), slice(1, 4), slice(0, 6))), values[1:3, 1:4])
    np.testing.assert_array_equal(reader.read((slice(1, 3), slice(1, 4), slice(2, 4))), values[1:3, 1:4, 2:4])
    reader.close()


def test_chunks_that_were_never_written_hold_the_fill_value(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("v", (4, 4), "i4", chunks=(2, 2), compression="gzip", fillvalue=-7)
        dataset[:2, :2] = 1
    reader = stored_reader(tmp_path / "a.h5", "v", unexpected)
    assert reader is not None
    assert reader.read((slice(0, 4), slice(0, 4))).tolist() == [[1, 1, -7, -7]] * 2 + [[-7] * 4] * 2
    reader.close()


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (2, 2), "compression": "lzf"},
        {"chunks": (2, 2), "compression": "gzip", "fletcher32": True},
        {"chunks": (2, 2), "scaleoffset": 2},
        {"chunks": (2, 2)},
    ],
)
def test_other_filters_are_left_to_the_library(tmp_path: Path, options: Any) -> None:
    written(tmp_path / "a.h5", np.ones((4, 4)), **options)
    assert stored_reader(tmp_path / "a.h5", "g/v", unexpected) is None


def test_odd_datasets_are_left_to_the_library(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=512) as file:
        file["v"] = np.ones(4)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("never", (4,), "f4")
        file["text"] = "word"
        bits = h5py.h5t.STD_I32LE.copy()
        bits.set_precision(20)
        space = h5py.h5s.create_simple((4,))
        h5py.h5d.create(file.id, b"bits", bits, space).write(
            h5py.h5s.ALL, h5py.h5s.ALL, np.arange(4, dtype="i4")
        )
    assert stored_reader(tmp_path / "a.h5", "v", unexpected) is None
    for name in ("never", "text", "bits", "none"):
        assert stored_reader(tmp_path / "b.h5", name, unexpected) is None


def test_a_chunk_that_explodes_or_is_damaged_is_an_error(tmp_path: Path) -> None:
    values = np.arange(1000, dtype="f8")
    written(tmp_path / "a.h5", values, chunks=(1000,), compression="gzip")
    with h5py.File(tmp_path / "a.h5") as file:
        info = file["g/v"].id.get_chunk_info(0)
    for content in (b"\xff" * info.size, zlib.compress(bytes(20_000)).ljust(info.size, b"\0")):
        with (tmp_path / "a.h5").open("r+b") as raw:
            raw.seek(info.byte_offset)
            raw.write(content)
        reader = stored_reader(tmp_path / "a.h5", "g/v", unexpected)
        assert reader is not None
        with pytest.raises(OSError, match="chunk"):
            reader.read((slice(0, 1000),))
        reader.close()
