"""A NetCDF file's variables as values: numbers by our decoder, texts, times and coordinates by xarray."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import xarray as xr

from dragoman.rasters.netcdf import BLOCK_VALUES, block_shape, blocks, chunk_shape
from dragoman.rasters.netcdf_costs import counts_time
from dragoman.rasters.netcdf_decoding import NOT_A_TIME, Decoder, decoder_of
from dragoman.rasters.netcdf_lazy import DecodedArray, Origin, lazy_variable

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

    from dragoman.rasters.hdf5_contents import Hdf5Contents

SCANNED_VALUES = 1 << 26
"""Integers of one file that are looked through for missing ones; more are taken to have some."""

CHECKED_TIMES = 1 << 20
"""Values of one variable of times that are decoded to see whether they can be."""

ALL_CHECKED_TIMES = 1 << 24
"""Of all variables of one file, which are kept in memory; beyond, times are decoded only when they are asked for."""

TIME_ERRORS = (ValueError, OverflowError, TypeError, KeyError, AttributeError, ArithmeticError)
"""What xarray, pandas and cftime raise for times that they cannot decode."""

_MASKING = ("_FillValue", "missing_value", "_Unsigned")
_PACKING = ("scale_factor", "add_offset")
_BOUNDS = ("valid_range", "valid_min", "valid_max")


def decode(
    raw: xr.Dataset, path: Path, contents: Hdf5Contents, *, group: str, input_id: str | None
) -> xr.Dataset:
    """The dataset decoded by CF, as far as the file allows; nothing but coordinates is read.

    Integers of which some may be missing, though no attribute says so, are looked through.
    """
    view = _View(raw=raw, path=path, contents=contents, group=group, input_id=input_id)
    plain = _undecodable_times(view)
    try:
        return _decoded(view, plain)
    except TIME_ERRORS:
        return _decoded(view, set(raw.variables))


@dataclass(slots=True, kw_only=True)
class _View:
    """A file that is being decoded."""

    raw: xr.Dataset
    path: Path
    contents: Hdf5Contents
    group: str
    input_id: str | None
    scanned: int = 0
    """Integers looked through until now."""
    decoders: dict[Hashable, Decoder] = field(default_factory=dict)
    read: dict[Hashable, xr.Variable] = field(default_factory=dict)
    """Variables whose stored numbers are in memory."""
    times: dict[Hashable, xr.Variable] = field(default_factory=dict)
    """Variables that have been decoded as times, to see whether they can be, and neither have bounds nor are some."""
    checked: dict[Hashable, bool] = field(default_factory=dict)
    """Variables, and whether they are times that are decoded to see whether they can be."""
    checked_times: int = 0
    """Of these, the number of their values."""

    def variable(self, name: Hashable, *, times: bool) -> xr.Variable:
        """The variable of that name, masked and scaled as it is read."""
        origin = self._origin(str(name))
        stored = self._stored(name, origin)
        if stored.dtype.kind not in "iuf":
            array = DecodedArray(stored, None, origin)
            return lazy_variable(array, dict(stored.attrs), dict(stored.encoding))
        if name not in self.decoders:
            self.decoders[name] = self._decoder(stored, origin)
        decoder = self.decoders[name]
        if times and counts_time(stored):
            decoder = replace(decoder, times=True)
        attributes, encoding = _moved(stored, decoder)
        return lazy_variable(DecodedArray(stored, decoder, origin), attributes, encoding)

    def _stored(self, name: Hashable, origin: Origin) -> xr.Variable:
        """The variable as it is in the file; read at once, and only once, where decoding looks at its values."""
        stored = self.raw.variables[name]
        if not (self.checks(name) or name in stored.dims) or stored.dtype.kind not in "iuf":
            return stored
        if name not in self.read:
            with origin.reading():
                self.read[name] = xr.Variable(stored.dims, stored.values, stored.attrs, stored.encoding)
        return self.read[name]

    def checks(self, name: Hashable) -> bool:
        """Whether a variable is one of times that are decoded to see whether they can be."""
        if name not in self.checked:
            stored = self.raw.variables[name]
            fits = stored.size <= min(CHECKED_TIMES, ALL_CHECKED_TIMES - self.checked_times)
            self.checked[name] = counts_time(stored) and fits
            self.checked_times += stored.size if self.checked[name] else 0
        return self.checked[name]

    def _origin(self, name: str) -> Origin:
        whole = "/".join(part for part in (self.group.strip("/"), name) if part)
        filters = self.contents.filters
        return Origin(path=self.path, name=whole, input_id=self.input_id, filter_name=filters.get(whole))

    def _decoder(self, stored: xr.Variable, origin: Origin) -> Decoder:
        """Of integers, the library's fill counts where the library may have written it."""
        filled = self.contents.default_filled
        default = stored.dtype.kind == "f" or filled is None or origin.name in filled
        decoder = decoder_of(stored.attrs, stored.dtype, default_fill=default)
        if (
            decoder.integers
            and decoder.masking
            and not decoder.declared
            and not self._misses(stored, decoder)
        ):
            return decoder.without_missing()
        return decoder

    def _misses(self, stored: xr.Variable, decoder: Decoder) -> bool:
        """Whether a value is missing; True also where there are too many to look at, or they cannot be read."""
        self.scanned += stored.size
        if self.scanned > SCANNED_VALUES:
            return True
        block = block_shape(stored.shape, chunk_shape(stored), values=BLOCK_VALUES)
        try:
            return any(
                decoder.missing_of(decoder.numbers_of(stored[place].values)) is not None
                for place in blocks(stored.shape, block)
            )
        except (OSError, RuntimeError, ValueError):
            return True


