"""Reduce a NetCDF variable over one dimension, by blocks of whole chunks: each chunk is read once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import xarray as xr

import dragoman
from dragoman.rasters.netcdf import BLOCK_VALUES, block_shape, blocks, chunk_shape, find_axis
from dragoman.rasters.writing import write_netcdf

METHODS = {
    "mean": "mean",
    "min": "minimum",
    "max": "maximum",
    "sum": "sum",
    "std": "standard_deviation",
    "count": "",
}
"""By method: the word of CF's cell_methods; count has none."""


class Reduction:
    """Running count, mean, squared deviations, sum and extremes of the cells of one block; NaN is missing."""

    def __init__(self, shape: tuple[int, ...], method: str) -> None:
        self.method = method
        self.count = np.zeros(shape, dtype=np.int64)
        start = {"min": np.inf, "max": -np.inf}.get(method, 0.0)
        self.value = np.full(shape, start, dtype=np.float64)
        self.squares = np.zeros(shape if method == "std" else (), dtype=np.float64)

    def add(self, values: Any, axis: int) -> None:
        """Take in a block; it is merged by the pairwise update, so that many pieces lose no digits."""
        valid = np.isfinite(values)
        count = valid.sum(axis=axis)
        if self.method in ("min", "max"):
            ufunc = np.minimum if self.method == "min" else np.maximum
            filler = np.inf if self.method == "min" else -np.inf
            ufunc(self.value, ufunc.reduce(np.where(valid, values, filler), axis=axis), out=self.value)
        elif self.method == "sum":
            self.value += np.where(valid, values, 0.0).sum(axis=axis, dtype=np.float64)
        elif self.method in ("mean", "std"):
            self._add_moments(values, valid, count, axis)
        self.count += count

    def _add_moments(self, values: Any, valid: Any, count: Any, axis: int) -> None:
        mean = np.where(valid, values, 0.0).sum(axis=axis, dtype=np.float64) / np.maximum(count, 1)
        delta = mean - self.value
        share = count / np.maximum(self.count + count, 1)
        if self.method == "std":
            deviations = np.where(valid, values - np.expand_dims(mean, axis), 0.0)
            self.squares += (deviations**2).sum(axis=axis) + delta**2 * self.count * share
        self.value += delta * share

    def result(self) -> Any:
        """The reduced block; NaN where no value was valid (0 for count)."""
        if self.method == "count":
            return self.count
        value = np.sqrt(self.squares / np.maximum(self.count, 1)) if self.method == "std" else self.value
        return np.where(self.count > 0, value, np.nan)


def run(
    dataset: xr.Dataset,
    variable: str | None = None,
    dimension: str | None = None,
    method: str = "mean",
    *,
    context: dragoman.Context,
) -> dict[str, Any]:
    """The variable without the dimension, as CF NetCDF with the coordinates that are left."""
    if method not in METHODS:
        raise dragoman.InputError("method", f"{method!r} is none of {', '.join(METHODS)}")
    source = chosen_variable(dataset, variable)
    dim = chosen_dimension(dataset, source, dimension)
    path = Path(context.scratch) / "result.nc"
    left = coordinates(dataset, source, dim)
    mapping = source.attrs.get("grid_mapping", source.encoding.get("grid_mapping"))
    if mapping in dataset.variables and dim not in dataset[mapping].dims:
        left[mapping] = dataset[mapping].variable
    write_netcdf(path, xr.Dataset(coords=left, attrs=attributes(dataset, source, dim, method)))
    with h5netcdf.File(path, "r+") as file:
        fill(file, source, dim, method, context)
    return {"result": path}


def coordinates(dataset: xr.Dataset, source: xr.DataArray, dim: str) -> dict[Any, xr.Variable]:
    """The coordinates that are left, with the bounds of their cells; who loses its bounds names none."""
    left: dict[Any, xr.Variable] = {}
    for name, coordinate in dataset.coords.items():
        if dim in coordinate.dims or not set(coordinate.dims) <= set(source.dims):
            continue
        left[name] = coordinate.variable.copy(deep=False)
        for attribute, bounds in bounds_of(coordinate.variable):
            if bounds in dataset.variables and dim not in dataset[bounds].dims:
                left[bounds] = dataset[bounds].variable
            else:
                left[name].attrs.pop(attribute, None)
                left[name].encoding.pop(attribute, None)
    return left


def bounds_of(variable: xr.Variable) -> list[tuple[str, str]]:
    """CF's attributes that name the bounds of a coordinate's cells, and what they name."""
    merged = {**variable.encoding, **variable.attrs}
    return [(key, merged[key]) for key in ("bounds", "climatology") if isinstance(merged.get(key), str)]


