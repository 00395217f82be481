"""Working through rasters larger than memory: windows, a handle per thread, one locked writer.

Memory stays flat: each thread holds one window of each source, GDAL at most 200 MB of blocks.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.windows import Window

from dragoman.errors import InputError, InvalidRequest
from dragoman.rasters.opening import gdal_env
from dragoman.rasters.scaling import Scaling, check_exact, distinct_in_float32

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

WINDOW = 1024
"""Pixels along a side of a window; a multiple of the 512 that outputs are tiled by.

Twice that was slower by 3 to 8 %: at the end of a raster the last windows are written while nothing is computed.
"""

THREADS = 2
"""Threads that read and compute; measured best on two cores."""

EXACT_IN_FLOAT32 = frozenset({"int8", "uint8", "int16", "uint16", "float16", "float32"})
"""Types whose every value a float32 can tell."""


def windows_of(width: int, height: int, *, size: int = WINDOW, striped: bool = False) -> list[Window]:
    """Windows that cover a grid once, row by row, about ``size`` squared pixels each.

    ``striped`` asks for whole rows instead of squares, for sources that are stored by rows.
    """
    cols, rows = size, size
    if striped and width > size:
        tile = min(512, size)
        cols, rows = width, max(tile, size * size // width // tile * tile)
    return [
        Window(col, row, min(cols, width - col), min(rows, height - row))
        for row in range(0, height, rows)
        for col in range(0, width, cols)
    ]


def is_striped(dataset: Any) -> bool:
    """Whether the file is stored by whole rows, so that a square window decodes far more than it needs."""
    return bool(dataset.block_shapes[0][1] >= dataset.width)


def float_type(dataset: Any, band: int, *, decimal: bool = False) -> type[np.floating[Any]]:
    """What ``read_float`` gives of a band: float32 where that keeps all its values apart, else float64."""
    dtype = np.dtype(dataset.dtypes[band - 1])
    if dtype.name not in EXACT_IN_FLOAT32:
        return np.float64
    scale, offset = dataset.scales[band - 1], dataset.offsets[band - 1]
    if (scale, offset) == (1.0, 0.0):
        return np.float32
    steps = dtype.kind in "iu" and not decimal and distinct_in_float32(dtype, scale, offset)
    return np.float32 if steps else np.float64


def read_float(
    dataset: Any, band: int, window: Window | None = None, *, decimal: bool = False
) -> NDArray[Any]:
    """One band (counted from 1) as floats of ``float_type``, shape (rows, cols), NaN where there is no data.

    The band's scale and offset are applied; ``decimal`` asks for scaled values as a person would write them: 7000
    times 0.0001 is the float64 0.7. What is missing is GDAL's word: nodata value, mask band or alpha; and NaN.
    Raises InputError (InvalidRequest, where the dataset is no input's) for integers beyond 2**53.
    """
    dtype = np.dtype(dataset.dtypes[band - 1])
    kind = float_type(dataset, band, decimal=decimal)
    data: NDArray[Any] = dataset.read(band, window=window, **({} if _is_long(dtype) else {"out_dtype": kind}))
    missing = missing_cells(dataset, band, window, data)
    if _is_long(dtype):
        _check_long(dataset, band, data, missing)
        data = data.astype(kind)
    if missing is not None:
        data[missing] = np.nan
    scale, offset = dataset.scales[band - 1], dataset.offsets[band - 1]
    if (scale, offset) == (1.0, 0.0):
        return data
    if kind is np.float64:
        return Scaling.of(scale, offset, dtype).apply(data)
    data *= kind(scale)
    data += kind(offset)
    return data


def _is_long(dtype: np.dtype[Any]) -> bool:
    """Whether a type holds integers that a float64 cannot tell."""
    return dtype.kind in "iu" and dtype.itemsize == 8


def missing_cells(
    dataset: Any, band: int, window: Window | None, data: NDArray[Any]
) -> NDArray[np.bool_] | None:
    """Where a band that has been read has no data, NaN aside; None where all is valid.

    The mask of 64-bit integers is GDAL's: what rasterio tells of their nodata value is a float64.
    """
    flags = dataset.mask_flag_enums[band - 1]
    if MaskFlags.all_valid in flags:
        return None
    nodata = dataset.nodatavals[band - 1]
    dtype = np.dtype(dataset.dtypes[band - 1])
    if flags == [MaskFlags.nodata] and nodata is not None and not _is_long(dtype):
        if dtype.kind != "f":
            equal: NDArray[np.bool_] = data == nodata
            return equal
        if np.isnan(nodata):
            return None
    missing: NDArray[np.bool_] = dataset.read_masks(band, window=window) == 0
    return missing


def _check_long(dataset: Any, band: int, data: NDArray[Any], missing: NDArray[np.bool_] | None) -> None:
    try:
        check_exact(data, missing)
    except InvalidRequest as error:
        input_id, text = getattr(dataset, "input_id", None), f"band {band} {error.detail}"
        raise (InputError(input_id, text) if input_id else InvalidRequest(text)) from error


AHEAD = 2
"""Windows that may be written, in memory, before the next one in the file's order is; more have to wait for it."""


class WindowWriter:
    """A dataset that several threads write windows into, one at a time.

    Given to ``each_window`` they reach the file in the order of the windows, whichever thread is done first, so that
    two runs give the same bytes. No thread waits for another's write, unless it is AHEAD windows before it.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._changed = threading.Condition()
        self._places: dict[tuple[int, int], int] | None = None
        self._ready: dict[int, Callable[[], None]] = {}
        self._next = 0
        self._writing = False
        self._given_up = False

    def in_order(self, windows: Sequence[Window]) -> None:
        """Have each of these windows written once, in this order."""
        self._places = {_corner(window): place for place, window in enumerate(windows)}

    def give_up(self) -> None:
        """After an error: nothing more is written, and nobody waits."""
        with self._changed:
            self._given_up = True
            self._changed.notify_all()

    def write(
        self,
        block: NDArray[Any],
        window: Window,
        band: int | None = None,
        *,
        valid: NDArray[np.bool_] | None = None,
    ) -> None:
        """Write (rows, cols) into ``band`` (from 1), or (bands, rows, cols) into all of them.

        ``valid`` is the window's part of the dataset's mask: True is valid.
        """

        def put() -> None:
            self._dataset.write(block, *(() if band is None else (band,)), window=window)
            if valid is not None:
                self._dataset.write_mask(valid, window=window)

        if self._places is None:
            with self._changed:
                put()
        else:
            self._write_in_turn(self._places[_corner(window)], put)

    def _write_in_turn(self, place: int, put: Callable[[], None]) -> None:
        with self._changed:
            self._ready[place] = put
        while (due := self._due(place)) is not None:
            due()
            with self._changed:
                self._writing = False
                self._next += 1
                self._changed.notify_all()

    def _due(self, place: int) -> Callable[[], None] | None:
        """What this thread is to write now, its own window or another's; None: it may go on."""
        with self._changed:
            while not self._given_up:
                if not self._writing and self._next in self._ready:
                    self._writing = True
                    return self._ready.pop(self._next)
                if place < self._next + AHEAD:
                    return None
                self._changed.wait()
            return None


def _corner(window: Window) -> tuple[int, int]:
    return int(window.row_off), int(window.col_off)


class _Queue[W, R]:
    """The windows still to do, which all threads take from, and the results."""

    def __init__(self, windows: Sequence[W], progress: Callable[[float, str], None] | None) -> None:
        self._todo = iter(enumerate(windows))
        self._total = len(windows)
        self._done = 0
        self._stopped = False
        self._progress = progress
        self._lock = threading.Lock()
        self.results: dict[int, R] = {}

    def take(self) -> tuple[int, W] | None:
        with self._lock:
            return None if self._stopped else next(self._todo, None)

    def done(self) -> None:
        with self._lock:
            self._done += 1
            if self._progress is not None:
                self._progress(100.0 * self._done / self._total, f"{self._done} of {self._total} windows")

    def stop(self) -> None:
        with self._lock:
            self._stopped = True

    def work_through[H](
        self,
        open_handles: Callable[[], AbstractContextManager[H]],
        work: Callable[[H, W], R],
        writer: WindowWriter | None,
    ) -> None:
        """What one thread does."""
        try:
            with gdal_env(), open_handles() as handles:
                while (item := self.take()) is not None:
                    index, window = item
                    self.results[index] = work(handles, window)
                    self.done()
        except BaseException:  # whatever it was goes on; the other threads wait for no window of this one
            if writer is not None:
                writer.give_up()
            raise
        finally:  # at the end nothing is left to take; after an error nothing shall be
            self.stop()


def each_window[H, R](
    windows: Sequence[Window],
    open_handles: Callable[[], AbstractContextManager[H]],
    work: Callable[[H, Window], R],
    *,
    threads: int = THREADS,
    progress: Callable[[float, str], None] | None = None,
    writer: WindowWriter | None = None,
) -> list[R]:
    """Do ``work(handles, window)`` for every window; the results come in the order of ``windows``.

    Each thread calls ``open_handles`` once and closes what it gave. An error stops all threads at their
    next window and is raised. ``progress`` (percent, message) is called by one thread at a time. With a ``writer``
    ``work`` writes each window once, and they are written in the order of ``windows``.
    """
    queue = _Queue[Window, R](windows, progress)
    if writer is not None:
        writer.in_order(windows)
    count = min(threads, max(1, len(windows)))
    with ThreadPoolExecutor(count, "windows") as pool:
        futures = [pool.submit(queue.work_through, open_handles, work, writer) for _ in range(count)]
    for future in futures:
        future.result()
    return [queue.results[index] for index in range(len(windows))]
