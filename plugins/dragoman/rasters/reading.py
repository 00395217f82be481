"""Datasets whose failing reads are told as the fault of whoever sent the file.

A header may promise blocks that the file does not hold; that shows only when they are read, wherever
that is: in a bundled process, in an author's own, in a warp.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rasterio
from rasterio.errors import RasterioIOError
from rasterio.vrt import WarpedVRT

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


class Warped(_Telling, WarpedVRT):  # type: ignore[misc]  # rasterio has no types
    """A dataset warped as it is read; it speaks for the input that its source is."""

    def __init__(self, source: Any, **options: Any) -> None:
        super().__init__(source, **options)
        self.input_id = getattr(source, "input_id", None)
