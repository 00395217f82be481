"""A NetCDF file as the layers of a map service: which variables can be drawn, where they lie, and when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from affine import Affine
from pyproj import CRS as ProjCRS
from pyproj.exceptions import ProjError
from rasterio.crs import CRS

from dragoman.errors import InvalidRequest
from dragoman.rasters.netcdf import find_axis
from dragoman.rasters.raster_layers import grid_of

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray
    from rasterio.windows import Window

    from dragoman.model.map_service import MapGrid

UNEVEN: Final = 0.01
"""Of a step: what the steps of a coordinate may differ by; single precision costs that much of a long axis."""
TURN: Final = 360.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NetcdfLayer:
    """One variable, as it is read: steps in the order of time, rows from the north, columns from the west."""

    name: str
    grid: MapGrid
    times: tuple[float, ...]
    """Seconds since 1970, ascending; empty: it has no time."""
    units: str
    dtype: str
    nodata: float | None
    values: xr.DataArray
    """Dimensions (time, y, x), or (y, x)."""
    order: tuple[int, ...]
    """For each of ``times`` its place in the file."""
    rows_up: bool
    """Whether the file's first row is the southernmost."""
    turned: int
    """Columns by which the file's first one lies east of the grid's."""

    @property
    def steps(self) -> int:
        """How many pictures there are."""
        return max(1, len(self.times))

    def read(self, steps: range, window: Window) -> NDArray[Any]:
        """One window of the grid, of some consecutive steps; shape (steps, rows, cols), NaN where it is missing."""
        row, rows = int(window.row_off), int(window.height)
        if self.rows_up:
            row = self.grid.height - row - rows
        columns = (np.arange(int(window.width)) + int(window.col_off) + self.turned) % self.grid.width
        part = self.values[..., row : row + rows, :]
        if self.times:
            places = [self.order[step] for step in steps]
            first, last = min(places), max(places) + 1
            values = _columns(part[first:last], columns)[[place - first for place in places]]
        else:
            values = _columns(part, columns)[np.newaxis]
        return np.ascontiguousarray(values[:, ::-1] if self.rows_up else values, dtype=self.dtype)


def netcdf_layers(dataset: xr.Dataset) -> dict[str, NetcdfLayer]:
    """The variables of an open dataset that can be drawn, by name; raises InvalidRequest where none can.

    They have the dimensions (y, x) or (time, y, x), beside others of a single value; numbers; an evenly spaced grid.
    """
    layers, problems = {}, []
    for name, array in dataset.data_vars.items():
        if array.dtype.kind not in "iuf" or array.ndim < 2:
            continue
        try:
            layers[str(name)] = _layer(dataset, str(name), array)
        except InvalidRequest as error:
            problems.append(f"'{name}': {error.detail}")
    if not layers:
        told = "; ".join(problems[:5]) or "there is none with the dimensions (y, x) or (time, y, x)"
        raise InvalidRequest(f"no variable can be drawn: {told}")
    return layers


def _layer(dataset: xr.Dataset, name: str, array: xr.DataArray) -> NetcdfLayer:
    dims = [str(dim) for dim in array.dims]
    y, x = find_axis(dataset, dims, "Y"), find_axis(dataset, dims, "X")
    if y is None or x is None or y not in dataset.coords or x not in dataset.coords:
        raise InvalidRequest("it has no coordinates of x and y")
    time = find_axis(dataset, [dim for dim in dims if dim not in (x, y)], "T")
    others = [] if time is None else [time]
    alone = [dim for dim in dims if dim not in (x, y, time)]
    if wide := [dim for dim in alone if dataset.sizes[dim] > 1]:
        raise InvalidRequest(f"its dimension '{wide[0]}' is no time")
    array = array.isel(dict.fromkeys(alone, 0)).transpose(*others, y, x)
    crs = _crs_of(dataset, array, dataset[x])
    (x0, dx), (y0, dy) = _spacing(dataset[x]), _spacing(dataset[y])
    grid, rows_up = grid_of(crs, Affine(dx, 0, x0, 0, dy, y0), array.shape[-1], array.shape[-2])
    grid, turned = _within_a_turn(grid, crs)
    times, order = _times(dataset[others[0]]) if others else ((), ())
    floats = array.dtype.kind == "f"
    return NetcdfLayer(
        name=name,
        grid=grid,
        times=times,
        units=str(array.attrs.get("units", "")),
        dtype=array.dtype.newbyteorder("=").name if array.dtype.name != "float16" else "float32",
        nodata=float("nan") if floats else None,
        values=array,
        order=order,
        rows_up=rows_up,
        turned=turned,
    )


