"""Files as cells of expressions: rasters by windows, variables of NetCDF files by their last two axes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.errors import InvalidRequest
from dragoman.expressions.blocks import Block
from dragoman.expressions.cells import Cells
from dragoman.rasters.grids import Grid
from dragoman.rasters.masked_reading import is_scaled, read_bands, read_masked
from dragoman.rasters.opening import dtype_of, gdal_env, open_raster
from dragoman.rasters.windows import float_type, is_striped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rasterio.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RasterSource:
    """Bands of a raster; see ``dragoman.expressions.cells.Source``."""

    path: Path
    bands: tuple[int, ...]
    """From 1; a single one has no axis of its own."""
    input_id: str | None
    striped: bool

    @contextmanager
    def open(self) -> Iterator[Any]:
        """A handle for one thread."""
        with gdal_env(), open_raster(self.path, input_id=self.input_id) as dataset:
            yield dataset

    def read(self, handle: Any, window: Window) -> Block:
        """A window of it in its own type."""
        if len(self.bands) == 1:
            data, mask = read_masked(handle, self.bands[0], window)
        else:
            data, mask = read_bands(handle, self.bands, window)
        return Block(data=data, mask=mask)


def raster_cells(
    path: Path, *, input_id: str | None = None, max_pixels: int | None = None, bands: Sequence[int] = ()
) -> Cells:
    """A raster as cells: (rows, cols) of one band, (bands, rows, cols) of several; ``bands`` (from 1): not all.

    Raises InvalidRequest for what is no raster that is read here.
    """
    with open_raster(path, input_id=input_id, max_pixels=max_pixels) as dataset:
        chosen = tuple(bands) or tuple(range(1, dataset.count + 1))
        scaled = [is_scaled(dataset, band) for band in chosen]
        types = (
            [np.dtype(float_type(dataset, band)) for band in chosen] if any(scaled) else [dtype_of(dataset)]
        )
        return Cells(
            lead=(len(chosen),) if len(chosen) > 1 else (),
            rows=dataset.height,
            cols=dataset.width,
            dtype=np.result_type(*types),
            maskable=True,
            grid=Grid.of(dataset),
            source=RasterSource(path=path, bands=chosen, input_id=input_id, striped=is_striped(dataset)),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetcdfSource:
    """A variable of a NetCDF file; see ``dragoman.expressions.cells.Source``."""

    path: Path
    variable: str
    input_id: str | None
    lead: tuple[int, ...]
    """Items of its first axes, one for each, that alone are read."""
    north_last: bool
    """Whether its rows go from south to north; they are given from north to south, as a raster's are."""
    rows: int
    striped: bool = False

    @contextmanager
    def open(self) -> Iterator[Any]:
        """A handle for one thread."""
        from dragoman.rasters.netcdf_opening import open_dataset  # xarray, where a NetCDF file is read

        with open_dataset(self.path, input_id=self.input_id) as dataset:
            yield dataset[self.variable].variable

    def read(self, handle: Any, window: Window) -> Block:
        """A window of it; NaN is what is missing."""
        rows, cols = window.toslices()
        if self.north_last:
            rows = slice(self.rows - rows.stop, self.rows - rows.start)
        data = np.asarray(handle[(*self.lead, ..., rows, cols)].values)
        if self.north_last:
            data = data[..., ::-1, :]
        missing = np.isnan(data) if data.dtype.kind == "f" else None
        return Block(data=data, mask=missing if missing is not None and missing.any() else None)


def netcdf_cells(
    path: Path,
    variable: str | None,
    *,
    input_id: str | None = None,
    max_pixels: int | None = None,
    lead: tuple[int, ...] = (),
) -> Cells | Block:
    """A variable of a NetCDF file; None: the only one with rows and columns. ``lead``: items of its first axes.

    A variable of one axis comes as an array in memory. Raises InvalidRequest, which names what there is.
    """
    from dragoman.rasters.netcdf_opening import open_dataset

    with open_dataset(path, max_values=max_pixels, input_id=input_id) as dataset:
        name = _variable(dataset, variable)
        array = dataset[name]
        if array.dtype.kind not in "biuf":
            raise InvalidRequest(f"the variable '{name}' holds no numbers")
        if array.ndim < 2:
            return Block.of(np.ma.masked_invalid(array.values) if array.dtype.kind == "f" else array.values)
        return _cells(path, dataset, array, input_id, lead)


def _cells(path: Path, dataset: Any, array: Any, input_id: str | None, lead: tuple[int, ...]) -> Cells:
    from dragoman.packages.workflow.netcdf_grids import grid_of, north_last

    rows, cols = array.shape[-2:]
    source = NetcdfSource(
        path=path,
        variable=str(array.name),
        input_id=input_id,
        lead=lead,
        north_last=north_last(dataset, array),
        rows=rows,
    )
    return Cells(
        lead=array.shape[len(lead) : -2],
        rows=rows,
        cols=cols,
        dtype=array.dtype,
        maskable=array.dtype.kind == "f",
        grid=grid_of(dataset, array),
        source=source,
    )


def _variable(dataset: Any, name: str | None) -> str:
    known = [str(each) for each, variable in dataset.data_vars.items() if variable.ndim > 0]
    if name is None:
        planes = [each for each in known if dataset[each].ndim >= 2]
        if len(planes) == 1:
            return planes[0]
        raise InvalidRequest(
            f"the file has the variables {', '.join(planes) or 'none'}; allowed: one, or name one"
        )
    if name not in dataset.variables or dataset[name].ndim == 0:
        raise InvalidRequest(f"there is no variable '{name[:80]}'; allowed: {', '.join(known) or 'none'}")
    return name
