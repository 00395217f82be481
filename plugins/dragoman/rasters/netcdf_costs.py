"""What opening a NetCDF file takes in memory, known before it is paid: coordinates are read whole as it is opened.

A header of some bytes may declare any number of values, and what they become in memory is larger than they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.errors import InvalidRequest
from dragoman.rasters.netcdf import block_shape, blocks

if TYPE_CHECKING:
    from collections.abc import Iterable

    import xarray as xr

MAX_COORDINATE_BYTES = 512 * 2**20
"""In memory, of the coordinate variables of one file (those with the name of a dimension of theirs), and its texts."""

NUMBER: Final = 16
"""Bytes of a number once it is masked, scaled and indexed; what it is stored in does not matter."""
TIME: Final = 32
"""Bytes of a time of the common calendars."""
DATE: Final = 256
"""Bytes of a time of another calendar: it is an object of Python."""
CHARACTER: Final = 4
"""Bytes of a character of a text."""
PIECE: Final = 4096
"""Texts that are measured at once, at most."""

COMMON_CALENDARS: Final = ("standard", "gregorian", "proleptic_gregorian")


def check_coordinates(dataset: xr.Dataset) -> None:
    """Refuse a file, opened but not decoded, whose coordinates would take more than MAX_COORDINATE_BYTES."""
    _refuse_above(
        sum(_cost(variable) for name, variable in dataset.variables.items() if name in variable.dims)
    )


def counts_time(variable: xr.Variable) -> bool:
    """Whether its units are those of times: ``days since ...``."""
    return " since " in str(variable.attrs.get("units", ""))


def check_texts(datasets: Iterable[Any], file_bytes: int) -> None:
    """Refuse an HDF5 file whose texts of any length, which xarray all reads as it opens, would take more than that.

    Each takes as much as the longest of its dataset. No text is longer than the file, but each of a million may be
    the same long one; so few are read at once.
    """
    total, most = 0, min(PIECE, max(1, MAX_COORDINATE_BYTES // max(1, file_bytes)))
    for dataset in datasets:
        longest, shape = 1, dataset.shape or ()
        for place in blocks(shape, block_shape(shape, (1,) * len(shape), values=most)):
            longest = max(longest, *map(len, np.ravel(dataset[place])))
            _refuse_above(total + dataset.size * longest * CHARACTER)
        total += dataset.size * longest * CHARACTER


def _refuse_above(total: int) -> None:
    if total > MAX_COORDINATE_BYTES:
        raise InvalidRequest(
            f"the coordinates and texts of the NetCDF file take {total} bytes in memory; "
            f"at most {MAX_COORDINATE_BYTES} are read"
        )


def _cost(variable: xr.Variable) -> int:
    if variable.dtype.kind not in "iuf":
        return variable.nbytes * (CHARACTER if variable.dtype.kind == "S" else 1)
    if not counts_time(variable):
        return variable.size * NUMBER
    common = str(variable.attrs.get("calendar", "standard")).lower() in COMMON_CALENDARS
    return variable.size * (TIME if common else DATE)
