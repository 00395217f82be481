"""Data to measure with, made by code, the same each time: two bands, a series of fields, zones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

if TYPE_CHECKING:
    from pathlib import Path

TILE = 512
ROWS = 1024
"""Rows made at once."""
FIELD = 64
"""Pixels between two knots of the landscape."""


def make_pair(folder: Path, size: int) -> tuple[Path, Path]:
    """red.tif and nir.tif of size x size: hills and fields, noise of the sensor, and an edge without data."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(20)
    knots = rng.random((size // FIELD + 2, size // FIELD + 2), dtype=np.float32)
    made = []
    for name, low, high, noise in (("red", 300.0, 2500.0, 25.0), ("nir", 1500.0, 3500.0, 40.0)):
        path = folder / f"{name}.tif"
        with rasterio.open(path, "w", **_profile(size)) as target:
            for top in range(0, size, ROWS):
                rows = min(ROWS, size - top)
                block = low + high * _landscape(knots, top, rows, size) ** 2
                block += noise * rng.standard_normal(block.shape, dtype=np.float32)
                values = np.clip(block, 1, 10_000).astype(np.uint16)
                values[_edge(top, rows, size)] = 0
                target.write(values, 1, window=Window(0, top, size, rows))
        made.append(path)
    return made[0], made[1]


def _landscape(knots: Any, top: int, rows: int, size: int) -> Any:
    """The knots, joined bilinearly; float32 (rows, size) in 0..1."""
    y = np.arange(top, top + rows, dtype=np.float32) / FIELD
    x = np.arange(size, dtype=np.float32) / FIELD
    i, j = y.astype(int), x.astype(int)
    v, u = (y - i)[:, None], x - j
    upper = knots[i][:, j] * (1 - u) + knots[i][:, j + 1] * u
    lower = knots[i + 1][:, j] * (1 - u) + knots[i + 1][:, j + 1] * u
    return upper * (1 - v) + lower * v


def _edge(top: int, rows: int, size: int) -> Any:
    """The corner that the swath left out, as a mask."""
    return np.arange(size)[None, :] < (size // 6 - np.arange(top, top + rows)[:, None])


def _profile(size: int) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "width": size,
        "height": size,
        "count": 1,
        "dtype": "uint16",
        "crs": "EPSG:32633",
        "transform": from_origin(300_000, 5_000_000, 10, 10),
        "nodata": 0,
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "compress": "zstd",
        "zstd_level": 1,
        "predictor": 2,
        "num_threads": 2,
    }


def make_series(path: Path, shape: tuple[int, int, int], *, deflated: bool) -> Path:
    """Temperatures over time, latitude, longitude: float32, contiguous, or a deflated chunk for each time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times, rows, cols = shape
    base = np.random.default_rng(21).normal(280, 10, (rows, cols)).astype(np.float32)
    storage: dict[str, Any] = {"contiguous": True}
    if deflated:
        storage = {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": (1, rows, cols)}
    with netCDF4.Dataset(path, "w") as file:
        for name, size in zip(("time", "lat", "lon"), shape, strict=True):
            file.createDimension(name, size)
            variable = file.createVariable(name, "f8", (name,))
            variable.units = {
                "time": "hours since 2000-01-01",
                "lat": "degrees_north",
                "lon": "degrees_east",
            }[name]
            variable[:] = np.arange(size) if name == "time" else (np.arange(size) + 0.5) * 180 / rows
        file["lat"][:] -= 90
        values = file.createVariable("t2m", "f4", ("time", "lat", "lon"), **storage)
        values.units = "K"
        for number in range(times):
            field = base + np.float32(10 * np.sin(number / 50))
            values[number] = np.round(field * 64) / 64 if deflated else field
    return path


def make_zones(path: Path, size: int, *, along: int = 10) -> Path:
    """Hexagons on the ground of ``make_pair``, some of them across each other's edges; GeoJSON of the same CRS."""
    step = size * 10 / along
    features = []
    for number in range(along * along):
        x, y = 300_000 + (number % along + 0.5) * step, 5_000_000 - (number // along + 0.5) * step
        angles = np.linspace(0, 2 * np.pi, 7)
        ring = [[float(x + 0.45 * step * np.cos(a)), float(y + 0.45 * step * np.sin(a))] for a in angles]
        ring[-1] = ring[0]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": {"id": number}, "geometry": geometry})
    crs = {"type": "name", "properties": {"name": "EPSG:32633"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}), "utf-8")
    return path
