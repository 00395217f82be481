"""Zones against the pixels themselves, looked up one by one in the CRS of the zones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from dragoman.rasters.edges import bent
from dragoman.rasters.grids import Grid
from dragoman.rasters.transformation import period_of, turn_of
from dragoman.rasters.zones import on_raster

LONLAT = CRS.from_epsg(4326)
COUNTRIES = Path(__file__).parents[1] / "data" / "countries.geojson"
SIDE = 30
"""Pixels along a side of a raster made for a CRS."""
FINE = 6
"""Points along a side of a pixel that is looked up."""
W = 20037508.342789244

# fmt: off
EVERYWHERE = [
    "EPSG:3857", "EPSG:3832", "EPSG:4087", "EPSG:6933", "ESRI:54009", "ESRI:54030", "ESRI:54008",
    "EPSG:8857", "EPSG:3035", "EPSG:3413", "EPSG:3031", "EPSG:2193", "EPSG:32601", "EPSG:32660",
    "EPSG:32633", "EPSG:32721", "EPSG:3338", "EPSG:3460", "EPSG:31370", "EPSG:4807", "EPSG:4258",
    "EPSG:3571", "EPSG:6931", "EPSG:2154", "EPSG:3067",
]
# fmt: on


def raster_of(name: str, grow: float) -> Grid:
    """Over the area of use of a CRS, and so many times its size further on each side."""
    crs = pyproj.CRS.from_user_input(name)
    area = crs.area_of_use
    assert area is not None
    east = area.east + (360 if area.east < area.west else 0)
    lon, lat = np.meshgrid(np.linspace(area.west, east, 33), np.linspace(area.south, area.north, 33))
    x, y = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(lon, lat)
    known = np.isfinite(x) & np.isfinite(y)
    (left, right), (bottom, top) = np.percentile(x[known], (1, 99)), np.percentile(y[known], (1, 99))
    width, height = (right - left) * (1 + 2 * grow), (top - bottom) * (1 + 2 * grow)
    left, top = left - grow * (right - left), top + grow * (top - bottom)
    transform = Affine(width / SIDE, 0, left, 0, -height / SIDE, top)
    return Grid(crs=CRS.from_user_input(name), transform=transform, width=SIDE, height=SIDE)


def looked_up(grid: Grid, zones_crs: CRS, shapes: Any) -> Any:
    """The area in pixels of each shape, by points within the pixels that are transformed one by one."""
    assert grid.crs is not None
    there = pyproj.Transformer.from_crs(zones_crs.to_wkt(), grid.crs.to_wkt(), always_xy=True)
    rng = np.random.default_rng(1)
    cols, rows = np.meshgrid(np.arange(grid.width * FINE), np.arange(grid.height * FINE))
    col, row = ((places.ravel() + rng.random(places.size)) / FINE for places in (cols, rows))
    a, _, c, _, e, f = grid.transform[:6]
    x, y = a * col + c, e * row + f
    u, v = there.transform(x, y, direction="INVERSE")
    again_x, again_y = there.transform(u, v)
    with np.errstate(invalid="ignore"):
        period = period_of(grid.crs)
        off = again_x - x
        if period:
            off -= period * np.round(off / period)
        known = (np.abs(off) < 0.1 * abs(a)) & (np.abs(again_y - y) < 0.1 * abs(e))
    u, v = u[known], v[known]
    full = period_of(zones_crs) or 0.0
    turns = (-2, -1, 0, 1, 2) if full else (0,)
    areas = []
    for shape in shapes:
        shapely.prepare(shape)
        inside = np.zeros(len(u), dtype=bool)
        for turn in turns:
            west, south, east, north = shape.bounds
            x = u + turn * full
            near = (x >= west) & (x <= east) & (v >= south) & (v <= north)
            inside[near] |= shapely.contains_xy(shape, x[near], v[near])
        areas.append(inside.sum() / FINE**2)
    return np.array(areas)


def areas(grid: Grid, shapes: Any) -> Any:
    """In pixels, of the part on the raster."""
    box = shapely.box(*grid.bounds)
    return shapely.area(shapely.intersection(shapes, box)) / abs(grid.transform.a * grid.transform.e)


def agree(found: Any, expected: Any) -> None:
    """Within what the points of the look-up leave open."""
    assert (np.abs(found - expected) < 0.8 + 0.2 * np.sqrt(np.maximum(found, expected))).all()


@pytest.fixture(scope="module")
def countries() -> Any:
    features = json.loads(COUNTRIES.read_text())["features"]
    return np.array([shapely.geometry.shape(feature["geometry"]) for feature in features], dtype=object)


@pytest.mark.parametrize("name", EVERYWHERE[::2])
def test_the_countries_lie_where_their_pixels_do(name: str, countries: Any) -> None:
    grid = raster_of(name, 0.3)
    placed, faults = on_raster(countries, LONLAT, grid)
    assert not faults
    assert shapely.is_valid(placed).all()
    agree(areas(grid, placed), looked_up(grid, LONLAT, shapely.make_valid(countries)))


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(EVERYWHERE),
    grow=st.sampled_from([0.0, 0.3, 1.0]),
    west=st.floats(-360, 360),
    south=st.floats(-95, 90),
    width=st.floats(1, 360),
    height=st.floats(1, 180),
)
def test_a_box_lies_where_its_pixels_do(
    name: str, grow: float, west: float, south: float, width: float, height: float
) -> None:
    grid = raster_of(name, grow)
    shapes = np.array([shapely.box(west, south, west + width, south + height)], dtype=object)
    placed, _ = on_raster(shapes, LONLAT, grid)
    possible = shapely.intersection(shapes, shapely.box(-720, -90, 720, 90))
    agree(areas(grid, placed), looked_up(grid, LONLAT, possible))


@settings(max_examples=60)
@given(
    zones=st.sampled_from(EVERYWHERE),
    raster=st.sampled_from(EVERYWHERE),
    shift=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    size=st.floats(0.05, 1.5),
)
@example(zones="EPSG:3413", raster="EPSG:4258", shift=(0.0, 0.0), size=1.0)  # the pole, a hair within a box
@example(zones="EPSG:3031", raster="EPSG:3413", shift=(-0.5, 0.0), size=1.5)  # the other pole, at no place
@example(zones="ESRI:54008", raster="EPSG:32660", shift=(1.0, 0.5), size=1.0)  # beyond the edge of the world
@example(zones="EPSG:3857", raster="EPSG:2193", shift=(-1.0, 0.0), size=1.0)  # a turn further
def test_a_projected_box_lies_where_its_pixels_do(
    zones: str, raster: str, shift: tuple[float, float], size: float
) -> None:
    assume(zones != raster)
    own = raster_of(zones, 0)
    left, bottom, right, top = own.bounds
    width, height = (right - left) * size, (top - bottom) * size
    west, south = left + shift[0] * (right - left), bottom + shift[1] * (top - bottom)
    shapes = np.array([shapely.box(west, south, west + width, south + height)], dtype=object)
    grid = raster_of(raster, 0.05)
    placed, _ = on_raster(shapes, CRS.from_user_input(zones), grid)
    agree(areas(grid, placed), looked_up(grid, CRS.from_user_input(zones), shapes))


@pytest.mark.parametrize("left", [-180.0, 0.0, -0.125, 170.0, -540.0])
def test_a_zone_is_told_again_in_the_longitudes_of_the_raster(left: float) -> None:
    grid = Grid(crs=LONLAT, transform=Affine(1, 0, left, 0, -1, 90), width=360, height=180)
    boxes = [(170, 190), (-190, -170), (190, 200), (-20, 20), (350, 370), (-180, 180), (0, 360), (-900, -880)]
    shapes = np.array([shapely.box(west, 0, east, 10) for west, east in boxes], dtype=object)
    placed, _ = on_raster(shapes, LONLAT, grid)
    expected = [(east - west) * 10 for west, east in boxes]
    assert areas(grid, placed) == pytest.approx(expected)


def test_grads_and_another_meridian_have_their_own_turn() -> None:
    paris = CRS.from_epsg(4807)
    assert turn_of(paris) == pytest.approx(400)
    grid = Grid(crs=paris, transform=Affine(1, 0, -200, 0, -1, 100), width=400, height=200)
    placed, _ = on_raster(np.array([shapely.box(190, 0, 210, 10)], dtype=object), paris, grid)
    assert areas(grid, placed) == pytest.approx([200])


@pytest.mark.parametrize(
    ("name", "period"),
    [
        ("EPSG:3857", 2 * W),
        ("EPSG:3832", 2 * W),
        ("EPSG:4326", 360),
        ("EPSG:32633", None),
        ("ESRI:54009", None),
    ],
)
def test_what_repeats_itself(name: str, period: float | None) -> None:
    found = period_of(CRS.from_user_input(name))
    assert found == (None if period is None else pytest.approx(period))


def test_a_zone_without_a_place_leaves_the_others_alone() -> None:
    grid = Grid(crs=CRS.from_epsg(32633), transform=Affine(10, 0, 5e5, 0, -10, 5e6), width=10, height=10)
    shapes = [
        shapely.box(14, 45, 16, 46),
        shapely.box(5e5, 5e6 - 100, 5e5 + 100, 5e6),
        shapely.Polygon([(0, 0), (np.inf, 0), (1, 1), (0, 0)]),
        shapely.Polygon(),
        shapely.Polygon([(14, 45), (15, 46), (14, 45), (14, 45)]),
    ]
    placed, faults = on_raster(np.array(shapes, dtype=object), LONLAT, grid)
    assert areas(grid, placed) == pytest.approx([100, 0, 0, 0, 0])
    assert faults == {
        1: "has coordinates that are no longitude and latitude",
        2: "has coordinates that are no numbers",
    }


@pytest.mark.parametrize("grid_crs", ["EPSG:3857", "EPSG:2193"])
def test_a_zone_in_web_mercator_is_told_again_a_turn_further(grid_crs: str) -> None:
    grid = raster_of(grid_crs, 0.05)
    west, south, east, north = 0.95 * W, -6e6, 1.1 * W, -4e6
    across = np.array(
        [shapely.box(west + turn * 2 * W, south, east + turn * 2 * W, north) for turn in (-1, 0, 1)]
    )
    halves = shapely.union(
        shapely.box(west, south, W, north),
        shapely.box(-W, south, east - 2 * W, north),
    )
    placed, faults = on_raster(np.append(across, halves), CRS.from_epsg(3857), grid)
    assert not faults
    sizes = areas(grid, placed)
    assert sizes[3] > 1
    assert sizes[:3] == pytest.approx(sizes[3], abs=0.001)


def test_a_zone_far_beyond_a_plane_is_told_as_often_as_longitudes_are() -> None:
    grid = raster_of("EPSG:2193", 0)
    boxes = [shapely.box(-1e14, -5e6, 1e14, -4e6), shapely.box(1e14, -5e6, 2e14, -4e6)]
    placed, faults = on_raster(np.array(boxes, dtype=object), CRS.from_epsg(3857), grid)
    assert faults == {1: "lies more than 10 times around the world"}
    expected, _ = on_raster(np.array([shapely.box(-W, -5e6, W, -4e6)]), CRS.from_epsg(3857), grid)
    assert areas(grid, placed) == pytest.approx([*areas(grid, expected), 0])


@settings(max_examples=15, deadline=None)
@given(st.floats(-89, 80), st.floats(0.5, 9), st.floats(1e-4, 1))
def test_an_edge_gets_points_until_it_is_where_it_was(south: float, height: float, tolerance: float) -> None:
    change = pyproj.Transformer.from_crs(4326, 3413, always_xy=True)

    def polar(points: Any) -> Any:
        return np.column_stack(change.transform(points[:, 0], points[:, 1]))

    shapes = np.array([shapely.box(0, south, 90, south + height)], dtype=object)
    made = bent(shapes, polar, tolerance=tolerance * 1000, longest=20, mirrored=False)
    assert made is not None
    dense = shapely.segmentize(shapes, 0.5)
    exact = shapely.transform(dense[0].exterior, polar)
    far = shapely.distance(made[0].exterior, shapely.points(shapely.get_coordinates(exact)))
    assert far.max() < 2 * tolerance * 1000


@pytest.mark.parametrize("many", [1, 50])
def test_a_polygon_that_a_tear_goes_through_is_not_bent(many: int) -> None:
    def torn(points: Any) -> Any:
        return points + np.where(points[:, :1] + points[:, 1:] > 1.3, (100.0, 0.0), (0.0, 0.0))

    corners = np.linspace(0, 1, many, endpoint=False)
    shapes = np.array([shapely.box(corner / 9, 0, corner / 9 + 1, 1) for corner in corners], dtype=object)
    assert bent(shapes, torn, tolerance=1e-5, longest=0.2, mirrored=False) is None
    beside = np.array([shapely.box(0, 0, 0.5, 0.5)], dtype=object)
    placed = bent(beside, torn, tolerance=1e-5, longest=0.2, mirrored=False)
    assert placed is not None
    assert shapely.area(placed)[0] == pytest.approx(0.25)


def test_a_ring_around_a_place_that_is_none_is_not_bent() -> None:
    """As around a pole in the plane of the other pole: what it surrounds is infinitely far."""

    def turned_inside_out(points: Any) -> Any:
        return points / (points**2).sum(axis=1, keepdims=True) * (1, -1)

    around = np.array([shapely.box(-1, -1, 1, 1)], dtype=object)
    assert bent(around, turned_inside_out, tolerance=1e-7, longest=0.5, mirrored=False) is None
    beside = np.array([shapely.box(1, 1, 2, 2)], dtype=object)
    assert bent(beside, turned_inside_out, tolerance=1e-7, longest=0.5, mirrored=False) is not None
    assert bent(beside, turned_inside_out, tolerance=1e-7, longest=0.5, mirrored=True) is None
