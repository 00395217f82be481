"""Warped rasters against analytic fields, told at the pixels' own coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from dragoman.rasters.opening import open_raster

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from tests.processes.conftest import FakeContext, MakeRaster

PROCESS = "reproject"
W = 20037508.342789244
TURNED = Affine.translation(500_000, 5_000_000) @ Affine.rotation(30) @ Affine.scale(10_000, -10_000)

type Place = tuple[str, Affine, tuple[int, int]]
"""CRS, transform, rows and columns of a raster."""

SOURCES: dict[str, Place] = {
    "world": ("EPSG:4326", Affine(2, 0, -180, 0, -2, 90), (90, 180)),
    "from 0": ("EPSG:4326", Affine(2, 0, 0, 0, -2, 90), (90, 180)),
    "ERA5": ("EPSG:4326", Affine(2, 0, -1, 0, -2, 91), (91, 180)),
    "mercator": ("EPSG:3857", Affine(W / 90, 0, -W, 0, -W / 90, W), (180, 180)),
    "mollweide": ("ESRI:54009", Affine(200_000, 0, -18_040_095, 0, -200_000, 9_020_048), (90, 180)),
    "UTM": ("EPSG:32633", Affine(10_000, 0, 200_000, 0, -10_000, 6_000_000), (100, 60)),
    "turned": ("EPSG:32633", TURNED, (50, 50)),
    "UTM across 180": ("EPSG:32601", Affine(10_000, 0, 100_000, 0, -10_000, 5_000_000), (60, 60)),
    "New Zealand across 180": ("EPSG:2193", Affine(20_000, 0, 1_000_000, 0, -20_000, 6_000_000), (60, 70)),
    "Arctic": ("EPSG:3413", Affine(50_000, 0, -2_500_000, 0, -50_000, 2_500_000), (100, 100)),
    "Lambert": ("EPSG:3035", Affine(40_000, 0, 2_500_000, 0, -40_000, 5_500_000), (100, 90)),
}
PAIRS = [
    *(
        (source, target)
        for source in ("world", "from 0", "ERA5", "mercator")
        for target in ("EPSG:3857", "EPSG:3832", "EPSG:3035", "EPSG:3413", "EPSG:3571")
    ),
    *((source, "EPSG:4326") for source in SOURCES if source not in ("world", "from 0", "ERA5")),
    *(
        (source, "EPSG:3857")
        for source in ("UTM", "turned", "UTM across 180", "New Zealand across 180", "Lambert")
    ),
    ("mollweide", "EPSG:3035"),
    ("mollweide", "EPSG:3571"),
    ("turned", "EPSG:3035"),
    ("UTM", "EPSG:3035"),
    ("Lambert", "EPSG:32633"),
    ("UTM across 180", "EPSG:3832"),
    ("New Zealand across 180", "EPSG:3832"),
    ("Arctic", "EPSG:3571"),
]


def field(lon: Any, lat: Any, waves: float) -> Any:
    """Waves through the globe: as smooth at the poles and at 180 degrees as elsewhere."""
    lon, lat = np.radians(lon), np.radians(lat)
    x, y, z = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)
    return np.sin(waves * (0.66 * x + 0.48 * y - 0.58 * z))


def waves_of(place: Place) -> float:
    """So many that one is about 16 pixels long."""
    side = abs(place[1].determinant) ** 0.5
    return float(0.4 / (np.radians(side) if place[0] == "EPSG:4326" else side / 6_370_000))


def lonlat(crs: Any, transform: Affine, shape: tuple[int, int]) -> Any:
    """Longitudes and latitudes of the centres of the pixels."""
    col, row = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    a, b, c, d, e, f = transform[:6]
    own = pyproj.CRS.from_wkt(CRS.from_user_input(crs).to_wkt())
    change = pyproj.Transformer.from_crs(own, 4326, always_xy=True)
    return change.transform(a * col + b * row + c, d * col + e * row + f)


def finer(place: Place) -> float:
    """Degrees: half a pixel's side, so that no kernel is widened on purpose."""
    side = abs(place[1].determinant) ** 0.5
    return float(side / 2 if place[0] == "EPSG:4326" else side / 222_000)


def second_order(values: Any) -> float:
    """The mean error of linear interpolation between the pixels, by the field's own second derivatives."""
    second = [np.nanmean(np.abs(np.diff(values, n=2, axis=axis))) for axis in (0, 1)]
    return float(sum(second) / 12)


def within(values: Any) -> Any:
    """The values without the outermost two pixels, where there is nothing to interpolate to."""
    kept = values.copy()
    for axis in (0, 1):
        for by in (1, 2, -1, -2):
            kept[np.isnan(np.roll(values, by, axis=axis))] = np.nan
    kept[:2] = kept[-2:] = kept[:, :2] = kept[:, -2:] = np.nan
    return kept


def made(algorithm: ModuleType, path: Path, context: FakeContext, **inputs: Any) -> Any:
    with open_raster(path) as raster:
        result = algorithm.run(raster, context=context, **inputs)
    return rasterio.open(result["raster"])


