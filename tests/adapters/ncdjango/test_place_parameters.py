"""What a box is in whose reference system is left out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyproj import CRS

from dragoman.adapters.ncdjango.place_parameters import reference_of_point, unnamed_reference
from dragoman.errors import InvalidQueryParameter
from dragoman.maps.places import WEB_MERCATOR
from dragoman.model.map_service import MapGrid, MapService

DEGREES = CRS("EPSG:4326").to_wkt()
UTM33 = CRS("EPSG:32633").to_wkt()
GREECE_CRS = CRS("EPSG:3035").to_wkt()
NAMELESS = CRS("+proj=laea +lat_0=40 +lon_0=20 +datum=WGS84").to_wkt()
"""Nobody has said where it is for."""


def service(crs: str, transform: tuple[float, float, float, float, float, float]) -> MapService:
    grid = MapGrid(crs_wkt=crs, transform=transform, width=360, height=180)
    return MapService(
        name="a",
        owner=None,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        data=Path("a.nc"),
        grid=grid,
        variables=(),
    )


@pytest.mark.parametrize("west", [0.0, -180.0])
@pytest.mark.parametrize(
    "box",
    [
        (-130.0, 30.0, -110.0, 50.0),
        (200.0, 10.0, 220.0, 20.0),
        (10.0, 20.0, 10.0, 20.0),
        (-190.0, 0.0, -185.0, 5.0),
    ],
)
def test_what_could_be_degrees_of_a_service_in_degrees_is(
    west: float, box: tuple[float, float, float, float]
) -> None:
    """A service that is told in 0 to 360 is asked in -120, which would be metres near 0, 0 in web mercator."""
    world = service(DEGREES, (1.0, 0.0, west, 0.0, -1.0, 90.0))
    assert unnamed_reference(box, world) == DEGREES


def test_metres_of_a_service_in_degrees_are_web_mercator() -> None:
    world = service(DEGREES, (1.0, 0.0, -180.0, 0.0, -1.0, 90.0))
    assert unnamed_reference((-13358338.9, 3503549.8, -12245143.9, 4865942.3), world) == WEB_MERCATOR


def test_the_whole_world_of_a_service_in_degrees_is_seen_in_either() -> None:
    world = service(DEGREES, (1.0, 0.0, -180.0, 0.0, -1.0, 90.0))
    assert unnamed_reference((-400.0, -200.0, 400.0, 200.0), world) == DEGREES
    assert unnamed_reference((-2e7, -1e7, 2e7, 1e7), world) == WEB_MERCATOR


SCENE = (10.0, 0.0, 300_000.0, 0.0, -10.0, 5_000_000.0)
"""In the zone of 15 degrees east."""
GREECE = (1000.0, 0.0, 5_300_000.0, 0.0, -1000.0, 2_100_000.0)
"""In Europe's equal area, in which its extent in web mercator lies in the North Sea."""


ISLAND = (1000.0, 0.0, 0.0, 0.0, -1000.0, 0.0)


@pytest.mark.parametrize(
    ("crs", "transform", "box", "web_mercator"),
    [
        (UTM33, SCENE, (300_500.0, 4_999_000.0, 301_000.0, 4_999_500.0), False),
        (UTM33, SCENE, (250_000.0, 4_900_000.0, 360_000.0, 5_100_000.0), False),
        (UTM33, SCENE, (310_000.0, 4_999_000.0, 320_000.0, 5_000_000.0), False),  # beside it
        (UTM33, SCENE, (-5e6, -5e6, 6e6, 1.5e7), False),  # from very far
        (UTM33, SCENE, (9e5, 4.9e6, 9.5e5, 5e6), False),  # beside it in both, and beyond the zone
        (UTM33, SCENE, (1_385_800.0, 5_640_000.0, 1_390_000.0, 5_642_000.0), True),
        (UTM33, SCENE, (1_000_000.0, 5_000_000.0, 2_000_000.0, 6_000_000.0), True),
        (UTM33, SCENE, (-2e7, -2e7, 2e7, 2e7), True),  # the world
        (GREECE_CRS, GREECE, (5_400_000.0, 1_950_000.0, 5_500_000.0, 2_000_000.0), False),
        (GREECE_CRS, GREECE, (6_000_000.0, 1_950_000.0, 6_100_000.0, 2_000_000.0), False),
        (NAMELESS, ISLAND, (-300_000.0, -300_000.0, 100_000.0, -100_000.0), False),
        (NAMELESS, ISLAND, (2_400_000.0, 4_700_000.0, 2_500_000.0, 4_800_000.0), True),
    ],
)
def test_a_service_in_metres_has_its_own_unless_a_box_cannot_be_in_that(
    crs: str,
    transform: tuple[float, float, float, float, float, float],
    box: tuple[float, float, float, float],
    web_mercator: bool,
) -> None:
    assert unnamed_reference(box, service(crs, transform)) == (WEB_MERCATOR if web_mercator else crs)


def test_what_could_be_in_either_and_lies_beside_the_service_is_drawn_in_web_mercator() -> None:
    """In its own reference system this box lies off Norway: nothing is there. In web mercator it is Greece."""
    box = (2_500_000.0, 4_800_000.0, 2_600_000.0, 4_900_000.0)
    assert unnamed_reference(box, service(GREECE_CRS, GREECE)) == WEB_MERCATOR
    with pytest.raises(InvalidQueryParameter, match="sr: is missing; allowed: a wkid: this box could be in"):
        unnamed_reference(box, service(GREECE_CRS, GREECE), asked_for="sr")


IDENTIFY = {"geometryType": "esriGeometryPoint", "tolerance": "2", "imageDisplay": "400,400,96"}


@pytest.mark.parametrize(
    ("point", "extent", "reference"),
    [
        ("1388000,5640000", "1000000,5000000,2000000,6000000", WEB_MERCATOR),
        ("300500,4999000", "300000,4990000,310000,5000000", UTM33),
        ("300500,4999000", "0,0,1,1", UTM33),  # of no use: it does not hold the point
        # the map is looked at in web mercator, and the point lies beside the service in that: it is in no UTM
        ("300500,4999000", "-2e7,-2e7,2e7,2e7", WEB_MERCATOR),
        (
            "14,45",
            '{"xmin": 10, "ymin": 40, "xmax": 20, "ymax": 50, "spatialReference": {"wkid": 4326}}',
            "EPSG:4326",
        ),
        ('{"x": 14, "y": 45, "spatialReference": {"wkid": 4326}}', "-2e7,-2e7,2e7,2e7", "EPSG:4326"),
    ],
)
def test_a_point_is_in_what_the_map_was_looked_at_in(point: str, extent: str, reference: str) -> None:
    arguments = {**IDENTIFY, "geometry": point, "mapExtent": extent}
    assert reference_of_point(arguments, service(UTM33, SCENE))[2] == reference
    assert reference_of_point({**arguments, "sr": "3035"}, service(UTM33, SCENE))[2] == "EPSG:3035"
