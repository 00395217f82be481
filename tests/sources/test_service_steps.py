"""A step of a map service as an input's schema wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine

from dragoman.config.settings import FetchSettings
from dragoman.errors import InputError
from dragoman.model.job import InputValue
from dragoman.model.process import InputSpec
from dragoman.model.service_step import ServiceStep
from dragoman.schemas.forms import GEOTIFF, NETCDF
from dragoman.sources.policy import SourcePolicy
from dragoman.sources.resolve import resolve
from dragoman.sources.service_steps import GONE

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.model.resolved import ResolvedValue

RASTER = {"type": "string", "contentEncoding": "binary", "contentMediaType": GEOTIFF}
NETCDF_FILE = {**RASTER, "contentMediaType": NETCDF}
VALUES = np.arange(60, dtype="int16").reshape(3, 4, 5)


def _pyramid(path: Path, bands: int) -> Path:
    with rasterio.open(
        path,
        "w",
        "GTiff",
        5,
        4,
        bands,
        "EPSG:32633",
        Affine(10, 0, 500_000, 0, -10, 5_000_000),
        "int16",
        nodata=7,
    ) as target:
        target.write(VALUES[:bands])
    return path


def _resolved(tmp_path: Path, schema: Any, *, bands: int = 3, band: int = 2) -> ResolvedValue:
    step = ServiceStep(path=str(_pyramid(tmp_path / "layers.tif", bands)), band=band, variable="tmax", step=1)
    value = InputValue(href="service://climate:tmax@5", service=step)
    policy = SourcePolicy(fetch=FetchSettings())
    return resolve(InputSpec(id="scene", schema=schema), value, tmp_path / "inputs", policy)


def test_a_raster_gets_that_band_alone(tmp_path: Path) -> None:
    value = _resolved(tmp_path, RASTER)
    assert value.path is not None
    with rasterio.open(value.path) as copy:
        assert (copy.count, copy.nodata, copy.crs.to_epsg()) == (1, 7, 32633)
        np.testing.assert_array_equal(copy.read(1), VALUES[1])


def test_a_file_of_one_band_is_handed_on_and_outlasts_the_service(tmp_path: Path) -> None:
    value = _resolved(tmp_path, RASTER, bands=1, band=1)
    (tmp_path / "layers.tif").unlink()
    assert value.path is not None
    with rasterio.open(value.path) as lent:
        np.testing.assert_array_equal(lent.read(1), VALUES[0])


def test_netcdf_gets_a_variable_of_that_name(tmp_path: Path) -> None:
    value = _resolved(tmp_path, NETCDF_FILE)
    assert value.path is not None
    with xr.open_dataset(value.path) as dataset:
        assert dataset["tmax"].dims == ("y", "x")
        np.testing.assert_array_equal(dataset["tmax"].values, VALUES[1])


def test_an_array_gets_rows_of_numbers_and_null_for_what_is_missing(tmp_path: Path) -> None:
    value = _resolved(tmp_path, {"type": "array", "items": {"type": "array"}}, band=1)
    expected: list[list[int | None]] = VALUES[0].tolist()
    expected[1][2] = None
    assert value.value == expected


def test_an_array_is_not_endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.sources.service_steps.MOST_NUMBERS", 19)
    with pytest.raises(InputError, match="20 cells; at most 19"):
        _resolved(tmp_path, {"type": "array"})


def test_a_service_that_has_gone_meanwhile_is_told(tmp_path: Path) -> None:
    step = ServiceStep(path=str(tmp_path / "none.tif"), band=1, variable="x")
    value = InputValue(href="service://x", service=step)
    with pytest.raises(InputError, match=GONE):
        resolve(InputSpec(id="scene", schema=RASTER), value, tmp_path, SourcePolicy(fetch=FetchSettings()))
