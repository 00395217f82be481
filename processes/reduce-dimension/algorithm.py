"""Reduce a NetCDF variable over one dimension, by blocks of whole chunks: each chunk is read once."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import h5netcdf
import numpy as np
import xarray as xr

import dragoman
from dragoman.rasters.netcdf import block_shape, blocks, chunk_shape, find_axis
from dragoman.rasters.netcdf_opening import grouped_numbers, open_dataset, unread_type
from dragoman.rasters.netcdf_reading import NumbersReader, numbers_reader
from dragoman.rasters.reductions import Reduction
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


CHUNKED_VALUES = 1 << 22
"""Values read at once by each thread where the file is stored in chunks, whole ones."""
CONTIGUOUS_VALUES = 1 << 20
"""Where it is not: as many as stay in the processor's cache."""
CONTIGUOUS_BESIDE = 1 << 17
"""Of these, values along all dimensions but the reduced one: what lies in one row is read in one go."""
THREADS = 2
LARGE_BLOCK = 1 << 24
"""Values of a block that one thread reads alone, so that memory stays flat."""


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
    with ExitStack() as stack:
        dataset, variable = within_group(dataset, variable, stack)
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


def within_group(
    dataset: xr.Dataset, variable: str | None, stack: ExitStack
) -> tuple[xr.Dataset, str | None]:
    """The dataset of the group that the variable is in, and its name there: ``group/name``.

    Without a name, the only variable of numbers where it is in a group.
    """
    if variable is None and not proper_numbers(dataset):
        names = grouped_numbers(dataset)
        if len(names) != 1:
            return dataset, None
        variable = names[0]
    if variable is None or variable in dataset.variables:
        return dataset, variable
    group, _, name = variable.strip("/").rpartition("/")
    if f"{group}/{name}" not in grouped_numbers(dataset):
        return dataset, variable
    opened = open_dataset(Path(dataset.encoding["source"]), group=group, input_id="dataset")
    return stack.enter_context(opened), name


def coordinates(dataset: xr.Dataset, source: xr.DataArray, dim: str) -> dict[Any, xr.Variable]:
    """The coordinates that are left, with the bounds of their cells; who loses its bounds names none."""
    left: dict[Any, xr.Variable] = {}
    for name, coordinate in dataset.coords.items():
        gone = dim in coordinate.dims or not set(coordinate.dims) <= set(source.dims)
        if gone or name == source.name:
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


class Piece(NamedTuple):
    """What one thread reduces."""

    place: tuple[slice, ...]
    """In the result."""
    along: tuple[slice, ...]
    """Of the reduced dimension: what is read at once, in order."""
    last: bool
    """Whether it is the last one of its place."""


def fill(file: Any, source: xr.DataArray, dim: str, method: str, context: dragoman.Context) -> None:
    """Create the result's variable and write it place by place."""
    axis = source.dims.index(dim)
    dims = tuple(name for name in source.dims if name != dim)
    for name in dims:
        if name not in file.dimensions:
            file.dimensions[name] = source.sizes[name]
    block = read_block(source, axis, context)
    kept = without(block, axis)
    target = create_variable(file, source, dims, method, kept)
    places = list(blocks(without(source.shape, axis), kept))
    threads = 1 if math.prod(block) > LARGE_BLOCK else THREADS
    length = source.shape[axis]
    along = [slice(start, min(start + block[axis], length)) for start in range(0, length, block[axis])]
    with numbers_reader(source.variable) as reader:
        results = reduced(reader, pieces_of(places, along), axis, method, threads)
        for done, (place, values) in enumerate(results, start=1):
            target[place if place else ...] = values.astype(target.dtype)
            context.progress(100.0 * done / len(places), f"{done} of {len(places)} blocks")


