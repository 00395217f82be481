"""How a CRS may be named in a bbox, and which of its axes may cross the antimeridian."""

from __future__ import annotations

import pytest

from dragoman.rasters.crs import parse_crs
from dragoman.schemas.crs_names import longitude_axes
from dragoman.schemas.forms import expand
from dragoman.schemas.value_check import SchemaCheck

URI = "http://www.opengis.net/def/crs/"
CRS84 = [
    "",
    f"{URI}OGC/1.3/CRS84",
    f"{URI}OGC/0/CRS84h",
    f"{URI.replace('http', 'https')}OGC/1.3/CRS84",
    "urn:ogc:def:crs:OGC:1.3:CRS84",
    "urn:ogc:def:crs:OGC::CRS84",
    "urn:ogc:def:crs:OGC:0:CRS84h",
    "[OGC:CRS84]",
    "[OGC:CRS84h]",
    "OGC:CRS84",
    "CRS84",
    "CRS84h",
    "CRS:84",
]
LATITUDE_FIRST = [
    f"{URI}EPSG/0/4326",
    f"{URI}EPSG/9.9.1/4326",
    f"{URI}EPSG/0/4258",
    f"{URI}EPSG/0/4269",
    "urn:ogc:def:crs:EPSG::4326",
    "urn:ogc:def:crs:EPSG:6.6:4326",
    "URN:OGC:DEF:CRS:EPSG::4326",
]
LONGITUDE_FIRST = ["EPSG:4326", "epsg:4326", "[EPSG:4326]", "EPSG:4258", " EPSG:4326 "]
PROJECTED = ["EPSG:3857", f"{URI}EPSG/0/3857", "urn:ogc:def:crs:EPSG::31467", "[EPSG:32633]"]
ACROSS: list[float] = [170, -10, -170, 10]
SWAPPED: list[float] = [-10, 170, 10, -170]


def fits(corners: list[float], crs: str) -> bool:
    box = {"bbox": corners, "crs": crs} if crs else {"bbox": corners}
    return SchemaCheck(expand("bbox")[0]).findings(box) == []


@pytest.mark.parametrize(
    ("names", "longitude_first", "latitude_first"),
    [
        (CRS84, True, False),
        (LONGITUDE_FIRST, True, False),
        (LATITUDE_FIRST, False, True),
        (PROJECTED, False, False),
        (["EPSG:9999999", "my own"], True, True),
    ],
)
def test_a_box_crosses_the_antimeridian_along_its_longitude(
    names: list[str], longitude_first: bool, latitude_first: bool
) -> None:
    for name in names:
        assert fits(ACROSS, name) is longitude_first, name
        assert fits(SWAPPED, name) is latitude_first, name
        assert fits([1, 2, 3, 4], name), name
        assert not fits([3, 4, 1, 2], name), name
        assert not fits([1, 2, 9, 3, 4, 8], name), name


@pytest.mark.parametrize("name", [name for name in (*CRS84, *LATITUDE_FIRST, *LONGITUDE_FIRST) if name])
def test_each_is_a_crs_for_rasters_as_well(name: str) -> None:
    assert parse_crs(name).is_geographic


def test_the_name_s_ending_tells_nothing() -> None:
    """A projected CRS of an authority whose URI happens to end alike."""
    assert longitude_axes(f"{URI}EPSG/0/4326") == (1,)
    assert longitude_axes("https://example.org/EPSG/0/4326") == (0, 1)
