"""Reading bands as they are stored, with a mask beside them: integers stay integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.rasters.windows import missing_cells, read_float

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from rasterio.windows import Window


def is_scaled(dataset: Any, band: int) -> bool:
    """Whether the values of a band (from 1) are to be multiplied or shifted before they mean anything."""
    return bool((dataset.scales[band - 1], dataset.offsets[band - 1]) != (1.0, 0.0))


def read_masked(dataset: Any, band: int, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """One band (from 1), shape (rows, cols), in its own type, and where it has no data; None: nowhere.

    A scaled band comes as floats. A NaN in a band whose nodata value is not NaN stays a value. Raises as
    ``read_float``.
    """
    if is_scaled(dataset, band):
        values = read_float(dataset, band, window)
        missing = np.isnan(values)
        return values, missing if missing.any() else None
    data: NDArray[Any] = dataset.read(band, window=window)
    nodata = dataset.nodatavals[band - 1]
    if data.dtype.kind == "f" and nodata is not None and np.isnan(nodata):
        missing = np.isnan(data)
    else:
        mask = missing_cells(dataset, band, window, data)
        if mask is None:
            return data, None
        missing = mask
    return data, missing if missing.any() else None


def read_bands(
    dataset: Any, bands: Sequence[int], window: Window
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Several bands, shape (bands, rows, cols), in the type that holds all of them; and where they have no data."""
    pairs = [read_masked(dataset, band, window) for band in bands]
    data = np.stack([values for values, _ in pairs])
    if all(mask is None for _, mask in pairs):
        return data, None
    shape = data.shape[1:]
    return data, np.stack([np.zeros(shape, bool) if mask is None else mask for _, mask in pairs])