def _spacing(coordinate: xr.DataArray) -> tuple[float, float]:
    """The outer edge of the first cell and the step of an evenly spaced coordinate; raises InvalidRequest."""
    centres = np.asarray(coordinate.values, dtype=np.float64)
    if centres.ndim != 1 or centres.size < 2 or not np.isfinite(centres).all():
        raise InvalidRequest(f"its coordinate '{coordinate.name}' has fewer than two values, or gaps")
    step = (centres[-1] - centres[0]) / (centres.size - 1)
    if step == 0 or np.abs(np.diff(centres) - step).max() > UNEVEN * abs(step):
        raise InvalidRequest(f"its coordinate '{coordinate.name}' is not evenly spaced")
    return float(centres[0] - step / 2), float(step)


def _within_a_turn(grid: MapGrid, crs: Any) -> tuple[MapGrid, int]:
    """The grid from 180 degrees west, where it goes around the world from another meridian; its first column there."""
    a, _, west, _, e, north = grid.transform
    if not crs.is_geographic or abs(a * grid.width - TURN) > a / 2 or west + a * grid.width <= TURN / 2 + a:
        return grid, 0
    turned = int(np.ceil((TURN / 2 - west) / a - UNEVEN))
    return replace(grid, transform=(a, 0.0, west + turned * a - TURN, 0.0, e, north)), turned


def _columns(rows: xr.DataArray, columns: NDArray[Any]) -> NDArray[Any]:
    """Some columns, which are consecutive but for one place where they begin again."""
    breaks = np.flatnonzero(np.diff(columns) != 1) + 1
    parts = [
        np.asarray(rows[..., int(part[0]) : int(part[-1]) + 1].values) for part in np.split(columns, breaks)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


def _crs_of(dataset: xr.Dataset, array: xr.DataArray, x: xr.DataArray) -> CRS:
    """By its grid mapping; else WGS 84, where the coordinates are degrees. Raises InvalidRequest."""
    mapping = str(array.encoding.get("grid_mapping") or array.attrs.get("grid_mapping") or "").split(":")[0]
    if mapping and mapping in dataset.variables:
        attributes = dict(dataset.variables[mapping].attrs)
        try:
            wkt = attributes.get("crs_wkt") or attributes.get("spatial_ref")
            return CRS.from_wkt(str(wkt or ProjCRS.from_cf(attributes).to_wkt()))
        except (ProjError, ValueError, KeyError, TypeError) as error:
            raise InvalidRequest(f"its grid mapping '{mapping}' cannot be read") from error
    if str(x.attrs.get("units", "")).lower().startswith("degree"):
        return CRS.from_epsg(4326)
    raise InvalidRequest("it has no CRS: no grid mapping, and no coordinates in degrees")


def _times(coordinate: xr.DataArray) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """The instants in seconds since 1970, ascending, and the place of each in the file; raises InvalidRequest."""
    values = np.asarray(coordinate.values)
    if values.dtype.kind == "M":
        seconds = values.astype("datetime64[us]").astype(np.int64) / 1e6
        known = ~np.isnat(values)
    elif values.dtype.kind == "O":
        seconds, known = _of_calendar(values), np.ones(values.shape, bool)
    else:
        raise InvalidRequest(f"its time '{coordinate.name}' cannot be read as dates")
    if not known.all() or not values.size:
        raise InvalidRequest(f"its time '{coordinate.name}' has gaps")
    order = np.argsort(seconds, kind="stable")
    return tuple(float(seconds[place]) for place in order), tuple(int(place) for place in order)


def _of_calendar(values: NDArray[Any]) -> NDArray[Any]:
    """Dates of another calendar as the days of that name in ours."""
    moments = []
    for value in values:
        parts = (value.year, value.month, value.day, value.hour, value.minute, value.second)
        try:
            moment = datetime(*parts, tzinfo=UTC)
        except (ValueError, AttributeError) as error:
            raise InvalidRequest(f"its time {value} is no date of the common calendar") from error
        moments.append(moment.timestamp())
    return np.asarray(moments)
