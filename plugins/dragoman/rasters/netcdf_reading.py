"""Stored numbers of an opened NetCDF variable, for several threads: past the library where that helps."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.rasters.hdf5_reading import stored_reader
from dragoman.rasters.netcdf_decoding import Decoder, decoder_of
from dragoman.rasters.netcdf_lazy import decoded_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import xarray as xr
    from numpy.typing import NDArray

    from dragoman.rasters.hdf5_reading import Place


MIN_BYTES = 1 << 22
"""Of a variable; a smaller one is read by the library before the file has been opened once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersReader:
    """Reads a variable of numbers as they are stored, with what decodes them."""

    read: Callable[[Place, NDArray[Any] | None], NDArray[Any]]
    """In rows of the last dimension; to be called within ``reading``. The second argument is an earlier answer that
    nobody needs any more, and may be filled again.
    """
    decoder: Decoder
    reading: Callable[[], AbstractContextManager[None]]
    """Within it, errors of reading and decoding are told as the file's fault."""


@contextmanager
def numbers_reader(variable: xr.Variable) -> Iterator[NumbersReader]:
    """A reader of a variable from ``open_dataset``; of any other, its values are what is stored."""
    array = decoded_array(variable)
    if array is None or array.decoder is None:
        yield NumbersReader(
            read=lambda place, _spare: np.ascontiguousarray(variable[place].values),
            decoder=decoder_of({}, variable.dtype, default_fill=False),
            reading=_nothing,
        )
        return
    stored, origin = array.stored, array.origin

    def by_library(place: Place) -> NDArray[Any]:
        return np.ascontiguousarray(stored[place].values)

    direct = None
    hdf5 = stored.encoding.get("chunksizes") is not None or "contiguous" in stored.encoding
    if hdf5 and stored.nbytes >= MIN_BYTES:
        direct = stored_reader(origin.path, origin.name, by_library)
    try:
        yield NumbersReader(
            read=(lambda place, _spare: by_library(place)) if direct is None else direct.read,
            decoder=array.decoder,
            reading=origin.reading,
        )
    finally:
        if direct is not None:
            direct.close()


@contextmanager
def _nothing() -> Iterator[None]:
    yield