def fill(file: Any, source: xr.DataArray, dim: str, method: str, context: dragoman.Context) -> None:
    """Create the result's variable and write it block by block."""
    axis = source.dims.index(dim)
    dims = tuple(name for name in source.dims if name != dim)
    for name in dims:
        if name not in file.dimensions:
            file.dimensions[name] = source.sizes[name]
    chunks = chunk_shape(source.variable)
    budget = int(context.config.get("block_values", BLOCK_VALUES))
    block = block_shape(source.shape, chunks, last=axis, values=budget)
    kept = without(block, axis)
    target = create_variable(file, source, dims, method, kept)
    todo = list(blocks(without(source.shape, axis), kept))
    for done, place in enumerate(todo, start=1):
        reduction = Reduction(tuple(part.stop - part.start for part in place), method)
        for start in range(0, source.shape[axis], block[axis]):
            along = slice(start, start + block[axis])
            piece = source.variable[(*place[:axis], along, *place[axis:])].values
            reduction.add(piece, axis)
        target[place if place else ...] = reduction.result().astype(target.dtype)
        context.progress(100.0 * done / len(todo), f"{done} of {len(todo)} blocks")


def without(items: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The items but one."""
    return (*items[:axis], *items[axis + 1 :])


def create_variable(
    file: Any, source: xr.DataArray, dims: tuple[Any, ...], method: str, block: tuple[int, ...]
) -> Any:
    """The result's variable: int32 for count, float32 where the source is no finer, else float64."""
    exact = source.dtype == np.float32 and method != "sum"
    dtype = np.dtype(np.int32) if method == "count" else np.dtype(np.float32 if exact else np.float64)
    options: dict[str, Any] = {}
    if dims:
        shape = tuple(source.sizes[name] for name in dims)
        chunks = tuple(min(n, c, 1024) for n, c in zip(shape, block, strict=True))
        options = {"chunks": chunks, "compression": "gzip", "compression_opts": 1, "shuffle": True}
    fill_value = None if method == "count" else np.nan
    target = file.create_variable(str(source.name), dims, dtype, fillvalue=fill_value, **options)
    (dim,) = set(source.dims) - set(dims)
    for key, value in variable_attributes(source, str(dim), method).items():
        target.attrs[key] = value
    return target


def variable_attributes(source: xr.DataArray, dim: str, method: str) -> dict[str, Any]:
    """CF attributes of the reduced variable."""
    kept = ("long_name", "standard_name", "units", "grid_mapping", "coordinates")
    merged = {**source.encoding, **source.attrs}
    result = {key: merged[key] for key in kept if isinstance(merged.get(key), str)}
    words = [word for word in result.pop("coordinates", "").split() if word in source.coords]
    words = [word for word in words if dim not in source.coords[word].dims]
    if words:
        result["coordinates"] = " ".join(words)
    if method == "count":
        if "standard_name" in result:
            result["standard_name"] += " number_of_observations"
        result["units"] = "1"
    else:
        earlier = source.attrs.get("cell_methods", "")
        result["cell_methods"] = f"{earlier} {dim}: {METHODS[method]}".strip()
    return result


def chosen_variable(dataset: xr.Dataset, name: str | None) -> xr.DataArray:
    """The variable that was asked for, or the only one there is."""
    names = [str(key) for key, item in dataset.data_vars.items() if item.ndim and item.dtype.kind in "iuf"]
    known = ", ".join(names) or "none"
    if name is None:
        bounds = {named for item in dataset.variables.values() for _, named in bounds_of(item)}
        proper = [key for key in names if key not in bounds]
        if len(proper) != 1:
            held = ", ".join(proper) or "none"
            raise dragoman.InputError("variable", f"has to be given; the dataset holds {held}")
        return dataset[proper[0]]
    if name not in names:
        raise dragoman.InputError(
            "variable", f"{name!r} is no variable of numbers; the dataset holds {known}"
        )
    return dataset[name]


def chosen_dimension(dataset: xr.Dataset, source: xr.DataArray, name: str | None) -> str:
    """The dimension that was asked for, or the time axis."""
    dims = [str(dim) for dim in source.dims]
    known = f"'{source.name}' has {', '.join(dims)}"
    chosen = find_axis(dataset, dims, "T") if name is None else name
    if chosen is None:
        raise dragoman.InputError("dimension", f"has to be given: no time axis is found; {known}")
    if chosen not in dims:
        raise dragoman.InputError("dimension", f"{chosen!r} is no dimension of the variable; {known}")
    if not source.sizes[chosen]:
        raise dragoman.InputError("dimension", f"{chosen!r} is empty; there is nothing to reduce")
    if not source.size:
        empty = ", ".join(dim for dim in dims if not source.sizes[dim])
        raise dragoman.InputError("dataset", f"'{source.name}' holds no values: {empty} has the length 0")
    return chosen


def attributes(dataset: xr.Dataset, source: xr.DataArray, dim: str, method: str) -> dict[str, Any]:
    """Global attributes: those of the source, and how the result came about."""
    kept = {key: value for key, value in dataset.attrs.items() if key not in ("Conventions", "history")}
    step = f"{method} of {source.name} over {dim} by dragoman {dragoman.__version__}"
    earlier = str(dataset.attrs.get("history", "")).strip()
    return {**kept, "history": f"{step}\n{earlier}".strip()}
