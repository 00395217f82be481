"""Reading HDF5 datasets past the library, which lets one thread in at a time: stored bytes by their place.

Only what is stored contiguously, or in chunks by deflate with or without shuffle; everything else is left to the
library. The values are the same to the bit.
"""

from __future__ import annotations

import math
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from dragoman.rasters.netcdf import blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

type Place = tuple[slice, ...]
"""From the first to before the last, along each dimension, in steps of one."""

MIN_RUN: Final = 1 << 14
"""Bytes in a row below which the library gathers them faster."""

MAX_OVERHEAD: Final = 1 << 16
"""Bytes by which a deflated chunk may be longer than its content."""

_DEFLATE, _SHUFFLE = 1, 2


class StoredReader(Protocol):
    """Reads stored numbers; may be called by several threads."""

    def read(self, place: Place, spare: NDArray[Any] | None = None) -> NDArray[Any]:
        """The numbers as they are stored, in rows of the last dimension; raises OSError where they are not there.

        ``spare`` is an earlier answer that nobody needs any more: it may be filled again, for memory that is new costs
        as much as to read into it.
        """

    def close(self) -> None:
        """Let go of the file."""


def stored_reader(path: Path, name: str, fallback: Callable[[Place], NDArray[Any]]) -> StoredReader | None:
    """A reader of the dataset ``name`` (with its groups); None where the library has to read it.

    ``fallback`` reads those places that the library is better at.
    """
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError:
        return None
    try:
        reader = _reader_of(file, path, name, fallback)
    except (KeyError, ValueError, RuntimeError, OSError):
        reader = None
    if reader is None:
        file.close()
    return reader


