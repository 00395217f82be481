"""The operator's files as services: what is made of them, by a process of its own, and what a broken one costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from harness import HANG, wait_for
from rasterio.enums import ColorInterp, Resampling

from dragoman.composition import MAP_FILE
from dragoman.errors import InvalidRequest
from dragoman.maps.declarations import ServiceDeclaration, dump_declaration, load_declaration, state_of
from dragoman.maps.drawing.open_files import OpenFiles
from dragoman.maps.drawing.views import View, read_view
from dragoman.maps.own_files import make_own_service
from dragoman.maps.own_services import RETRY, OwnMaps
from dragoman.maps.renderers import MIN_MAX, parse_renderer
from dragoman.maps.service_codec import load_service
from dragoman.maps.service_files import OWN, ROOT
from dragoman.rasters.crs import parse_crs
from dragoman.rasters.service_copies import copy_step

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.model.map_service import MapService

VALUES = np.arange(3 * 40 * 50, dtype="float32").reshape(3, 40, 50)


@pytest.fixture
def climate(tmp_path: Path) -> Path:
    """A NetCDF with ``tmax`` at three times, rows from the south, one cell missing; and a mask without time."""
    values = VALUES.copy()
    values[1, 0, 0] = np.nan
    path = tmp_path / "climate.nc"
    xr.Dataset(
        {
            "tmax": (("time", "lat", "lon"), values, {"units": "K"}),
            "mask": (("lat", "lon"), np.ones((40, 50), "int16")),
            "about": ((), 5),
        },
        {
            "time": ("time", [0, 1, 2], {"units": "days since 1970-01-02"}),
            "lat": ("lat", np.arange(40) * 0.25 + 10, {"units": "degrees_north"}),
            "lon": ("lon", np.arange(50) * 0.25 - 100, {"units": "degrees_east"}),
        },
    ).to_netcdf(path, engine="h5netcdf")
    return path


def _geotiff(
    path: Path, *, pyramid: bool = True, bands: int = 2, dtype: str = "int16", means: bool = False
) -> Path:
    with rasterio.open(
        path, "w", "GTiff", 1500, 1200, bands, "EPSG:32633", Affine(10, 0, 500_000, 0, -10, 5_000_000), dtype,
        nodata=-1, tiled=True, blockxsize=256, blockysize=256,
    ) as target:  # fmt: skip
        for band in target.indexes:
            target.write(np.arange(1500 * 1200).reshape(1200, 1500).astype(dtype) % 100 * band, band)
        if pyramid:
            target.build_overviews([2, 4], Resampling.average if means else Resampling.nearest)
    return path


def _made(tmp_path: Path, path: Path, **members: Any) -> MapService:
    folder = tmp_path / "made"
    folder.mkdir()
    declaration = load_declaration(
        dump_declaration(ServiceDeclaration(name="climate/daily", path=path, **members))
    )
    return make_own_service(declaration, folder, folder)


def test_each_variable_of_a_netcdf_is_drawn_from_a_pyramid_with_a_band_for_each_time(
    tmp_path: Path, climate: Path
) -> None:
    service = _made(tmp_path, climate, description="Daily")
    assert (service.owner, service.temporary, service.data, service.description) == (
        None,
        False,
        climate,
        "Daily",
    )
    tmax, mask = service.variables
    assert (tmax.name, tmax.units, tmax.times) == ("tmax", "K", (86400.0, 172800.0, 259200.0))
    assert (tmax.minimum, tmax.maximum) == (0, VALUES.max())
    assert (mask.name, mask.index, mask.times, mask.dtype) == ("mask", 1, (), "int16")
    for step, (path, band) in enumerate(tmax.drawn):
        with rasterio.open(path) as pyramid:
            assert pyramid.transform.almost_equals(Affine(0.25, 0, -100.125, 0, -0.25, 19.875))
            assert pyramid.crs.to_epsg() == 4326
            read = pyramid.read(band, masked=True)
        expected = VALUES[step, ::-1].copy()
        assert np.ma.getmaskarray(read)[39, 0] == (step == 1)
        np.testing.assert_array_equal(read.filled(expected[39, 0]), expected)
    assert len(mask.drawn) == 1


def test_the_configuration_chooses_variables_their_order_and_their_renderers(
    tmp_path: Path, climate: Path
) -> None:
    renderer = parse_renderer({"type": "stretched", "colors": [["p50", "#000"], ["max", "#fff"]]}, words=True)
    service = _made(tmp_path, climate, variables={"mask": None, "tmax": renderer})
    assert [(each.name, each.index) for each in service.variables] == [("mask", 0), ("tmax", 1)]
    first, second = service.variables[1].renderer.colors
    assert first[0] == pytest.approx(np.median(VALUES), rel=1e-3)
    assert second[0] == VALUES.max()


def test_a_variable_that_is_not_there_is_named(tmp_path: Path, climate: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"'tmin'.*tmax, mask"):
        _made(tmp_path, climate, variables={"tmin": None})


def test_a_geotiff_with_overviews_is_drawn_as_it_is(tmp_path: Path) -> None:
    path = _geotiff(tmp_path / "scene.tif")
    service = _made(tmp_path, path)
    assert [each.name for each in service.variables] == ["band1", "band2"]
    assert [each.drawn for each in service.variables] == [((path, 1),), ((path, 2),)]
    assert [each.maximum for each in service.variables] == [99, 198]
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["service.json"]


def test_another_geotiff_gets_a_pyramid(tmp_path: Path) -> None:
    path = _geotiff(tmp_path / "scene.tif", pyramid=False)
    service = _made(tmp_path, path, variables={"band2": MIN_MAX})
    (variable,) = service.variables
    ((drawn, band),) = variable.drawn
    with rasterio.open(drawn) as pyramid, rasterio.open(path) as source:
        assert (pyramid.count, band, pyramid.nodata) == (1, 1, -1)
        np.testing.assert_array_equal(pyramid.read(1), source.read(2))
        assert pyramid.overviews(1)


@pytest.mark.parametrize(
    ("dtype", "means", "kind", "direct"),
    [
        ("int16", True, "stretched", False),
        ("int16", False, "unique", True),
        ("float32", True, "classified", False),
        ("float32", True, "unique", False),
        ("float32", True, "stretched", True),
    ],
)
def test_overviews_of_means_are_not_drawn_where_a_value_is_a_kind(
    tmp_path: Path, dtype: str, means: bool, kind: str, direct: bool
) -> None:
    path = _geotiff(tmp_path / "scene.tif", dtype=dtype, means=means)
    renderer = parse_renderer({"type": kind, "colors": [[1, "#000"], [90, "#fff"]]}, words=True)
    service = _made(tmp_path, path, variables={"band1": renderer})
    ((drawn, _),) = service.variables[0].drawn
    assert (drawn == path) == direct
    if not direct:
        with rasterio.open(drawn, overview_level=1) as overview, rasterio.open(path) as source:
            assert set(np.unique(overview.read(1))) <= set(np.unique(source.read(1)))


def test_files_are_looked_at_by_a_process_and_a_broken_one_costs_itself_alone(
    tmp_path: Path, climate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken.nc"
    broken.write_bytes(b"CDF\x01 and no more")
    home = tmp_path / "home"
    declarations = [
        ServiceDeclaration(name="broken", path=broken),
        ServiceDeclaration(name="gone", path=tmp_path / "gone.tif"),
        ServiceDeclaration(name="climate/daily", path=climate),
    ]
    own = OwnMaps(declarations, home=home, command=MAP_FILE)
    own.start()
    assert own.wait(HANG)
    assert list(own.services()) == ["climate/daily"]
    path, _ = own.services()["climate/daily"].variables[0].drawn[0]
    assert path.is_file()
    assert path.is_relative_to(home / ROOT / OWN)
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(lines) == 2
    assert {line.split(":")[0] for line in lines} == {"map service broken", "map service gone"}
    again = OwnMaps(declarations, home=home, command=["false"])  # nothing is made twice
    again.start()
    assert again.wait(HANG)
    assert again.services()["climate/daily"] == own.services()["climate/daily"]


def test_a_file_that_has_changed_is_made_anew(
    tmp_path: Path, climate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.maps.own_services.EVERY", 0.05)
    declaration = ServiceDeclaration(name="climate", path=climate)
    own = OwnMaps([declaration], home=tmp_path / "home", command=MAP_FILE)
    own.start()
    assert own.wait(HANG)
    first = state_of(declaration)
    assert own.services()["climate"].variables[0].maximum == VALUES.max()
    with xr.open_dataset(climate, engine="h5netcdf") as dataset:
        changed = dataset.load()
    changed["tmax"] = changed["tmax"] * 2
    changed.to_netcdf(tmp_path / "new.nc", engine="h5netcdf")
    (tmp_path / "new.nc").rename(climate)
    assert state_of(declaration) != first
    wait_for(lambda: own.services()["climate"].variables[0].maximum == 2 * VALUES.max(), "it is made anew")
    folder = tmp_path / "home" / ROOT / OWN / "climate"
    names = ["lock", first, state_of(declaration)]  # the state before, which a job may be going to read
    assert sorted(entry.name for entry in folder.iterdir()) == sorted(names)


def test_a_file_that_was_away_for_a_moment_is_served_again(
    tmp_path: Path, climate: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dragoman.maps.own_services.EVERY", 0.05)
    own = OwnMaps(
        [ServiceDeclaration(name="climate", path=climate)], home=tmp_path / "home", command=MAP_FILE
    )
    own.start()
    assert own.wait(HANG)
    away = tmp_path / "away.nc"
    for _ in range(2):
        caplog.clear()
        climate.rename(away)
        wait_for(lambda: not own.services(), "it is gone")
        wait_for(lambda: _errors(caplog) == 1, "it is told each time")
        away.rename(climate)
        wait_for(lambda: list(own.services()) == ["climate"], "it is back")


def test_a_failure_is_tried_again_after_some_minutes(
    tmp_path: Path, climate: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dragoman.maps.own_services.EVERY", 0.05)
    now, looks, command = [0.0], [0], ["false"]

    def clock() -> float:
        looks[0] += 1
        return now[0]

    declaration = ServiceDeclaration(name="climate", path=climate)
    own = OwnMaps([declaration], home=tmp_path / "home", command=command, clock=clock)
    own.start()
    assert own.wait(HANG)
    assert own.services() == {}
    command[:] = MAP_FILE
    before = looks[0]
    wait_for(lambda: looks[0] >= before + 3, "it is looked at again")
    assert own.services() == {}
    now[0] = RETRY
    wait_for(lambda: list(own.services()) == ["climate"], "it is tried again")
    assert _errors(caplog) == 1


def _errors(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.levelname == "ERROR" for record in caplog.records)


def test_a_service_is_read_as_it_was_written(tmp_path: Path, climate: Path) -> None:
    service = _made(tmp_path, climate)
    again = load_service(json.loads((tmp_path / "made" / "service.json").read_text()))
    assert repr(again) == repr(service)  # a nodata value that is NaN is equal to none


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("steps", [2, 3, 4, 5])
def test_no_step_of_a_pyramid_is_a_mask_or_a_colour_of_the_others(
    tmp_path: Path, steps: int, dtype: str
) -> None:
    values = (np.arange(steps * 40 * 50) % 200).astype(dtype).reshape(steps, 40, 50)
    values[-1, :20] = 0  # as a mask it would hide these rows of the other steps
    path = tmp_path / "steps.nc"
    xr.Dataset(
        {"landcover": (("time", "lat", "lon"), values)},
        {
            "time": ("time", np.arange(steps), {"units": "days since 1970-01-02"}),
            "lat": ("lat", 20 - np.arange(40) * 0.25, {"units": "degrees_north"}),
            "lon": ("lon", np.arange(50) * 0.25 - 100, {"units": "degrees_east"}),
        },
    ).to_netcdf(path, engine="h5netcdf")
    drawn = _made(tmp_path, path).variables[0].drawn
    assert len(drawn) == steps
    with rasterio.open(drawn[0][0]) as pyramid:
        assert set(pyramid.colorinterp) <= {ColorInterp.gray, ColorInterp.undefined}
    for step, (file, band) in enumerate(drawn):
        view = View(bbox=(-100.125, 10.125, -87.625, 20.125), crs=parse_crs("EPSG:4326"), width=50, height=40)
        cells = read_view(OpenFiles().get(str(file)), band, None, view)
        assert cells is not None
        assert cells.valid.all()
        np.testing.assert_array_equal(cells.values, values[step])
        copy_step(str(file), band, tmp_path / "step.tif")
        with rasterio.open(tmp_path / "step.tif") as copy:
            assert copy.dtypes == (dtype,)
            np.testing.assert_array_equal(copy.read(1), values[step])
            assert copy.read_masks(1).all()
