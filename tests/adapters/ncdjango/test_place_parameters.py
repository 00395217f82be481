"""What a box is in whose reference system is left out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyproj import CRS

from dragoman.adapters.ncdjango.place_parameters import unnamed_reference
from dragoman.maps.places import WEB_MERCATOR
from dragoman.model.map_service import MapGrid, MapService

DEGREES = CRS("EPSG:4326").to_wkt()
UTM33 = CRS("EPSG:32633").to_wkt()


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


def test_a_service_in_metres_has_its_own_first() -> None:
    scene = service(UTM33, (10.0, 0.0, 300_000.0, 0.0, -10.0, 5_000_000.0))
    assert unnamed_reference((300_500.0, 4_999_000.0, 301_000.0, 4_999_500.0), scene) == UTM33
    assert unnamed_reference((1_385_800.0, 5_640_000.0, 1_390_000.0, 5_642_000.0), scene) == WEB_MERCATOR
