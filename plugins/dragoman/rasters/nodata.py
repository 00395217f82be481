"""Nodata values with all their digits: of 64-bit integers too, which rasterio tells and takes as float64."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.enums import MaskFlags

from dragoman.rasters.scaling import EXACT_INTEGERS

if TYPE_CHECKING:
    from collections.abc import Mapping

type Nodata = int | float | None

_GDAL_TYPES = {"int64": "Int64", "uint64": "UInt64"}


def nodata_of(dataset: Any) -> Nodata:
    """The nodata value of an open dataset; an int with all its digits where the values are 64-bit integers."""
    if not _GDAL_TYPES.keys() & set(dataset.dtypes):
        value: Nodata = dataset.nodata
        return value
    if MaskFlags.nodata not in dataset.mask_flag_enums[0]:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "header.vrt"  # GDAL writes what the file says; no pixel is read
        rasterio.shutil.copy(dataset, path, driver="VRT")
        told = re.search(r"<NoDataValue>([^<]+)</NoDataValue>", path.read_text("utf-8"))
    if told is None:
        return None
    return int(told[1]) if re.fullmatch(r"-?\d+", told[1]) else float(told[1])


def is_long(nodata: Nodata) -> bool:
    """Whether rasterio would lose digits of a nodata value."""
    return isinstance(nodata, int) and abs(nodata) > EXACT_INTEGERS


def create_with_long_nodata(path: Path, profile: Mapping[str, Any]) -> Any:
    """A new GeoTIFF of that profile, open for writing, whose nodata value is a long integer; the caller closes it."""
    options = {**profile, "sparse_ok": "TRUE"}
    width, height, count, dtype, nodata = (
        options.pop(key) for key in ("width", "height", "count", "dtype", "nodata")
    )
    crs, transform = options.pop("crs", None), options.pop("transform", None)
    placed = f"<GeoTransform>{', '.join(map(repr, transform.to_gdal()))}</GeoTransform>" if transform else ""
    band = f'<VRTRasterBand dataType="{_GDAL_TYPES[np.dtype(dtype).name]}" band="{{}}">'
    bands = "".join(
        f"{band.format(number)}<NoDataValue>{nodata}</NoDataValue></VRTRasterBand>"
        for number in range(1, count + 1)
    )
    named = f"<SRS>{escape(crs.to_wkt())}</SRS>" if crs else ""
    size = f'rasterXSize="{width}" rasterYSize="{height}"'
    with tempfile.TemporaryDirectory() as folder:
        header = Path(folder) / "header.vrt"  # without sources: its copy is a file without pixels
        header.write_text(f"<VRTDataset {size}>{named}{placed}{bands}</VRTDataset>", "utf-8")
        with rasterio.open(header, driver="VRT") as empty:
            rasterio.shutil.copy(empty, path, **options)
    return rasterio.open(path, "r+")
