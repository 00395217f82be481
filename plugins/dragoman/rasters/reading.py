"""Datasets whose failing reads are told as the fault of whoever sent the file.

A header may promise blocks that the file does not hold; that shows only when they are read, wherever
that is: in a bundled process, in an author's own, in a warp.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.errors import RasterioIOError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from dragoman.errors import InputError, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

DAMAGED = "the raster cannot be read to its end; it is damaged or not complete"


class _Telling:
    """Makes every read that the file is to blame for an InputError, or InvalidRequest if it is no input's."""

    input_id: str | None = None
    """The input that the file came as."""
    closed: bool

    def read(self, *args: Any, **options: Any) -> Any:
        """As rasterio's."""
        with self._blaming():
            return super().read(*args, **options)  # type: ignore[misc]  # of the dataset it is mixed into

    def read_masks(self, *args: Any, **options: Any) -> Any:
        """As rasterio's."""
        with self._blaming():
            return super().read_masks(*args, **options)  # type: ignore[misc]  # of the dataset it is mixed into

    def dataset_mask(self, *args: Any, **options: Any) -> Any:
        """As rasterio's."""
        with self._blaming():
            return super().dataset_mask(*args, **options)  # type: ignore[misc]  # of the dataset it is mixed into

    @contextmanager
    def _blaming(self) -> Iterator[None]:
        try:
            yield
        except RasterioIOError as error:
            if self.closed:  # reading what is closed is the algorithm's own mistake
                raise
            raise (
                InputError(self.input_id, DAMAGED) if self.input_id else InvalidRequest(DAMAGED)
            ) from error


class Reader(_Telling, rasterio.DatasetReader):  # type: ignore[misc]  # rasterio has no types
    """An open file; ``rasterio.DatasetReader`` in all else."""


def checking(*, edged: bool) -> rasterio.Env:
    """While a warp is prepared and read: whether GDAL checks each place by the way back.

    It must where the edge of the world goes through: beyond it some projections tell places anew, so that the corners
    of a map would be filled, and rows that begin and end there be mirrored. It must not where a CRS repeats itself:
    x beyond that edge is meant there, and does not come back as it was.
    """
    return rasterio.Env(CHECK_WITH_INVERT_PROJ="YES" if edged else "NO")


class Warped(_Telling, WarpedVRT):  # type: ignore[misc]  # rasterio has no types
    """A dataset warped as it is read; it speaks for the input that its source is."""

    def __init__(self, source: Any, **options: Any) -> None:
        super().__init__(source, **options)
        self.input_id = getattr(source, "input_id", None)

    def read(self, indexes: Any = None, **options: Any) -> Any:
        """As rasterio's; where no pixel of the window has a place GDAL writes nothing, which is nodata or 0."""
        if not options.keys() <= {"window", "out_dtype"}:
            return super().read(indexes, **options)
        numbers = list(self.indexes) if indexes is None else indexes
        dtype = options.pop("out_dtype", None) or self.dtypes[np.min(numbers) - 1]
        out = np.zeros(self._shape(numbers, options), dtype)  # costs nothing before it is written to
        if self.nodata:
            out.fill(self.nodata)
        return super().read(numbers, out=out, **options)

    def read_masks(self, indexes: Any = None, **options: Any) -> Any:
        """As rasterio's; 0 where no pixel of the window has a place."""
        if not options.keys() <= {"window"}:
            return super().read_masks(indexes, **options)
        numbers = list(self.indexes) if indexes is None else indexes
        return super().read_masks(numbers, out=np.zeros(self._shape(numbers, options), np.uint8), **options)

    def _shape(self, numbers: Any, options: dict[str, Any]) -> tuple[int, ...]:
        window = options.get("window") or Window(0, 0, self.width, self.height)
        return (*np.shape(numbers), int(window.height), int(window.width))
