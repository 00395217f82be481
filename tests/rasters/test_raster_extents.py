from __future__ import annotations

import pytest
from affine import Affine
from rasterio.crs import CRS

from dragoman.errors import InvalidRequest
from dragoman.rasters.areas_of_use import area_of_use
from dragoman.rasters.extents import natural_extent
from dragoman.rasters.grids import Bounds, Grid
from dragoman.rasters.overlaps import meeting, turns


def grid(crs: str, bounds: Bounds, width: int, height: int) -> Grid:
    left, bottom, right, top = bounds
    step = ((right - left) / width, (bottom - top) / height)
    return Grid(
        crs=CRS.from_user_input(crs),
        transform=Affine(step[0], 0, left, 0, step[1], top),
        width=width,
        height=height,
    )


WORLD = grid("EPSG:4326", (-180, -90, 180, 90), 360, 180)
FROM_ZERO = grid("EPSG:4326", (0, -90, 360, 90), 360, 180)
ALPS = grid("EPSG:4326", (5, 45, 15, 50), 100, 50)


@pytest.mark.parametrize(
    ("source", "crs", "step"),
    [
        (WORLD, "EPSG:3857", (5e4, 2e5)),
        (FROM_ZERO, "EPSG:3857", (5e4, 2e5)),
        (WORLD, "EPSG:3413", (5e3, 2e5)),
        (ALPS, "EPSG:3857", (1e4, 2e4)),
        (ALPS, "EPSG:32632", (7e3, 2e4)),
        (grid("ESRI:54009", (-18040095, -9020047, 18040095, 9020047), 360, 180), "EPSG:3857", (5e4, 2e5)),
        (grid("EPSG:3413", (-4e6, -4e6, 4e6, 4e6), 80, 80), "EPSG:4326", (0.3, 5)),
    ],
)
def test_a_pixel_keeps_about_its_size(source: Grid, crs: str, step: tuple[float, float]) -> None:
    extent = natural_extent(source, CRS.from_user_input(crs))
    assert step[0] < extent.steps[0] < step[1]
    assert max(map(abs, extent.bounds)) < 2.1e7


ARCTIC = grid("EPSG:3413", (-2.5e6, -2.5e6, 2.5e6, 2.5e6), 200, 200)
"""25 km around the pole."""
MOLLWEIDE = grid("ESRI:54009", (-18040095, -9020047, 18040095, 9020047), 360, 180)


@pytest.mark.parametrize(
    ("source", "crs", "step", "bounds"),
    [
        (ARCTIC, "EPSG:4326", (0.2, 0.5), (-180, 58, 180, 90.5)),
        (ARCTIC, "EPSG:3857", (4e4, 9e4), (-20037509, 8e6, 20037509, 20048967)),
        (ARCTIC, "EPSG:3832", (2e4, 9e4), (-5711804, 7.9e6, 15808000, 10023393)),
        (MOLLWEIDE, "EPSG:3857", (9e4, 1.5e5), (-20037509, -20048967, 20037509, 20048967)),
        (MOLLWEIDE, "EPSG:32633", (9e4, 1.1e5), (166021, -1, 833979, 9329006)),
    ],
)
def test_around_a_pole_pixels_keep_their_size_and_nothing_is_wider_than_the_map(
    source: Grid, crs: str, step: tuple[float, float], bounds: Bounds
) -> None:
    extent = natural_extent(source, CRS.from_user_input(crs))
    assert step[0] < extent.steps[0] < step[1]
    left, bottom, right, top = extent.bounds
    assert bounds[0] - extent.steps[0] <= left < right <= bounds[2] + extent.steps[0]
    assert bounds[1] - extent.steps[0] <= bottom < top <= bounds[3] + extent.steps[0]


def test_what_is_left_out_is_told() -> None:
    assert natural_extent(ALPS, CRS.from_epsg(3857)).left_out == ""
    words = natural_extent(WORLD, CRS.from_epsg(3832)).left_out
    assert words.startswith(
        "what lies outside of the area that EPSG:3832 is made for (longitudes 98.69 to 292"
    )


def test_what_lies_elsewhere_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="outside the area that EPSG:2193 is made for"):
        natural_extent(ALPS, CRS.from_epsg(2193))


def test_an_area_across_the_antimeridian_has_its_east_beyond() -> None:
    area = area_of_use(CRS.from_epsg(3832))
    assert area is not None
    assert area[0] < 180 < area[2]


def test_longitudes_are_turned_where_that_finds_more() -> None:
    utm = grid("EPSG:32633", (3e5, 5e6, 7e5, 5.4e6), 40, 40)
    assert turns(WORLD, utm) == [0]
    assert turns(WORLD, WORLD) == [0]
    assert turns(FROM_ZERO, FROM_ZERO) == [0]
    assert turns(FROM_ZERO, WORLD) == [0, -360]
    assert turns(WORLD, FROM_ZERO) == [0, 360]
    assert turns(utm, WORLD) == [0]


def test_a_box_before_180_meets_a_raster_beyond_it() -> None:
    beyond = grid("EPSG:4326", (190, 0, 200, 10), 10, 10)
    assert meeting(beyond, grid("EPSG:4326", (-170, 0, -165, 5), 5, 5))
    assert not meeting(beyond, grid("EPSG:4326", (10, 0, 20, 5), 5, 5))
    assert meeting(beyond, grid("EPSG:3857", (-1.88e7, 0, -1.8e7, 1e6), 5, 5))