def make(make_raster: MakeRaster, place: Place, values: Any = None, **profile: Any) -> Path:
    crs, transform, shape = place
    if values is None:
        lon, lat = lonlat(crs, transform, shape)
        with np.errstate(invalid="ignore"):
            values = np.where(np.isfinite(lon), field(lon, lat, waves_of(place)), np.nan).astype("float32")
    return make_raster("source.tif", values, crs=crs, transform=transform, **profile)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_bilinear_is_as_near_as_the_field_allows(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, source: str, target: str
) -> None:
    context.config = {}
    path = make(make_raster, SOURCES[source])
    with rasterio.open(path) as raster:
        values = raster.read(1)
    resolution = finer(SOURCES[source]) if target == "EPSG:4326" else None
    with made(algorithm, path, context, crs=target, resampling="bilinear", resolution=resolution) as warped:
        lon, lat = lonlat(warped.crs, warped.transform, warped.shape)
        with np.errstate(invalid="ignore"):
            error = within(np.abs(warped.read(1) - field(lon, lat, waves_of(SOURCES[source]))))
    if (
        source == "mollweide"
    ):  # whose edge, where there is nothing to interpolate to, is not that of the target
        error[np.abs(lon) > 165] = np.nan
    assert np.isfinite(error).mean() > 0.2
    assert np.nanmean(error) < 2 * second_order(values)


def test_forty_pairs() -> None:
    assert len(PAIRS) >= 40


@pytest.mark.parametrize(
    ("target", "box", "step", "bound"),
    [
        ("EPSG:3460", [176, -22, -177, -12], 10_000, 0.03),
        ("EPSG:3460", [176, -22, 179.9, -12], 10_000, 0.03),
        ("EPSG:4326", [170, -20, 190, 20], 0.1, 0.03),
        ("EPSG:3413", [-180, 60, 180, 90], 20_000, 0.05),
    ],
)
@pytest.mark.parametrize("resampling", ["bilinear", "cubic", "lanczos"])
@pytest.mark.parametrize("left", [-180.0, -0.125])
def test_a_kernel_reaches_around_the_world(
    algorithm: ModuleType,
    context: FakeContext,
    make_raster: MakeRaster,
    target: str,
    box: list[float],
    step: float,
    bound: float,
    resampling: str,
    left: float,
) -> None:
    """A wave of 9 degrees on a quarter of a degree, up to the last half pixel beside 180 degrees."""
    context.config = {}
    place = ("EPSG:4326", Affine(0.25, 0, left, 0, -0.25, 90), (720, 1440))
    lon, lat = np.meshgrid(left + 0.125 + np.arange(1440) / 4, 89.875 - np.arange(720) / 4)
    path = make(make_raster, place, nine(lon, lat).astype("float32"))
    inputs = {"crs": target, "resolution": step, "bbox": {"bbox": box}, "resampling": resampling}
    with made(algorithm, path, context, **inputs) as warped:
        lon, lat = lonlat(warped.crs, warped.transform, warped.shape)
        error = np.abs(warped.read(1) - nine(lon, lat))[lat < 89.5]
    assert error.max() < bound


def nine(lon: Any, lat: Any) -> Any:
    """A wave of 9 degrees; as smooth at 180 as elsewhere."""
    return np.sin(np.radians(lon) * 40) * np.cos(np.radians(lat) * 40)


