"""How clients write the name of a coordinate reference system, and which axis of it is the longitude."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
"""Longitude, latitude on WGS 84: what GeoJSON and an OGC bbox mean when they say nothing."""

_CODE: Final = r"(?P<authority>EPSG|ESRI)%s(?P<code>\d{1,7})"
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (
        _CODE % ":",
        r"urn:ogc:def:crs:" + _CODE % r":[\d.]*:",
        r"https?://www\.opengis\.net/def/crs/" + _CODE % r"/[\d.]+/",
        rf"\[{_CODE % ':'}\]",
    )
)
_CRS84: Final = re.compile(
    r"(OGC:(1\.3:)?CRS84h?|\[OGC:CRS84h?\]|CRS:?84h?|urn:ogc:def:crs:OGC:[\d.]*:CRS84h?"
    r"|https?://www\.opengis\.net/def/crs/OGC/[\d.]+/CRS84h?)",
    re.IGNORECASE | re.ASCII,
)
"""CRS84, and with heights CRS84h: the two that bbox.yaml of OGC 18-062r2 lists."""


def is_crs84(name: str) -> bool:
    """Whether the name is one of CRS84, or of CRS84h, whose first two axes are the same."""
    return _CRS84.fullmatch(name.strip()) is not None


def authority_code(name: str) -> tuple[str, str] | None:
    """Authority (EPSG, ESRI) and code of ``EPSG:n``, ``[EPSG:n]``, a URN or a URI; None for any other name."""
    matches = (form.fullmatch(name.strip()) for form in _FORMS)
    return next(((match["authority"].upper(), match["code"]) for match in matches if match), None)


@lru_cache(maxsize=256)
def longitude_axes(name: str) -> tuple[int, ...]:
    """The axes (0, 1) of coordinates that come with this name which may be the longitude; none if it is projected.

    A URI or a URN tells coordinates in the order of the CRS itself; a short name, as does CRS84, x before y. Of a name
    that is not known either may be.
    """
    if not name.strip() or is_crs84(name):
        return (0,)
    code = authority_code(name)
    axes = _directions(*code) if code else None
    if axes is None:
        return (0, 1)
    if "geographic" not in axes:
        return ()
    return (1,) if northing_first(name) else (0,)


def northing_first(name: str) -> bool:
    """Whether coordinates that come with this name are told north before east, latitude first.

    So they are where a URI or URN names a CRS of such an axis order; the short forms and CRS84 are x before y.
    """
    code = authority_code(name)
    if code is None or not name.strip().lower().startswith(("urn:", "http")):
        return False
    return (_directions(*code) or ())[:2] == ("north", "east")


def _directions(authority: str, code: str) -> tuple[str, ...] | None:
    """Where the axes point, in the authority's order, and ``geographic`` if they are angles; None if not known."""
    import pyproj  # here, since an ordinary request names no CRS but CRS84
    from pyproj.exceptions import CRSError

    try:
        crs = pyproj.CRS.from_authority(authority, code)
    except CRSError:
        return None
    return (*(axis.direction for axis in crs.axis_info), *(("geographic",) if crs.is_geographic else ()))
