"""Coordinate reference systems by name: the forms that clients write, and nothing that opens a file."""

from __future__ import annotations

import re

from pyproj.exceptions import ProjError
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError

from dragoman.errors import InvalidRequest
from dragoman.schemas.crs_names import CRS84 as CRS84  # for algorithms, beside parse_crs
from dragoman.schemas.crs_names import authority_code, is_crs84
from dragoman.schemas.crs_names import northing_first as northing_first

TRANSFORM_ERRORS = (RasterioError, CPLE_BaseError, ProjError, ValueError, SystemError)
"""What rasterio and pyproj raise for a CRS that PROJ does not know, or a transformation that it cannot do.

SystemError is rasterio's where GDAL left an error behind that nobody asked for.
"""


def parse_crs(text: str) -> CRS:
    """The CRS that ``EPSG:n``, ``ESRI:n``, CRS84, or their URN and URI forms name.

    Coordinates are x, y (longitude before latitude) whatever the authority's axis order is. CRS84
    becomes EPSG:4326, the same for us. Raises InvalidRequest for anything else: a PROJ string or
    WKT may name files; and for a CRS that has no places on a map (vertical, geocentric).
    """
    text = text.strip()
    if is_crs84(text):
        return CRS.from_epsg(4326)
    named = authority_code(text)
    if named is not None:
        authority, code = named
        try:
            crs = CRS.from_authority(authority, int(code))
        except TRANSFORM_ERRORS as error:
            raise InvalidRequest(f"the CRS {text[:100]} is not known here") from error
        if not (crs.is_geographic or crs.is_projected):
            raise InvalidRequest(f"the CRS {text[:100]} is neither geographic nor projected")
        return crs
    raise InvalidRequest(
        f"{text[:100]!r} does not name a CRS; write EPSG:n, ESRI:n, or {CRS84} or another URI of that form"
    )


def crs_label(crs: CRS | None) -> str:
    """A short name to tell a person."""
    if not crs:
        return "no CRS"
    authority = crs.to_authority()
    if authority:
        return ":".join(authority)
    match = re.match(r'^\w+\["([^"]*)"', crs.to_wkt())
    return match[1] if match else "an unnamed CRS"
