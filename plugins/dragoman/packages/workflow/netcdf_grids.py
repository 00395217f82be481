"""Where the cells of a NetCDF variable lie, by the CF conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError

from dragoman.rasters.grids import Grid
from dragoman.rasters.netcdf import find_axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_TOLERANCE = 0.01
"""Of a step, by which coordinates may be off an even one."""


def north_last(dataset: Any, array: Any) -> bool:
    """Whether the rows of a variable go from south to north."""
    y = _centres(dataset, array, -2)
    return y is not None and len(y) > 1 and bool(y[-1] > y[0])


def grid_of(dataset: Any, array: Any) -> Grid | None:
    """The grid of a variable's last two axes, north up; None where the file does not tell, or the steps differ."""
    if (find_axis(dataset, array.dims, "X"), find_axis(dataset, array.dims, "Y")) != array.dims[:-3:-1]:
        return None
    x, y = _centres(dataset, array, -1), _centres(dataset, array, -2)
    if x is None or y is None:
        return None
    across, down = _step(x), _step(y)
    if across is None or down is None:
        return None
    top = max(y[0], y[-1]) + abs(down) / 2
    transform = Affine(across, 0, x[0] - across / 2, 0, -abs(down), top)
    return Grid(crs=_crs(dataset, array), transform=transform, width=len(x), height=len(y))


def _centres(dataset: Any, array: Any, axis: int) -> NDArray[np.float64] | None:
    name = array.dims[axis]
    if name not in dataset.coords or dataset[name].ndim != 1 or dataset[name].dtype.kind not in "iuf":
        return None
    return np.asarray(dataset[name].values, dtype=np.float64)


def _step(centres: NDArray[np.float64]) -> float | None:
    """The even step of coordinates; None where they have none."""
    if len(centres) < 2:
        return None
    step = float(centres[-1] - centres[0]) / (len(centres) - 1)
    even = step != 0 and np.allclose(np.diff(centres), step, rtol=0, atol=STEP_TOLERANCE * abs(step))
    return step if even else None


def _crs(dataset: Any, array: Any) -> CRS | None:
    mapping = array.attrs.get("grid_mapping") or array.encoding.get("grid_mapping")
    attributes = dataset[mapping].attrs if mapping in dataset.variables else {}
    text = attributes.get("crs_wkt") or attributes.get("spatial_ref")
    try:
        if text:
            return CRS.from_wkt(str(text))
    except CRSError:
        return None
    units = str(dataset[array.dims[-1]].attrs.get("units", "")).lower()
    return CRS.from_epsg(4326) if units.startswith("degree") else None
