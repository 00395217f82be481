from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
import yaml
from affine import Affine
from exactextract import exact_extract
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.warp import transform, transform_geom

import dragoman
from dragoman.rasters.grids import Grid
from dragoman.rasters.opening import open_raster
from dragoman.rasters.zones import on_raster

if TYPE_CHECKING:
    from types import ModuleType

    from tests.processes.conftest import FakeContext, MakeRaster

PROCESS = "zonal-statistics"
LEFT, TOP = 500_000, 5_000_000
UTM_MEMBER = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
ALL = ["count", "sum", "mean", "min", "max", "median", "stdev", "variety", "majority"]


def box(left: float, bottom: float, right: float, top: float) -> dict[str, Any]:
    """A rectangle in pixels of 10 m, counted from the upper left corner, y downwards."""
    xs, ys = (LEFT + 10 * left, LEFT + 10 * right), (TOP - 10 * bottom, TOP - 10 * top)
    ring = [[xs[0], ys[0]], [xs[1], ys[0]], [xs[1], ys[1]], [xs[0], ys[1]], [xs[0], ys[0]]]
    return {"type": "Polygon", "coordinates": [ring]}


def collection(*geometries: Any, crs: Any = UTM_MEMBER) -> dict[str, Any]:
    features = [{"type": "Feature", "geometry": geometry, "properties": {"n": 1}} for geometry in geometries]
    return {"type": "FeatureCollection", "features": features, **({"crs": crs} if crs else {})}


def run(
    algorithm: ModuleType,
    path: Path,
    zones: dict[str, Any],
    statistics: list[str],
    context: FakeContext,
    **more: Any,
) -> list[dict[str, Any]]:
    """The properties of the resulting zones."""
    with open_raster(path) as raster:
        result = algorithm.run(raster, zones, statistics, context=context, **more)["zones"]
    assert result["type"] == "FeatureCollection"
    assert [f["geometry"] for f in result["features"]] == [f["geometry"] for f in zones["features"]]
    return [feature["properties"] for feature in result["features"]]


def test_whole_pixels(algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster) -> None:
    values = np.arange(100, dtype="int16").reshape(10, 10)
    (found,) = run(algorithm, make_raster("a.tif", values), collection(box(2, 6, 5, 1)), ALL, context)
    inside = values[1:6, 2:5].astype(float)
    assert found["n"] == 1
    assert found["count"] == inside.size
    assert found["sum"] == inside.sum()
    assert found["mean"] == inside.mean()
    assert (found["min"], found["max"]) == (inside.min(), inside.max())
    assert found["median"] == np.median(inside)
    assert found["stdev"] == pytest.approx(inside.std())
    assert found["variety"] == inside.size


def test_parts_of_pixels_count_by_their_part(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    values = np.array([[1, 3], [1, 3]], dtype="uint8")
    (found,) = run(algorithm, make_raster("a.tif", values), collection(box(0.5, 1, 1.25, 0)), ALL, context)
    assert found["count"] == pytest.approx(0.75)
    assert found["sum"] == pytest.approx(0.5 * 1 + 0.25 * 3)
    assert found["mean"] == pytest.approx(1.25 / 0.75)
    assert found["majority"] == 1


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float16", "float32", "float64"]
)
def test_every_type_agrees_with_numpy(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, dtype: str
) -> None:
    values = np.random.default_rng(8).integers(0, 100, (10, 10)).astype(dtype)
    (found,) = run(algorithm, make_raster("a.tif", values), collection(box(2, 6, 5, 1)), ALL, context)
    inside = values[1:6, 2:5].astype(float)
    assert (found["count"], found["sum"]) == (inside.size, inside.sum())
    assert (found["min"], found["max"]) == (inside.min(), inside.max())
    assert found["stdev"] == pytest.approx(inside.std())


