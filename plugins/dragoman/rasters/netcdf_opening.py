"""Opening NetCDF files that strangers sent: what is refused before it costs anything, and how the rest is decoded.

Values are masked and scaled by ``netcdf_decoding``; xarray decodes texts, times and coordinates. Every refusal is
an InvalidRequest whose detail is free of local paths.
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import xarray as xr

from dragoman.errors import InvalidRequest
from dragoman.rasters import netcdf_attributes
from dragoman.rasters.hdf5_contents import DAMAGED, Hdf5Contents, hdf5_contents
from dragoman.rasters.netcdf_classic import is_complete
from dragoman.rasters.netcdf_costs import check_coordinates
from dragoman.rasters.netcdf_values import decode
from dragoman.rasters.opening import opening_lock

MAX_VARIABLES = 10_000
"""Variables of one NetCDF file."""

type Kind = Literal["classic", "netcdf4"]
"""Classic is CDF-1, -2 or -5; NetCDF-4 is HDF5."""

_CLASSIC = {b"CDF\x01", b"CDF\x02", b"CDF\x05"}
_HDF5 = b"\x89HDF\r\n\x1a\n"


def sniff_netcdf(path: Path) -> Kind | None:
    """Which NetCDF the first bytes say: classic (CDF-1, -2, -5), NetCDF-4 (HDF5), or None."""
    with path.open("rb") as file:
        head = file.read(8)
    if head[:4] in _CLASSIC:
        return "classic"
    return "netcdf4" if head == _HDF5 else None


def is_netcdf(path: Path) -> bool:
    """Whether it is a NetCDF file of its full length; nothing but the header is read."""
    kind = sniff_netcdf(path)
    if kind != "netcdf4":
        return kind == "classic" and is_complete(path)
    import h5py

    try:
        h5py.File(path, "r").close()
    except (OSError, RuntimeError):
        return False
    return True


def open_dataset(
    path: Path, *, max_values: int | None = None, input_id: str | None = None, group: str = ""
) -> xr.Dataset:
    """Open a local NetCDF file, decoded, read only when asked for; the caller closes it.

    NetCDF-4 goes through h5netcdf, classic files through netCDF4. What is missing is NaN, or NaT among times.
    Attributes that do not fit their variable (a NaN _FillValue on integers) count for nothing; times that cannot
    be decoded stay numbers; variables of types that are neither numbers nor texts are left out.
    ``max_values`` caps the values of one variable; ``group`` (``a/b``) opens that group, with the coordinates of the
    groups around it. Raises InvalidRequest for what is not NetCDF, too large, or reaches into other files (HDF5
    links, external storage). A read that fails later raises InputError for ``input_id``, or InvalidRequest where
    that is None.
    """
    kind = sniff_netcdf(path) if path.is_file() else None
    if kind is None:
        raise InvalidRequest("not a NetCDF file (classic or NetCDF-4)")
    contents = Hdf5Contents()
    if kind == "netcdf4":
        contents = hdf5_contents(path, max_values=max_values, texts=True)
    elif not is_complete(path):
        raise InvalidRequest(DAMAGED)
    with ExitStack() as stack, opening_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # xarray's remarks on odd files are not ours to pass on
        raw = _open_raw(path, kind, contents, group, stack)
        _check_sizes(raw, max_values)
        check_coordinates(raw)
        decoded = decode(raw, path, contents, group=group, input_id=input_id)
        decoded.set_close(stack.pop_all().close)
    decoded.encoding["source"] = str(path.absolute())
    return decoded


def grouped_numbers(dataset: xr.Dataset) -> list[str]:
    """Variables of numbers in the groups of the file that ``dataset`` was opened from, as ``group/name``."""
    return _contents_of(dataset).numbers


def unread_type(dataset: xr.Dataset, name: str) -> str | None:
    """What a variable holds that was left out, as it is neither numbers nor texts; None for any other."""
    return _contents_of(dataset).odd_types.get(name.strip("/"))


def _contents_of(dataset: xr.Dataset) -> Hdf5Contents:
    path = Path(dataset.encoding.get("source", ""))
    hdf5 = path.is_file() and sniff_netcdf(path) == "netcdf4"
    return hdf5_contents(path) if hdf5 else Hdf5Contents()


def _open_raw(path: Path, kind: Kind, contents: Hdf5Contents, group: str, stack: ExitStack) -> xr.Dataset:
    """The file as it is, nothing decoded; ``stack`` closes it."""
    parts = [part for part in group.split("/") if part]
    try:
        raw = stack.enter_context(_open_level(path, kind, contents, "/".join(parts)))
        for depth in reversed(range(len(parts))):
            outer = stack.enter_context(_open_level(path, kind, contents, "/".join(parts[:depth])))
            raw = _with_coordinates(raw, outer)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, IndexError) as error:
        raise InvalidRequest(DAMAGED) from error
    except (
        AttributeError
    ) as error:  # what h5netcdf has for named types that are no enumeration, list or compound
        raise InvalidRequest(
            "the NetCDF file declares a data type of its own that is not read here, such as an opaque one"
        ) from error
    raw.attrs = netcdf_attributes.readable(raw.attrs)
    for variable in raw.variables.values():
        variable.attrs = netcdf_attributes.readable(variable.attrs)
    return raw


def _open_level(path: Path, kind: Kind, contents: Hdf5Contents, group: str) -> xr.Dataset:
    prefix = f"{group}/" if group else ""
    odd = [name.removeprefix(prefix) for name in contents.odd_types if name.startswith(prefix)]
    return xr.open_dataset(
        path.absolute(),
        engine="netcdf4" if kind == "classic" else "h5netcdf",
        group=group or None,
        drop_variables=[name for name in odd if "/" not in name],
        decode_cf=False,
        cache=False,
        create_default_indexes=False,
    )


def _with_coordinates(dataset: xr.Dataset, outer: xr.Dataset) -> xr.Dataset:
    """The dataset of a group with what the group around it knows of its dimensions."""
    variables = dict(dataset.variables)
    named = {
        word
        for variable in variables.values()
        for key in ("coordinates", "bounds", "grid_mapping")
        for word in str(variable.attrs.get(key, "")).split()
    }
    for name, variable in outer.variables.items():
        fits = all(dataset.sizes.get(dim) == size for dim, size in variable.sizes.items())
        if name not in variables and fits and (name in variable.dims or str(name) in named):
            variables[name] = variable
    return xr.Dataset(variables, attrs={**outer.attrs, **dataset.attrs})


def _check_sizes(dataset: xr.Dataset, max_values: int | None) -> None:
    if len(dataset.variables) > MAX_VARIABLES:
        raise InvalidRequest(f"the NetCDF file has more than {MAX_VARIABLES} variables")
    for name, variable in dataset.variables.items():
        if max_values is not None and variable.size > max_values:
            raise InvalidRequest(
                f"variable '{name}' has {variable.size} values; at most {max_values} are read"
            )
