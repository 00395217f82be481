from __future__ import annotations

import pytest
from rasterio.crs import CRS

from dragoman.rasters.crs_comparison import labels_apart, same_ground


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("EPSG:32633", "EPSG:32633+5773", True),
        ("EPSG:4326", "EPSG:4326+5773", True),
        ("EPSG:31370", "+proj=utm +zone=33", False),
        ("EPSG:32633", "EPSG:32634", False),
        ("EPSG:32633+5773", "EPSG:32634+5773", False),
    ],
)
def test_heights_move_no_pixel(one: str, other: str, same: bool) -> None:
    assert same_ground(CRS.from_user_input(one), CRS.from_user_input(other)) is same


def test_a_way_to_wgs_84_moves_no_pixel() -> None:
    wkt = CRS.from_epsg(31370).to_wkt(version="WKT1_GDAL")
    ellipsoid = wkt[wkt.index("SPHEROID[") : wkt.index("]]", wkt.index("SPHEROID[")) + 2]
    told = wkt.replace(
        ellipsoid, f"{ellipsoid},TOWGS84[-106.8686,52.2978,-103.7239,0.3366,-0.457,1.8422,-1.2747]"
    )
    assert told != wkt
    assert same_ground(CRS.from_epsg(31370), CRS.from_wkt(told))


def test_no_crs_is_another_than_any() -> None:
    assert same_ground(None, None)
    assert not same_ground(None, CRS.from_epsg(4326))


def test_crs_of_one_name_are_told_apart() -> None:
    one, other = (CRS.from_string(f"+proj=utm +zone={zone} +ellps=bessel +no_defs") for zone in (33, 34))
    first, second = labels_apart(one, other)
    assert first != second
    assert labels_apart(CRS.from_epsg(4326), None) == ("EPSG:4326", "no CRS")