def test_parts_of_pixels_agree_with_exactextract_itself(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    values = np.random.default_rng(8).normal(5, 2, (40, 40))
    path = make_raster("a.tif", values)
    zones = collection(box(3.3, 30.1, 17.8, 2.2), box(20.5, 39, 39.9, 0.1))
    found = run(algorithm, path, zones, ["count", "sum", "mean", "stdev"], context)
    plain = {"type": "FeatureCollection", "features": zones["features"]}
    direct = exact_extract(str(path), plain["features"], ["count", "sum", "mean", "stdev"])
    for own, other in zip(found, direct, strict=True):
        assert {**own, "n": 0} == pytest.approx({**other["properties"], "n": 0})


def test_infinite_pixels_are_missing(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    values = np.array([[np.inf, 2], [4, -np.inf]], dtype="float32")
    (found,) = run(algorithm, make_raster("a.tif", values), collection(box(0, 2, 2, 0)), ALL, context)
    assert (found["count"], found["sum"], found["mean"], found["max"]) == (2, 6, 3, 4)


def test_a_count_is_of_one_type(algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster) -> None:
    zones = collection(box(0, 1, 1, 0), box(1, 1, 2, 0), None)
    path = make_raster("a.tif", np.array([[7, 0]], "uint8"), nodata=0)
    found = run(algorithm, path, zones, ["count", "sum", "variety"], context)
    assert [(type(f["count"]), type(f["sum"]), type(f["variety"])) for f in found] == [
        (float, float, int)
    ] * 3
    assert [f["count"] for f in found] == [1, 0, 0]


def test_a_collection_of_polygons_is_a_zone(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", np.full((10, 10), 5, "uint8"))
    inner = {"type": "GeometryCollection", "geometries": [box(4, 3, 6, 1)]}
    zone = {"type": "GeometryCollection", "geometries": [box(0, 2, 2, 0), inner]}
    empty: dict[str, Any] = {"type": "GeometryCollection", "geometries": []}
    found, nothing = run(algorithm, path, collection(zone, empty), ["count", "sum"], context)
    assert (found["count"], found["sum"]) == (8, 40)
    assert nothing["count"] == 0


def test_what_is_covered_counts_once_however_it_is_drawn(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", np.ones((10, 10), "uint8"))
    corners = box(0, 10, 10, 0)["coordinates"][0]
    bowtie = {"type": "Polygon", "coordinates": [[corners[i] for i in (0, 2, 1, 3, 0)]]}
    parts = [box(0, 4, 4, 0)["coordinates"], box(2, 4, 6, 0)["coordinates"]]
    overlapping = {"type": "MultiPolygon", "coordinates": parts}
    first, second = run(algorithm, path, collection(bowtie, overlapping), ["count"], context)
    assert first["count"] == pytest.approx(50, rel=1e-5)
    assert second["count"] == pytest.approx(24)


def test_a_cap_around_the_pole(algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster) -> None:
    size, step = 200, 10_000
    placed = Affine(step, 0, -size * step / 2, 0, -step, size * step / 2)
    path = make_raster("a.tif", np.ones((size, size), "uint8"), crs="EPSG:3413", transform=placed)
    ring = [[-180, 85], [180, 85], [180, 90], [-180, 90], [-180, 85]]
    cap = {"type": "Polygon", "coordinates": [ring]}
    ((x,), (y,)) = transform("EPSG:4326", "EPSG:3413", [-45], [85])
    (found,) = run(algorithm, path, collection(cap, crs=None), ["count"], context)
    assert found["count"] == pytest.approx(np.pi * (x * x + y * y) / step**2, rel=3e-5)


@pytest.mark.parametrize("left", [0.0, -0.5])
def test_zones_west_of_greenwich_on_longitudes_beyond_180(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, left: float
) -> None:
    longitudes = np.broadcast_to(np.arange(360) + left + 0.5, (180, 360)).astype("float32")
    path = make_raster("a.tif", longitudes, crs="EPSG:4326", transform=Affine(1, 0, left, 0, -1, 90))

    def zone(west: float, east: float) -> dict[str, Any]:
        return dict(shapely.box(west, -5, east, 5).__geo_interface__)

    zones = collection(zone(-20, -10), zone(-10, 10), zone(170, 190), zone(10, 20), crs=None)
    found = run(algorithm, path, zones, ["count", "mean", "max"], context)
    assert [f["count"] for f in found] == [100, 200, 200, 100]
    assert [f["mean"] for f in found] == pytest.approx([345, 180 if left == 0 else found[1]["mean"], 180, 15])
    assert found[1]["max"] > 355


def test_nodata_does_not_count(algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster) -> None:
    path = make_raster("a.tif", np.array([[0, 2], [4, 0]], dtype="uint8"), nodata=0)
    found, nothing = run(algorithm, path, collection(box(0, 2, 2, 0), box(0, 1, 1, 0)), ALL, context)
    assert (found["count"], found["mean"]) == (2, 3)
    assert (nothing["count"], nothing["sum"]) == (0, 0)
    assert nothing["mean"] is None
    assert nothing["median"] is None


def test_partly_and_wholly_outside_and_without_geometry(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", np.full((10, 10), 5, "uint8"))
    zones = collection(box(8, 5, 20, 0), box(50, 60, 60, 50), None)
    zones["features"][2]["properties"] = None
    edge, outside, without = run(algorithm, path, zones, ["count", "mean", "quantiles"], context)
    assert (edge["count"], edge["mean"], edge["quantile_50"]) == (10, 5, 5)
    assert (outside["count"], outside["mean"], outside["quantile_50"]) == (0, None, None)
    assert (without["count"], without["mean"], without["quantile_25"]) == (0, None, None)


@pytest.mark.parametrize("epsg", [4326, 3857, 32634])
def test_zones_of_another_crs_give_the_same(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, epsg: int
) -> None:
    values = np.random.default_rng(5).normal(10, 1, (200, 200)).astype("float32")
    path = make_raster("a.tif", values)
    shape = {
        "type": "MultiPolygon",
        "coordinates": [box(10, 150, 180, 20)["coordinates"], box(185, 199, 195, 180)["coordinates"]],
    }
    dense = shapely.segmentize(shapely.geometry.shape(shape), 20).__geo_interface__
    moved = transform_geom("EPSG:32633", f"EPSG:{epsg}", dense)
    crs = None if epsg == 4326 else {"type": "name", "properties": {"name": f"EPSG:{epsg}"}}
    (own,) = run(algorithm, path, collection(shape), ["count", "mean"], context)
    (other,) = run(algorithm, path, collection(dict(moved), crs=crs), ["count", "mean"], context)
    assert other["count"] == pytest.approx(own["count"], rel=1e-4)
    assert other["mean"] == pytest.approx(own["mean"], rel=1e-5)


def test_small_pieces_of_memory_give_the_same(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    values = np.random.default_rng(6).integers(1, 50, (100, 100)).astype("uint8")
    path = make_raster("a.tif", values)
    zones = collection(box(3.3, 97, 90, 2.5))
    (whole,) = run(algorithm, path, zones, ALL, context)
    context.config = {"cells": 256}
    (pieces,) = run(algorithm, path, zones, ALL, context)
    assert pieces == pytest.approx(whole)


@pytest.mark.parametrize(("x", "y"), [(1, 1), (-1, -1), (-1, 1)])
def test_rasters_that_are_not_north_up(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, x: int, y: int
) -> None:
    values = np.arange(16, dtype="uint8").reshape(4, 4)
    flipped = values[:: -1 if y > 0 else 1, :: -1 if x < 0 else 1]
    transform = Affine(10 * x, 0, LEFT + (40 if x < 0 else 0), 0, 10 * y, TOP - (40 if y > 0 else 0))
    path = make_raster("a.tif", flipped, transform=transform)
    (found,) = run(algorithm, path, collection(box(1, 2, 4, 0)), ["sum", "count"], context)
    assert (found["sum"], found["count"]) == (values[0:2, 1:4].sum(), 6)


def test_quantiles_and_bands_are_chosen(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    values = np.stack([np.zeros((1, 101), "uint8"), np.arange(101, dtype="uint8")[None]])
    path = make_raster("a.tif", values)
    (found,) = run(
        algorithm,
        path,
        collection(box(0, 1, 101, 0)),
        ["quantiles"],
        context,
        quantiles=[0.1, 0.125, 0.126, 1],
        band=2,
    )
    del found["n"]
    assert list(found) == ["quantile_10", "quantile_12.5", "quantile_12.6", "quantile_100"]
    assert found["quantile_10"] == pytest.approx(10, abs=1)
    assert found["quantile_100"] == 100


@pytest.mark.parametrize(
    ("profile", "zones", "more", "input_id", "says"),
    [
        ({}, collection({"type": "Point", "coordinates": [1, 2]}), {}, "zones", "feature 0 is a Point"),
        (
            {},
            collection(
                box(0, 1, 1, 0),
                {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}]},
            ),
            {},
            "zones",
            "feature 1 holds a Point",
        ),
        (
            {},
            collection({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1]]]}),
            {},
            "zones",
            "not closed",
        ),
        ({}, collection(box(0, 1, 1, 0), crs="EPSG:4326"), {}, "zones", "its crs has to be"),
        (
            {},
            collection(box(0, 1, 1, 0), crs={"type": "name", "properties": {"name": "/etc/passwd"}}),
            {},
            "zones",
            "does not name a CRS",
        ),
        ({}, collection(box(0, 1, 1, 0), crs=None), {}, "zones", "cannot be transformed"),
        ({"crs": None}, collection(box(0, 1, 1, 0)), {}, "raster", "has no CRS"),
        ({"transform": Affine.rotation(30)}, collection(box(0, 1, 1, 0)), {}, "raster", "is rotated"),
        ({}, collection(box(0, 1, 1, 0)), {"band": 2}, "raster", "there is no band 2"),
        ({}, collection(box(0, 1, 1, 0)), {"statistics": ["mode"]}, "statistics", "is none of"),
        (
            {},
            collection(box(0, 1, 1, 0)),
            {"statistics": ["quantiles"], "quantiles": [2]},
            "quantiles",
            "between",
        ),
        (
            {},
            collection(box(0, 1, 1, 0)),
            {"quantiles": [0.9]},
            "quantiles",
            "allowed: with quantiles in statistics",
        ),
    ],
)
def test_the_callers_faults(
    algorithm: ModuleType,
    context: FakeContext,
    make_raster: MakeRaster,
    profile: dict[str, Any],
    zones: dict[str, Any],
    more: dict[str, Any],
    input_id: str,
    says: str,
) -> None:
    path = make_raster("a.tif", np.ones((4, 4), "uint8"), **profile)
    with open_raster(path) as raster, pytest.raises(dragoman.InputError, match=says) as caught:
        algorithm.run(raster, zones, context=context, **more)
    assert caught.value.problems[0].input_id == input_id


def test_distinct_values_may_not_fill_the_memory(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    context.config = {"distinct": 50}
    zones = collection(box(0, 10, 10, 0))
    path = make_raster("a.tif", np.ones((10, 10), "float32"))
    with pytest.raises(
        dragoman.InputError, match="median keep every distinct value; feature 0 spans 100 pixels"
    ):
        run(algorithm, path, zones, ["mean", "median"], context)
    run(algorithm, path, zones, ["mean"], context)
    run(algorithm, make_raster("b.tif", np.ones((10, 10), "uint8")), zones, ["median"], context)


def test_a_zone_without_a_place_costs_the_others_nothing(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", np.ones((10, 10), "uint8"))
    whole = box(0, 10, 10, 0)
    left, top = whole["coordinates"][0][3]
    sliver = {"type": "Polygon", "coordinates": [[[left, top], [left + 50, top], [left, top], [left, top]]]}
    hole = {
        "type": "Polygon",
        "coordinates": [whole["coordinates"][0], box(-9, 20, 20, -9)["coordinates"][0]],
    }
    empty_part = {"type": "MultiPolygon", "coordinates": [[], whole["coordinates"], [[]]]}
    zones = collection(whole, sliver, hole, empty_part, {"type": "Polygon", "coordinates": [[]]})
    found = run(algorithm, path, zones, ["count", "mean"], context)
    assert [f["count"] for f in found] == [100, 0, 0, 100, 0]
    assert found[1]["mean"] is None
    assert "feature 1 has no area" in context.notices[-1]


def test_parts_beside_the_raster_that_touch_its_edge(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    """exactextract ends the process over each of these three, beside the other two."""
    path = make_raster("a.tif", np.ones((12, 12), "uint8"))
    rings: list[list[tuple[float, float]]] = [
        [(0, 3.5), (-1, 3.5), (-1, 4.5), (0, 4.5)],
        [(7, 6.5), (9.5, 6.5), (11, 6.5), (12.5, 6.5), (12.5, 3.5), (9.5, 3.5), (9.5, 4), (7, 4)],
        [(1, 7.5), (1, 9.5), (0, 9.5), (0, 10.5), (2, 10.5), (2, 9.5), (2, 7.5)],
    ]
    polygons = [[[[LEFT + 10 * x, TOP - 120 + 10 * y] for x, y in (*ring, ring[0])]] for ring in rings]
    zones = collection({"type": "MultiPolygon", "coordinates": polygons})
    found = run(algorithm, path, zones, ["count"], context)
    assert found[0]["count"] == pytest.approx(2.5 * 2.5 + 2.5 * 3 + 2 * 1 + 1 * 2)


def test_a_corner_that_misses_that_of_a_pixel_by_a_rounding(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    """Antarctica, some of it pixel by pixel: a hole's corner at that of a pixel made a whole pixel of nothing."""
    place = Affine(550429.8028289253, 0, -16512894.084867759, 0, -1555693.8799375107, 46670816.39812533)
    path = make_raster("a.tif", np.ones((60, 60), "uint8"), crs="ESRI:54028", transform=place)
    countries = json.loads((Path(__file__).parents[1] / "data" / "countries.geojson").read_text("utf-8"))
    zones = [f["geometry"] for f in countries["features"] if f["properties"]["name"] == "Antarctica"]
    with open_raster(path) as raster:
        placed, _ = on_raster(
            np.array([shapely.geometry.shape(zone) for zone in zones]), CRS.from_epsg(4326), Grid.of(raster)
        )
    found = run(algorithm, path, collection(*zones, crs=None), ["count"], context)
    area = shapely.area(placed[0]) / abs(place.determinant)
    assert found[0]["count"] == pytest.approx(area, abs=1e-4)


def test_a_repeated_corner_on_the_edge_of_a_cell(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make_raster("a.tif", np.ones((10, 10), "uint8"))
    ring = box(5.5, 5.5, 7.5, 3.5)["coordinates"][0]
    zone = {"type": "Polygon", "coordinates": [[ring[0], ring[0], *ring]]}
    (found,) = run(algorithm, path, collection(zone), ["count"], context)
    assert found["count"] == pytest.approx(4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(-4, 24), st.integers(-4, 24)), min_size=3, max_size=9))
def test_no_ring_ends_a_request(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, corners: list[tuple[int, int]]
) -> None:
    path = make_raster("a.tif", np.ones((10, 10), "uint8"))
    ring = [[LEFT + 5 * x, TOP - 5 * y] for x, y in [*corners, corners[0]]]
    zones = collection({"type": "Polygon", "coordinates": [ring]}, box(0, 1, 1, 0))
    found, other = run(algorithm, path, zones, ["count"], context)
    shape = shapely.make_valid(shapely.Polygon(ring), method="structure", keep_collapsed=False)
    area = shape.intersection(shapely.box(LEFT, TOP - 100, LEFT + 100, TOP)).area / 100
    assert found["count"] == pytest.approx(area, rel=1e-5, abs=1e-6)
    assert other["count"] == 1


W = 20037508.342789244
WORLDS = {
    "EPSG:3857": Affine(W / 180, 0, -W, 0, -W / 180, W),
    "EPSG:4087": Affine(W / 180, 0, -W, 0, -W / 180, W / 2),
    "ESRI:54009": Affine(100_000, 0, -18_040_095, 0, -100_000, 9_020_048),
    "EPSG:4326": Affine(1, 0, -180, 0, -1, 90),
    "EPSG:3035": Affine(10_000, 0, 4_000_000, 0, -10_000, 3_500_000),
}


@pytest.mark.parametrize(
    ("raster", "zone", "crs", "count"),
    [
        ("EPSG:3857", (179, 0, 181, 10), None, 20.1),
        ("EPSG:3857", (170, 0, 190, 10), None, 201),
        ("ESRI:54009", (170, 0, 190, 10), None, 246),
        ("EPSG:4087", (170, 0, 190, 10), None, 198.7),
        ("EPSG:3857", (0, 0, 360, 10), None, 3618.4),
        ("EPSG:4326", (170, 0, 190, 10), None, 200),
        ("EPSG:4326", (190, 0, 200, 10), None, 100),
        ("EPSG:4326", (2089230, 5449376, 2289230, 5649376), "EPSG:2193", 4.19),
        ("EPSG:3035", (-180, -90, 180, 90), None, 10_000),
        ("EPSG:3035", (-180, -90, 180, 0), None, 0),
        ("EPSG:3035", (-180, -60, -150, -30), None, 0),
    ],
)
def test_zones_where_the_way_to_the_raster_tears(
    algorithm: ModuleType,
    context: FakeContext,
    make_raster: MakeRaster,
    raster: str,
    zone: tuple[float, float, float, float],
    crs: str | None,
    count: float,
) -> None:
    shape = {"EPSG:3857": (360, 360), "EPSG:3035": (100, 100)}.get(raster, (180, 360))
    shape = (180, 361) if raster == "ESRI:54009" else shape
    path = make_raster("a.tif", np.ones(shape, "uint8"), crs=raster, transform=WORLDS[raster])
    member = {"type": "name", "properties": {"name": crs}} if crs else None
    zones = collection(dict(shapely.box(*zone).__geo_interface__), crs=member)
    (found,) = run(algorithm, path, zones, ["count"], context)
    assert found["count"] == pytest.approx(count, rel=0.005)
    assert run(algorithm, path, zones, ["count"], context) == [found]


def test_no_zones_at_all(algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster) -> None:
    assert (
        run(algorithm, make_raster("a.tif", np.ones((4, 4), "uint8")), collection(), ["mean"], context) == []
    )


def test_the_example(algorithm: ModuleType, context: FakeContext, examples: Path) -> None:
    example = yaml.safe_load((examples / "islands.yml").read_text())
    found = run(
        algorithm,
        examples / "scene.tif",
        example["inputs"]["zones"],
        example["inputs"]["statistics"],
        context,
        band=example["inputs"]["band"],
    )
    for feature, properties in zip(example["outputs"]["zones"]["features"], found, strict=True):
        assert properties.pop("name") == feature["properties"].pop("name")
        assert properties == pytest.approx(feature["properties"], rel=1e-5)
