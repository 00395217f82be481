"""NetCDF datasets: finding axes by CF and by custom, and going through variables by blocks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import xarray as xr

type Axis = Literal["T", "X", "Y", "Z"]
"""A CF axis."""

BLOCK_VALUES = 1 << 22
"""Values of a block unless told otherwise; a chunk may be larger."""

_STANDARD_NAMES: Mapping[Axis, frozenset[str]] = {
    "T": frozenset({"time", "forecast_reference_time"}),
    "X": frozenset({"longitude", "projection_x_coordinate", "grid_longitude"}),
    "Y": frozenset({"latitude", "projection_y_coordinate", "grid_latitude"}),
    "Z": frozenset({"altitude", "height", "depth", "air_pressure", "model_level_number"}),
}
_NAMES: Mapping[Axis, frozenset[str]] = {
    "T": frozenset({"time", "t", "date", "datetime", "year", "month", "day", "hour", "step", "times"}),
    "X": frozenset({"x", "lon", "longitude", "long", "rlon", "easting", "ni"}),
    "Y": frozenset({"y", "lat", "latitude", "rlat", "northing", "nj"}),
    "Z": frozenset({"z", "lev", "level", "depth", "height", "altitude", "plev", "pressure"}),
}
_UNITS: Mapping[Axis, frozenset[str]] = {
    "T": frozenset(),
    "X": frozenset({"degrees_east", "degree_east", "degrees_e", "degree_e", "degreese", "degreee"}),
    "Y": frozenset({"degrees_north", "degree_north", "degrees_n", "degree_n", "degreesn", "degreen"}),
    "Z": frozenset({"pa", "hpa", "mbar", "millibar", "millibars", "dbar", "level", "layer", "sigma_level"}),
}


def find_axis(dataset: xr.Dataset, dims: Sequence[str], axis: Axis) -> str | None:
    """Which of ``dims`` is the axis; None where nothing tells.

    Asked in this order, of the coordinates along each dimension: the attributes axis and
    standard_name, units (for time: a calendar, units ``... since ...``, or decoded dates), and last
    the dimension's own name.
    """
    for test in (_by_attributes, _by_units):
        for dim in dims:
            if any(test(variable, axis) for variable in _along(dataset, dim)):
                return dim
    return next((dim for dim in dims if dim.lower() in _NAMES[axis]), None)


def _along(dataset: xr.Dataset, dim: str) -> list[xr.Variable]:
    """Variables on this dimension alone, its own coordinate first."""
    own = [dataset.variables[dim]] if dim in dataset.variables else []
    others = [v for name, v in dataset.coords.variables.items() if v.dims == (dim,) and name != dim]
    return own + others


def _by_attributes(variable: xr.Variable, axis: Axis) -> bool:
    named = str(variable.attrs.get("axis", "")).upper() == axis
    return named or str(variable.attrs.get("standard_name", "")).lower() in _STANDARD_NAMES[axis]


def _by_units(variable: xr.Variable, axis: Axis) -> bool:
    attributes = {**variable.encoding, **variable.attrs}
    units = str(attributes.get("units", "")).strip().lower()
    if axis == "T":
        return variable.dtype.kind == "M" or " since " in units or "calendar" in attributes
    return units in _UNITS[axis]


def chunk_shape(variable: xr.Variable | xr.DataArray) -> tuple[int, ...]:
    """The chunk that the file stores ``variable`` by; one row of the last dimension if it has none."""
    chunks = variable.encoding.get("chunksizes")
    if chunks and not variable.encoding.get("contiguous") and len(chunks) == variable.ndim:
        return tuple(max(1, min(int(c), n)) for c, n in zip(chunks, variable.shape, strict=True))
    return tuple(1 for _ in variable.shape[:-1]) + tuple(variable.shape[-1:])


def block_shape(
    shape: Sequence[int],
    chunks: Sequence[int],
    *,
    last: int | None = None,
    values: int = BLOCK_VALUES,
    beside: int | None = None,
) -> tuple[int, ...]:
    """The largest block of whole chunks within ``values`` (or one chunk, if that is more).

    It grows along the last dimensions first; along dimension number ``last`` only when the others
    are covered or full: they are when they have ``beside`` values, if that is given.
    """
    block = list(chunks)
    order = [dim for dim in reversed(range(len(shape))) if dim != last]
    for dim in order if last is None else [*order, last]:
        others = math.prod(size for number, size in enumerate(block) if number not in (dim, last))
        along = 1 if last is None or dim == last else block[last]
        full = values if beside is None or dim == last else min(values, beside * along)
        room = max(1, full // max(1, others * along * chunks[dim]))
        block[dim] = max(1, min(shape[dim], room * chunks[dim]))
    return tuple(block)


def blocks(shape: Sequence[int], block: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Slices that cover ``shape`` once, in steps of ``block``, the last dimension fastest."""
    counts = [max(0, -(-size // step)) for size, step in zip(shape, block, strict=True)]
    for index in np.ndindex(*counts):
        yield tuple(
            slice(number * step, min(size, (number + 1) * step))
            for number, step, size in zip(index, block, shape, strict=True)
        )