def pieces_of(places: list[tuple[slice, ...]], along: list[slice]) -> Iterator[Piece]:
    """A piece for each place; more where the places are too few to keep the threads busy."""
    share = len(along) if len(places) >= 2 * THREADS else max(1, len(along) // (4 * THREADS))
    for place in places:
        for start in range(0, len(along), share):
            yield Piece(place, tuple(along[start : start + share]), start + share >= len(along))


def read_block(source: xr.DataArray, axis: int, context: dragoman.Context) -> tuple[int, ...]:
    """Lengths of what is read at once."""
    chunked = source.encoding.get("chunksizes") is not None and not source.encoding.get("contiguous")
    default = CHUNKED_VALUES if chunked else CONTIGUOUS_VALUES
    values = int(context.config.get("block_values", default))
    beside = None if chunked else CONTIGUOUS_BESIDE
    return block_shape(source.shape, chunk_shape(source.variable), last=axis, values=values, beside=beside)


def reduced(
    reader: NumbersReader, pieces: Iterator[Piece], axis: int, method: str, threads: int
) -> Iterator[tuple[tuple[slice, ...], Any]]:
    """Each place with its values, in order; pieces are reduced by threads and merged in their order."""
    ahead = list(islice(pieces, 2))
    if len(ahead) == 1:  # no threads for what there is just one of
        part = one_piece(reader, ahead[0], axis, method)
        yield ahead[0].place, part.result().reshape(_lengths(ahead[0].place))
        return
    pieces = chain(ahead, pieces)
    with ThreadPoolExecutor(threads, "reduce") as pool:
        waiting: deque[tuple[Piece, Future[Reduction]]] = deque()
        whole: Reduction | None = None
        try:
            while True:
                while len(waiting) < 2 * threads and (piece := next(pieces, None)) is not None:
                    waiting.append((piece, pool.submit(one_piece, reader, piece, axis, method)))
                if not waiting:
                    return
                piece, future = waiting.popleft()
                part = future.result()
                if whole is None:
                    whole = part
                else:
                    whole.merge(part)
                if piece.last:
                    yield piece.place, whole.result().reshape(_lengths(piece.place))
                    whole = None
        finally:
            for _, future in waiting:
                future.cancel()


def one_piece(reader: NumbersReader, piece: Piece, axis: int, method: str) -> Reduction:
    """Read and reduce one piece."""
    lengths = _lengths(piece.place)
    before, after = math.prod(lengths[:axis]), math.prod(lengths[axis:])
    reduction = Reduction(method, (before, after))
    stored = None
    with reader.reading():
        for along in piece.along:
            stored = reader.read((*piece.place[:axis], along, *piece.place[axis:]), stored)
            reduction.add(stored.reshape(before, -1, after), reader.decoder)
    return reduction


def _lengths(place: tuple[slice, ...]) -> list[int]:
    return [part.stop - part.start for part in place]


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
        if not source.encoding.get(
            "contiguous"
        ):  # who keeps files uncompressed wants them read and written fast
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


def proper_numbers(dataset: xr.Dataset) -> list[str]:
    """Names of the variables of numbers that are neither coordinates nor bounds of any."""
    bounds = {named for item in dataset.variables.values() for _, named in bounds_of(item)}
    names = [str(key) for key, item in dataset.data_vars.items() if item.ndim and item.dtype.kind in "iuf"]
    return [name for name in names if name not in bounds]


def chosen_variable(dataset: xr.Dataset, name: str | None) -> xr.DataArray:
    """The variable that was asked for, or the only one there is."""
    if name is None:
        proper = proper_numbers(dataset)
        if len(proper) != 1:
            raise dragoman.InputError("variable", f"has to be given; the dataset holds {held(dataset)}")
        name = proper[0]
    chosen = dataset.variables.get(name)
    if chosen is None or not chosen.ndim or chosen.dtype.kind not in "iuf":
        raise dragoman.InputError("variable", unfit(dataset, name))
    twice = sorted({str(dim) for dim in chosen.dims if chosen.dims.count(dim) > 1})
    if twice:
        raise dragoman.InputError(
            "variable", f"{name!r} has the dimension {twice[0]} twice, which cannot be reduced"
        )
    return dataset[name]


def held(dataset: xr.Dataset) -> str:
    """The variables of numbers, those in groups too, in words."""
    return ", ".join([*proper_numbers(dataset), *grouped_numbers(dataset)]) or "none"


def unfit(dataset: xr.Dataset, name: str) -> str:
    """Why that variable cannot be reduced."""
    variable, odd = dataset.variables.get(name), unread_type(dataset, name)
    why = ""
    if odd is not None:
        why = f": it holds {odd}, which are not read"
    elif variable is not None and not variable.ndim:
        why = ": it is a single value, without dimensions"
    elif variable is not None:
        why = f": it holds {'times' if variable.dtype.kind in 'mM' else 'texts or dates'}"
    return f"{name!r} is no variable of numbers{why}; the dataset holds {held(dataset)}"


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
