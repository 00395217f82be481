"""Rasters and NetCDF files made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

UTM = Affine(10, 0, 500_000, 0, -10, 5_000_000)

type MakeRaster = Callable[..., Path]


@pytest.fixture
def make_raster(tmp_path: Path) -> MakeRaster:
    """``make_raster("a.tif", array, nodata=0, ...)`` writes (rows, cols) or (bands, rows, cols)."""

    def make(name: str, array: Any, **profile: Any) -> Path:
        bands = np.asarray(array)
        bands = bands[np.newaxis] if bands.ndim == 2 else bands
        count, height, width = bands.shape
        options = {
            "driver": "GTiff",
            "crs": "EPSG:32633",
            "transform": UTM,
            "dtype": bands.dtype.name,
            **profile,
        }
        path = tmp_path / name
        with rasterio.open(path, "w", width=width, height=height, count=count, **options) as target:
            target.write(bands)
        return path

    return make