def test_no_strip_is_left_where_the_source_begins(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make(make_raster, SOURCES["ERA5"])
    box = {"bbox": [170, -30, -160, 10]}
    for resampling in ("nearest", "bilinear", "cubic", "average"):
        inputs = {"crs": "EPSG:3832", "resampling": resampling, "resolution": 100_000, "bbox": box}
        with made(algorithm, path, context, **inputs) as warped:
            assert np.isfinite(warped.read(1)).all()


def test_an_area_of_use_across_180_stays_whole(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    for source in ("world", "from 0"):
        path = make(make_raster, SOURCES[source])
        with made(algorithm, path, context, crs="EPSG:3832") as warped:
            assert warped.bounds.left == pytest.approx(-5.712e6, abs=1e5)
            assert warped.bounds.right == pytest.approx(15.838e6, abs=2e5)
            assert np.isfinite(warped.read(1)).mean() > 0.99


@pytest.mark.parametrize("target", ["EPSG:4326", "EPSG:3857", "EPSG:3832"])
@pytest.mark.parametrize(
    "place",
    [
        SOURCES["UTM across 180"],
        ("EPSG:32660", Affine(10_000, 0, 600_000, 0, -10_000, 5_000_000), (60, 60)),
        ("EPSG:2193", Affine(50_000, 0, 2_000_000, 0, -50_000, 5_300_000), (16, 16)),
        ("EPSG:3338", Affine(20_000, 0, -2_400_000, 0, -20_000, 1_000_000), (50, 50)),
        ("EPSG:4326", Affine(0.01, 0, 179.9, 0, -0.01, 10), (40, 32)),
    ],
    ids=lambda place: place[0] if isinstance(place, tuple) else place,
)
def test_a_raster_across_180_stays_in_one_piece(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, place: Place, target: str
) -> None:
    path = make(make_raster, place, np.full(place[2], 7, "uint8"), nodata=0)
    with made(algorithm, path, context, crs=target) as warped:
        values = warped.read(1)
    rows, cols = place[2]
    assert 0.5 * rows * cols < (values == 7).sum() < 2 * rows * cols
    assert (values == 7).mean() > 0.4


def test_a_raster_in_grads_is_not_cut_by_degrees(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    place = ("EPSG:4807", Affine(0.1, 0, -7, 0, -0.1, 57), (100, 100))
    path = make(make_raster, place, np.ones((100, 100), "uint8"), nodata=0)
    with made(algorithm, path, context, crs="EPSG:2154") as warped:
        assert warped.bounds.top == pytest.approx(7_155_400, abs=10_000)
        assert (warped.read(1) == 1).sum() == pytest.approx(9400, rel=0.02)


@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:3067", "EPSG:2154"])
def test_a_world_that_has_no_box_there_is_found_all_the_same(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster, crs: str
) -> None:
    path = make(make_raster, SOURCES["mollweide"], np.ones((90, 180), "uint8"), nodata=0)
    box = {"bbox": [450_000, 6_700_000, 550_000, 6_800_000], "crs": crs}
    with made(algorithm, path, context, crs=crs, resolution=5000, bbox=box) as warped:
        assert (warped.read(1) == 1).sum() == 400


def test_a_turned_raster_keeps_its_own_resolution(
    algorithm: ModuleType, context: FakeContext, make_raster: MakeRaster
) -> None:
    path = make(make_raster, SOURCES["turned"], np.arange(1, 2501, dtype="float32").reshape(50, 50))
    with made(algorithm, path, context, crs="EPSG:32633") as warped:
        assert warped.res == pytest.approx((10_000, 10_000))
    with made(algorithm, path, context, crs="EPSG:32634") as warped:
        assert warped.res[0] == pytest.approx(10_000, rel=0.06)


@pytest.mark.parametrize(
    ("red", "nir"),
    [
        (("EPSG:32631", Affine(1000, 0, 200_000, 0, -1000, 5_000_000)), -180),
        (("EPSG:32631", Affine(1000, 0, 200_000, 0, -1000, 5_000_000)), 0),
        (("EPSG:32614", Affine(1000, 0, 500_000, 0, -1000, 4_500_000)), 0),
        (("EPSG:4326", Affine(1, 0, -100, 0, -1, 40)), 0),
        (("EPSG:4326", Affine(1, 0, 175, 0, -1, 40)), -180),
        (("EPSG:32601", Affine(50_000, 0, 0, 0, -50_000, 5_000_000)), -180),
    ],
)
def test_ndvi_finds_its_nir_in_any_longitudes(
    context: FakeContext,
    make_raster: MakeRaster,
    load_process: Callable[[str], ModuleType],
    red: tuple[str, Affine],
    nir: float,
) -> None:
    index = load_process("ndvi")
    first = make_raster("r.tif", np.ones((10, 10), "float32"), crs=red[0], transform=red[1])
    world = np.full((180, 360), 3, "float32")
    second = make_raster("n.tif", world, crs="EPSG:4326", transform=Affine(1, 0, nir, 0, -1, 90))
    with open_raster(first) as a, open_raster(second) as b:
        statistics = index.run(a, b, context=context)["statistics"]
    assert (statistics["valid_count"], statistics["mean"]) == (100, 0.5)


def test_ndvi_does_not_blur_a_turned_nir(
    context: FakeContext, make_raster: MakeRaster, load_process: Callable[[str], ModuleType]
) -> None:
    index = load_process("ndvi")
    size, left, top = 100, 495_000, 8_330_000
    red = make_raster(
        "r.tif",
        np.ones((size, size), "float32"),
        crs="EPSG:32631",
        transform=Affine(100, 0, left, 0, -100, top),
    )
    col, row = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    polar = pyproj.Transformer.from_crs(32631, 3413, always_xy=True)
    x, y = polar.transform(left + 100 * col, top - 100 * row)
    transform = Affine(100, 0, x.min() - 1000, 0, -100, y.max() + 1000)

    def wave(x: Any, y: Any) -> Any:
        return 2 + np.sin(2 * np.pi * x / 1600) * np.cos(2 * np.pi * y / 1600)

    col, row = np.meshgrid(np.arange(220) + 0.5, np.arange(220) + 0.5)
    values = wave(transform.c + 100 * col, transform.f - 100 * row).astype("float32")
    nir = make_raster("n.tif", values, crs="EPSG:3413", transform=transform)
    with open_raster(red) as a, open_raster(nir) as b:
        result = index.run(a, b, context=context)
    with rasterio.open(result["ndvi"]) as warped:
        found = warped.read(1)
    exact = wave(x, y)
    assert np.abs(found - (exact - 1) / (exact + 1)).mean() < 0.01
    assert result["statistics"]["std"] == pytest.approx(((exact - 1) / (exact + 1)).std(), rel=0.04)
