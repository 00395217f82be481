"""One band of an open GeoTIFF as a dataset of its own: a warp calculates every band of what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from rasterio.enums import MaskFlags

if TYPE_CHECKING:
    from collections.abc import Mapping

_GDAL_TYPES: Final[Mapping[str, str]] = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "uint64": "UInt64",
    "int64": "Int64",
    "float32": "Float32",
    "float64": "Float64",
}


def is_better_alone(dataset: Any, band: int) -> bool:
    """Whether the band has others beside it and needs none of them: a mask of the file is read with all its bands."""
    flags = set(dataset.mask_flag_enums[band - 1])
    masked = bool(flags & {MaskFlags.per_dataset, MaskFlags.alpha})
    return dataset.count > 1 and not masked and np.dtype(dataset.dtypes[band - 1]).name in _GDAL_TYPES


def open_alone(dataset: Any, path: str, overview: int | None, band: int) -> Any:
    """The band as the one band of a virtual raster on the same grid; ``overview`` is the level that ``dataset`` shows.

    The caller closes it; raises RasterioError.
    """
    return rasterio.open(_description(dataset, path, overview, band), driver="VRT", sharing=False)


def _description(dataset: Any, path: str, overview: int | None, band: int) -> str:
    nodata = dataset.nodatavals[band - 1]
    absent = "" if nodata is None else f"<NoDataValue>{nodata!r}</NoDataValue>"
    level = "" if overview is None else f'<OOI key="OVERVIEW_LEVEL">{overview}</OOI>'
    place = ", ".join(map(repr, dataset.transform.to_gdal()))
    crs = f"<SRS>{escape(dataset.crs.to_wkt())}</SRS>" if dataset.crs else ""
    return (
        f'<VRTDataset rasterXSize="{dataset.width}" rasterYSize="{dataset.height}">'
        f"{crs}<GeoTransform>{place}</GeoTransform>"
        f'<VRTRasterBand dataType="{_GDAL_TYPES[np.dtype(dataset.dtypes[band - 1]).name]}" band="1">{absent}'
        f'<SimpleSource><SourceFilename relativeToVRT="0" shared="0">{escape(path)}</SourceFilename>'
        f"<OpenOptions>{level}</OpenOptions><SourceBand>{band}</SourceBand></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )
