"""Coordinate reference systems by name: the forms that clients write, and nothing that opens a file."""

from __future__ import annotations

import re

import pyproj
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError

from dragoman.errors import InvalidRequest

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
"""Longitude, latitude on WGS 84: what GeoJSON and an OGC bbox mean when they say nothing."""

TRANSFORM_ERRORS = (RasterioError, CPLE_BaseError, pyproj.exceptions.ProjError, ValueError, SystemError)
"""What rasterio and pyproj raise for a CRS that PROJ does not know, or a transformation that it cannot do.

SystemError is rasterio's where GDAL left an error behind that nobody asked for.
"""

_FORMS = (
    re.compile(r"^(?P<authority>EPSG|ESRI):(?P<code>\d{1,7})$", re.IGNORECASE),
    re.compile(r"^urn:ogc:def:crs:(?P<authority>EPSG|ESRI):[\d.]*:(?P<code>\d{1,7})$", re.IGNORECASE),
    re.compile(
        r"^https?://www\.opengis\.net/def/crs/(?P<authority>EPSG|ESRI)/[\d.]+/(?P<code>\d{1,7})$",
        re.IGNORECASE,
    ),
    re.compile(r"^\[(?P<authority>EPSG|ESRI):(?P<code>\d{1,7})\]$", re.IGNORECASE),
)
_CRS84_FORMS = re.compile(
    r"^(OGC:(1\.3:)?CRS84|CRS:?84|urn:ogc:def:crs:OGC:[\d.]*:CRS84"
    r"|https?://www\.opengis\.net/def/crs/OGC/[\d.]+/CRS84)$",
    re.IGNORECASE,
)


def parse_crs(text: str) -> CRS:
    """The CRS that ``EPSG:n``, ``ESRI:n``, CRS84, or their URN and URI forms name.

    Coordinates are x, y (longitude before latitude) whatever the authority's axis order is. CRS84
    becomes EPSG:4326, the same for us. Raises InvalidRequest for anything else: a PROJ string or
    WKT may name files; and for a CRS that has no places on a map (vertical, geocentric).
    """
    text = text.strip()
    if _CRS84_FORMS.match(text):
        return CRS.from_epsg(4326)
    for form in _FORMS:
        if match := form.match(text):
            try:
                crs = CRS.from_authority(match["authority"].upper(), int(match["code"]))
            except TRANSFORM_ERRORS as error:
                raise InvalidRequest(f"the CRS {text[:100]} is not known here") from error
            if not (crs.is_geographic or crs.is_projected):
                raise InvalidRequest(f"the CRS {text[:100]} is neither geographic nor projected")
            return crs
    raise InvalidRequest(
        f"{text[:100]!r} does not name a CRS; write EPSG:n, ESRI:n, or {CRS84} or another URI of that form"
    )


def northing_first(text: str) -> bool:
    """Whether coordinates that come with this name are told north before east (latitude first).

    So they are where a URI or URN names a CRS of such an axis order; the short forms and CRS84 are
    x before y. ``text`` has been accepted by parse_crs.
    """
    text = text.strip()
    if _CRS84_FORMS.match(text) or not text.lower().startswith(("urn:", "http")):
        return False
    for form in _FORMS:
        if match := form.match(text):
            axes = pyproj.CRS.from_authority(match["authority"].upper(), match["code"]).axis_info
            return [axis.direction for axis in axes[:2]] == ["north", "east"]
    return False


def crs_label(crs: CRS | None) -> str:
    """A short name to tell a person."""
    if not crs:
        return "no CRS"
    authority = crs.to_authority()
    if authority:
        return ":".join(authority)
    match = re.match(r'^\w+\["([^"]*)"', crs.to_wkt())
    return match[1] if match else "an unnamed CRS"