def _decoded(view: _View, plain: set[Hashable]) -> xr.Dataset:
    """Decoded; variables of ``plain`` stay numbers though they may count time."""
    times = {name: variable for name, variable in view.times.items() if name not in plain}
    variables = {
        name: times[name] if name in times else view.variable(name, times=name not in plain)
        for name in view.raw.variables
    }
    decodable: Any = {name: name not in plain and name not in times for name in variables}
    texts: Any = {name: view.raw.variables[name].dtype.kind not in "iuf" for name in variables}
    # as xr.decode_cf does, without a dataset of what is not decoded yet
    decoded, attributes, coordinates = xr.conventions.decode_cf_variables(
        variables, view.raw.attrs, mask_and_scale=texts, decode_times=decodable, decode_timedelta=False
    )
    own = {name for name, variable in variables.items() if name in variable.dims}
    return xr.Dataset(decoded, attrs=attributes).set_coords((coordinates | own) & decoded.keys())


def _undecodable_times(view: _View) -> set[Hashable]:
    """Variables whose times xarray cannot decode, and the bounds of those."""
    plain: set[Hashable] = set()
    variables = view.raw.variables
    bounds = {item.attrs.get(key) for item in variables.values() for key in ("bounds", "climatology")}
    for name, stored in variables.items():
        if not counts_time(stored):
            continue
        times = _as_times(view, name)
        if times is not None:
            if name not in bounds and not {"bounds", "climatology"} & stored.attrs.keys():
                view.times[name] = times
            continue
        plain.add(name)
        plain |= {stored.attrs[key] for key in ("bounds", "climatology") if key in stored.attrs}
    return plain


def _as_times(view: _View, name: Hashable) -> xr.Variable | None:
    """A variable decoded as times; None where it cannot be."""
    variable = view.variable(name, times=True)
    try:
        times = xr.conventions.decode_cf_variable(
            name, variable, mask_and_scale=False, decode_timedelta=False
        )
        if times.dtype.kind == "O" and _some_missing(variable):  # cftime has no word for that
            return None
        if view.checks(name):
            times.load()
    except TIME_ERRORS:
        return None
    return times


def _some_missing(variable: xr.Variable) -> bool:
    if variable.dtype.kind == "f":
        return bool(variable.isnull().any())
    return bool((variable == NOT_A_TIME).any())


def _moved(stored: xr.Variable, decoder: Decoder) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Attributes and encoding once the values are decoded: what is done is told in the encoding, as xarray does.

    Bounds stay where they are still true, among numbers that are not packed.
    """
    keys = (*_MASKING, *_PACKING, *(_BOUNDS if decoder.scaled else ()))
    attributes = {key: value for key, value in stored.attrs.items() if key not in keys}
    done = {key: value for key, value in stored.attrs.items() if key in keys and _fits(key, value, decoder)}
    if "_FillValue" in done and done.get("missing_value", done["_FillValue"]) != done["_FillValue"]:
        del done["missing_value"]
    return attributes, {**stored.encoding, "dtype": stored.dtype, **done}


def _fits(key: str, value: Any, decoder: Decoder) -> bool:
    """Whether the encoding can be written again: a fill value has to be one number that the type holds."""
    if key not in ("_FillValue", "missing_value"):
        return True
    return getattr(value, "size", 1) == 1 and decoder.declared
