"""What an HDF5 file holds, looked at before anything of it is read: refused where it reaches into other files."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.errors import InvalidRequest
from dragoman.rasters.netcdf_costs import check_texts
from dragoman.rasters.netcdf_missing import DEFAULT_FILLS
from dragoman.rasters.opening import MAX_BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_GROUPS_DEEP = 32
"""Groups of one HDF5 file within each other."""

MAX_OBJECTS = 20_000
"""Groups, datasets and links of one HDF5 file."""

DAMAGED = "the NetCDF file cannot be read; it is damaged or not complete"

FILTERS: Final = {
    4: "szip",
    307: "bzip2",
    32000: "LZF",
    32001: "Blosc",
    32004: "LZ4",
    32008: "bitshuffle",
    32013: "ZFP",
    32015: "Zstandard",
    32017: "SZ",
    32026: "Blosc2",
}
"""By their registered number: those that files out there are compressed with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hdf5Contents:
    """What is particular about the datasets of a file, each by its path without the first slash."""

    odd_types: dict[str, str] = field(default_factory=dict)
    """Those of types that are not read, and what the type is."""
    filters: dict[str, str] = field(default_factory=dict)
    """Those that are stored by a filter that is not installed here, and its name."""
    default_filled: set[str] | None = None
    """Those where the library has put its own fill value into what is not written; None: any may be."""
    numbers: list[str] = field(default_factory=list)
    """Those in groups that hold numbers and are no dimension's own coordinate."""


def hdf5_contents(path: Path, *, max_values: int | None = None, texts: bool = False) -> Hdf5Contents:
    """Look through all groups of a file; with ``texts``, also at how long those of any length are.

    Raises InvalidRequest for a file that names other files, holds chunks that explode, more than
    ``max_values`` values in a dataset, or texts that take too much memory.
    """
    import h5py

    contents = Hdf5Contents(default_filled=set())
    long: list[Any] = []
    try:
        with h5py.File(path, "r") as file:
            for item in _objects(file):
                if isinstance(item, h5py.Dataset):
                    _check_dataset(item, max_values)
                    _note(item, contents)
                    if texts and h5py.check_vlen_dtype(item.dtype) is str:
                        long.append(item)
            check_texts(long, path.stat().st_size)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise InvalidRequest(DAMAGED) from error
    return contents


def refuse_other_files(path: Path) -> None:
    """Raise InvalidRequest for an HDF5 file of any kind that names other files, or cannot be looked through."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            for item in _objects(file, what="HDF5"):
                if isinstance(item, h5py.Dataset) and _elsewhere(item):
                    raise InvalidRequest("the HDF5 file keeps values in another file")
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise InvalidRequest("the HDF5 file cannot be read; it is damaged or not complete") from error


def _elsewhere(item: Any) -> bool:
    return bool(item.external or item.is_virtual)


def _objects(file: Any, what: str = "NetCDF") -> Iterator[Any]:
    """Each object of an HDF5 file once, opened from the group that holds it: by its path would cost its depth.

    Raises InvalidRequest for a link to another file, and for groups too deep or objects too many.
    """
    import h5py

    seen = {h5py.h5o.get_info(file.id).addr}
    waiting, links = [(file, 1)], 0
    while waiting:
        group, depth = waiting.pop()
        links += len(group)
        if links > MAX_OBJECTS:
            raise InvalidRequest(f"the {what} file holds more than {MAX_OBJECTS} groups and variables")
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise InvalidRequest(f"the {what} file links to another file")
            if not isinstance(link, h5py.HardLink):
                continue  # a soft one leads to what is seen anyway, or nowhere
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            yield item
            if isinstance(item, h5py.Group):
                if depth == MAX_GROUPS_DEEP:
                    raise InvalidRequest(f"the {what} file has groups more than {MAX_GROUPS_DEEP} deep")
                waiting.append((item, depth + 1))


def _check_dataset(item: Any, max_values: int | None) -> None:
    if _elsewhere(item):
        raise InvalidRequest("the NetCDF file keeps values in another file")
    if math.prod(item.chunks or ()) * item.dtype.itemsize > MAX_BLOCK_BYTES:
        raise InvalidRequest(f"the NetCDF file holds chunks above {MAX_BLOCK_BYTES} bytes")
    size, name = math.prod(item.shape or ()), item.name.lstrip("/")
    if max_values is not None and size > max_values and not _is_mere_dimension(item):
        raise InvalidRequest(f"variable '{name}' has {size} values; at most {max_values} are read")


def _is_mere_dimension(item: Any) -> bool:
    """Whether it holds no values: a dimension of which no variable bears the name."""
    name = item.attrs.get("NAME", b"") if item.is_scale else b""
    return bytes(name).startswith(b"This is a netCDF dimension but not a netCDF variable")


def _note(item: Any, contents: Hdf5Contents) -> None:
    import h5py

    name = item.name.lstrip("/")
    if (odd := _odd_type(item.dtype)) is not None:
        contents.odd_types[name] = odd
        return
    creation = item.id.get_create_plist()
    codes = [creation.get_filter(number)[0] for number in range(creation.get_nfilters())]
    unknown = [code for code in codes if not h5py.h5z.filter_avail(code)]
    if unknown:
        contents.filters[name] = ", ".join(f"{FILTERS.get(code, 'HDF5')} (filter {code})" for code in unknown)
    if item.dtype.kind in "iuf" and item.ndim and "/" in name and not item.is_scale:
        contents.numbers.append(name)
    fill = DEFAULT_FILLS.get(item.dtype.str[1:])
    defined = creation.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
    known = fill is not None and defined and h5py.check_enum_dtype(item.dtype) is None
    if contents.default_filled is not None and known and np.asarray(fill, item.dtype) == item.fillvalue:
        contents.default_filled.add(name)


def _odd_type(dtype: np.dtype[Any]) -> str | None:
    """What a type is that is not read; None for numbers and texts."""
    import h5py

    base = h5py.check_vlen_dtype(dtype)
    if base is not None:
        return None if base is str else "lists of any length"
    if dtype.kind == "V":
        return "compounds" if dtype.names else "opaque bytes"
    if h5py.check_ref_dtype(dtype) is not None:
        return "references"
    return None
