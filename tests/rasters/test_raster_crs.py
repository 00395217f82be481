from __future__ import annotations

import pytest
from rasterio.crs import CRS

from dragoman.errors import InvalidRequest
from dragoman.rasters.crs import CRS84, crs_label, northing_first, parse_crs


@pytest.mark.parametrize(
    ("text", "epsg", "swapped"),
    [
        ("EPSG:4326", 4326, False),
        (" epsg:3857 ", 3857, False),
        ("urn:ogc:def:crs:EPSG::32633", 32633, False),
        ("urn:ogc:def:crs:EPSG:9.9:4326", 4326, True),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", 4326, True),
        ("https://www.opengis.net/def/crs/EPSG/0/3857", 3857, False),
        ("[EPSG:4326]", 4326, False),
        (CRS84, 4326, False),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", 4326, False),
        ("OGC:CRS84", 4326, False),
    ],
)
def test_the_names_that_clients_write(text: str, epsg: int, swapped: bool) -> None:
    assert parse_crs(text) == CRS.from_epsg(epsg)
    assert northing_first(text) is swapped


def test_an_esri_code() -> None:
    assert crs_label(parse_crs("ESRI:54009")) == "ESRI:54009"


@pytest.mark.parametrize("text", ["EPSG:5773", "EPSG:4978"])
def test_what_has_no_place_on_a_map_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="neither geographic nor projected"):
        parse_crs(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4326",
        "/etc/passwd",
        "http://localhost:1/crs",
        "+proj=longlat +nadgrids=/etc/passwd",
        'GEOGCS["x"]',
        "EPSG:4326+EPSG:5773",
        "EPSG:99999",
        "/vsicurl/http://localhost/x",
        "EPSG:99999999999",
    ],
)
def test_nothing_else_is_looked_up(text: str) -> None:
    with pytest.raises(InvalidRequest, match="CRS"):
        parse_crs(text)


def test_labels() -> None:
    assert crs_label(None) == "no CRS"
    assert crs_label(CRS.from_epsg(3857)) == "EPSG:3857"
    assert crs_label(CRS.from_string('LOCAL_CS["mine",UNIT["metre",1]]')) == "mine"
