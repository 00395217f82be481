"""Small rasters as nested lists, for clients that read no raster format."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from dragoman.schemas.media_types import essence

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.model.job import Output
    from dragoman.model.process import JSON

LISTED: Final = 1000
"""Values of all bands from which on a raster is not listed, as the real ncdjango prints no array of so many."""


def listed(output: Output, folder: Path) -> Output:
    """The output with its values as lists, if it is a small GeoTIFF; of a list, each of its items."""
    if output.items:
        return replace(output, items=tuple(listed(item, folder) for item in output.items))
    if output.file is None or essence(output.media_type) != "image/tiff":
        return output
    return replace(output, lists=_values(folder / output.file))


def _values(path: Path) -> JSON:
    """Rows of values, or bands of rows; null is what is missing, or no finite number. None: there are too many."""
    import numpy as np  # where a raster is listed
    from rasterio.windows import Window

    from dragoman.rasters.masked_reading import read_bands
    from dragoman.rasters.opening import gdal_env, open_raster

    with gdal_env(), open_raster(path, complex_values=True) as dataset:
        if dataset.width * dataset.height * dataset.count >= LISTED:
            return None
        if any(name.startswith("complex") for name in dataset.dtypes):
            return None
        window = Window(0, 0, dataset.width, dataset.height)
        data, mask = read_bands(dataset, range(1, dataset.count + 1), window)
    values: Any = np.ma.MaskedArray(data, np.ma.nomask if mask is None else mask)
    if data.dtype.kind == "f":
        values = np.ma.masked_invalid(values)
    return (values[0] if len(data) == 1 else values).tolist()