def _reader_of(
    file: Any, path: Path, name: str, fallback: Callable[[Place], NDArray[Any]]
) -> StoredReader | None:
    import h5py

    dataset = file[name]
    plain = isinstance(dataset, h5py.Dataset) and dataset.dtype.kind in "iuf" and dataset.ndim > 0
    if not plain or file.userblock_size or not dataset.size or dataset.is_virtual or dataset.external:
        return None
    if not h5py.h5t.py_create(dataset.dtype).equal(dataset.id.get_type()):
        return None  # numbers of fewer bits than bytes
    creation = dataset.id.get_create_plist()
    filters = [creation.get_filter(number)[0] for number in range(creation.get_nfilters())]
    layout = _Layout(shape=dataset.shape, dtype=dataset.dtype, descriptor=-1)
    if creation.get_layout() == h5py.h5d.CONTIGUOUS and not filters:
        offset = dataset.id.get_offset()
        if (
            offset is None
            or not 0 <= offset <= path.stat().st_size
            or dataset.id.get_storage_size() != dataset.size * dataset.dtype.itemsize
        ):
            return None
        return _Contiguous(file, layout.opened(path), offset, fallback)
    if creation.get_layout() == h5py.h5d.CHUNKED and filters in ([_DEFLATE], [_SHUFFLE, _DEFLATE]):
        return _Chunked(file, layout.opened(path), dataset, shuffled=len(filters) == 2)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """What is to be known of a dataset, and the file's own descriptor."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    descriptor: int

    def opened(self, path: Path) -> _Layout:
        return _Layout(shape=self.shape, dtype=self.dtype, descriptor=os.open(path, os.O_RDONLY))

    def read_into(self, view: memoryview, offset: int) -> None:
        """Fill bytes from the file; raises OSError where that ends."""
        while view:
            count = os.preadv(self.descriptor, [view], offset)
            if count == 0:
                raise OSError("the file ends within its values")
            view, offset = view[count:], offset + count


class _Contiguous:
    def __init__(
        self, file: Any, layout: _Layout, offset: int, fallback: Callable[[Place], NDArray[Any]]
    ) -> None:
        self._file, self._layout, self._offset, self._fallback = file, layout, offset, fallback

    def read(self, place: Place, spare: NDArray[Any] | None = None) -> NDArray[Any]:
        layout = self._layout
        counts = [part.stop - part.start for part in place]
        inner = len(counts) - 1  # from this dimension on, the numbers of the place lie in one row
        while inner and counts[inner] == layout.shape[inner]:
            inner -= 1
        run = math.prod(counts[inner:])
        if run * layout.dtype.itemsize < MIN_RUN and math.prod(counts) > run:
            return self._fallback(place)
        target = _array(counts, layout.dtype, spare)
        rows = memoryview(target.reshape(-1).view(np.uint8))
        length = run * layout.dtype.itemsize
        for number, offset in enumerate(self._offsets(place, inner)):
            layout.read_into(rows[number * length : (number + 1) * length], offset)
        return target

    def _offsets(self, place: Place, inner: int) -> list[int]:
        """Where in the file each row of a place begins; ``inner`` is the first dimension within a row."""
        shape, width = self._layout.shape, self._layout.dtype.itemsize
        steps = [math.prod(shape[number + 1 :]) * width for number in range(len(shape))]
        first = sum(part.start * step for part, step in zip(place[inner:], steps[inner:], strict=True))
        offsets = np.array([self._offset + first], np.int64)
        for part, step in zip(place[:inner], steps[:inner], strict=True):
            offsets = np.add.outer(offsets, np.arange(part.start, part.stop) * step).ravel()
        found: list[int] = offsets.tolist()
        return found

    def close(self) -> None:
        os.close(self._layout.descriptor)
        self._file.close()


class _Chunked:
    def __init__(self, file: Any, layout: _Layout, dataset: Any, *, shuffled: bool) -> None:
        self._file, self._layout, self._dataset, self._shuffled = file, layout, dataset, shuffled
        self._chunks: tuple[int, ...] = dataset.chunks
        self._bytes = math.prod(self._chunks) * layout.dtype.itemsize

    def read(self, place: Place, spare: NDArray[Any] | None = None) -> NDArray[Any]:
        target = _array([part.stop - part.start for part in place], self._layout.dtype, spare)
        spans = [
            (part.start // chunk, -(-part.stop // chunk))
            for part, chunk in zip(place, self._chunks, strict=True)
        ]
        for number in blocks([last - first for first, last in spans], [1] * len(spans)):
            corner = tuple(
                (first + step.start) * chunk
                for (first, _), step, chunk in zip(spans, number, self._chunks, strict=True)
            )
            inside = tuple(
                slice(max(part.start, start), min(part.stop, start + size))
                for part, start, size in zip(place, corner, self._chunks, strict=True)
            )
            there = tuple(
                slice(part.start - whole.start, part.stop - whole.start)
                for part, whole in zip(inside, place, strict=True)
            )
            here = tuple(
                slice(part.start - start, part.stop - start)
                for part, start in zip(inside, corner, strict=True)
            )
            target[there] = self._chunk(corner)[here]
        return target

    def _chunk(self, corner: tuple[int, ...]) -> NDArray[Any]:
        info = self._dataset.id.get_chunk_info_by_coord(corner)
        if info is None or info.byte_offset is None:  # never written
            return np.full(self._chunks, self._dataset.fillvalue, self._layout.dtype)
        if info.size > self._bytes + MAX_OVERHEAD:
            raise OSError("a chunk is longer than it can be")
        stored = np.empty(info.size, np.uint8)
        self._layout.read_into(memoryview(stored), info.byte_offset)
        shuffled, deflated = self._shuffled, not info.filter_mask & (2 if self._shuffled else 1)
        content = stored if not deflated else np.frombuffer(_inflated(stored, self._bytes), np.uint8)
        if content.size != self._bytes:
            raise OSError("a chunk does not hold what it should")
        if shuffled and not info.filter_mask & 1:
            content = _unshuffled(content, self._layout.dtype.itemsize)
        return content.view(self._layout.dtype).reshape(self._chunks)

    def close(self) -> None:
        os.close(self._layout.descriptor)
        self._file.close()


def _array(shape: Sequence[int], dtype: np.dtype[Any], spare: NDArray[Any] | None) -> NDArray[Any]:
    """An array of that shape and type, to be filled as a whole: the spare one where it is such."""
    if spare is not None and spare.shape == tuple(shape) and spare.dtype == dtype and spare.flags.writeable:
        return spare
    return np.empty(shape, dtype)


def _inflated(stored: NDArray[np.uint8], size: int) -> bytes:
    """The content of a deflated chunk, at most one byte more than it should be."""
    try:
        return zlib.decompressobj().decompress(stored.data, size + 1)
    except zlib.error as error:
        raise OSError("a chunk cannot be inflated") from error


def _unshuffled(content: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Bytes of each number together again: shuffle has put all first bytes before all second ones."""
    if width == 1:
        return content
    planes = content.reshape(width, -1)
    numbers = np.empty((planes.shape[1], width), np.uint8)
    for number, plane in enumerate(planes):
        numbers[:, number] = plane
    return numbers.reshape(-1)
