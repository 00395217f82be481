"""What GDAL may do in a process that runs packages, whoever calls it: an algorithm's rasterio, pyogrio, gdalwarp.

A driver that takes the names of other files, or of servers, out of the file that it is given is not there. So an input
cannot make an algorithm read what its sender may not. VRT stays, since rasterio needs it to read beyond an edge;
an input that is one is refused (``file_guard``). Imports nothing: GDAL reads the environment when it is first used.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping

NETWORK: Final = [
    "CSW",
    "DAAS",
    "EEDA",
    "EEDAI",
    "HTTP",
    "OAPIF",
    "OGCAPI",
    "PLMOSAIC",
    "PLSCENES",
    "STACIT",
    "STACTA",
    "WCS",
    "WFS",
    "WMS",
    "WMTS",
]
"""Drivers of documents that name servers."""

OTHER_FILES: Final = [
    "ADRG",
    "DERIVED",
    "DIMAP",
    "ECRGTOC",
    "EIR",
    "ERS",
    "FAST",
    "GMLAS",
    "GNMDatabase",
    "GNMFile",
    "GTI",
    "ILWIS",
    "ISIS2",
    "ISIS3",
    "KMLSUPEROVERLAY",
    "MAP",
    "MiraMonRaster",
    "MRF",
    "NDF",
    "OGR_VRT",
    "PAux",
    "PCIDSK",
    "PDS",
    "PDS4",
    "PRF",
    "RCM",
    "RPFTOC",
    "RS2",
    "SAFE",
    "SENTINEL2",
    "SNODAS",
    "SRP",
    "TIL",
    "TSX",
    "Zarr",
]
"""Drivers of files that may name any other file, which is then read as pixels or as a dataset of its own."""

OPTIONS: Final = {
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GML_DOWNLOAD_SCHEMA": "NO",
}
"""No network through /vsicurl/ and its kin, no code in files, no packed bytes for a damaged PNG's pixels; where the
operator has not set another value."""


def limit_gdal(environment: MutableMapping[str, str]) -> None:
    """Limit the GDAL of this process, and of what it starts; to be called before GDAL is used, and before a package."""
    skipped = environment.get("GDAL_SKIP", "")
    before = skipped.split("," if "," in skipped else None)
    environment["GDAL_SKIP"] = ",".join(dict.fromkeys([*before, *NETWORK, *OTHER_FILES]))
    for name, value in OPTIONS.items():
        environment.setdefault(name, value)
    logger = logging.getLogger("rasterio._env")
    if _tells not in logger.filters:
        logger.addFilter(_tells)


def _tells(record: logging.LogRecord) -> bool:
    """Whether a line is worth a place in a job's log: not that this GDAL never had a driver that is skipped."""
    return "to unload from GDAL_SKIP" not in record.getMessage()
