"""Opening the operator's files beforehand, as `dragoman check` does: what is wrong is a line, and nothing is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from harness import Server

from dragoman.composition import MAP_FILE
from dragoman.maps.declarations import ServiceDeclaration
from dragoman.maps.own_files_process import opened, problem_of

if TYPE_CHECKING:
    from pathlib import Path


def _netcdf(path: Path) -> Path:
    """Two variables, on grids of their own."""
    coarse = {"lat": ("lat", np.arange(4.0)), "lon": ("lon", np.arange(5.0))}
    fine = {"lat2": ("lat2", np.arange(8) / 2), "lon2": ("lon2", np.arange(10) / 2)}
    units = {"lat": "degrees_north", "lon": "degrees_east"}
    dataset = xr.Dataset(
        {"a": (("lat", "lon"), np.ones((4, 5))), "b": (("lat2", "lon2"), np.ones((8, 10)))},
        {**coarse, **fine},
    )
    for name in dataset.coords:
        dataset[name].attrs["units"] = units[str(name).removesuffix("2")]
    dataset.to_netcdf(path, engine="h5netcdf")
    return path


def _geotiff(path: Path) -> Path:
    with rasterio.open(
        path, "w", "GTiff", 30, 20, 1, "EPSG:32633", Affine(10, 0, 500_000, 0, -10, 5_000_000), "int16"
    ) as target:
        target.write(np.ones((1, 20, 30), "int16"))
    return path


def _text(path: Path) -> Path:
    path.write_text("no raster")
    return path


def test_each_is_opened_and_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    netcdf, tiff = _netcdf(tmp_path / "two.nc"), _geotiff(tmp_path / "one.tif")
    cut = tmp_path / "cut.nc"
    cut.write_bytes(netcdf.read_bytes()[:3000])
    declarations = [
        ServiceDeclaration(name="netcdf", path=netcdf),
        ServiceDeclaration(name="tiff", path=tiff),
        ServiceDeclaration(name="gone", path=tmp_path / "gone.nc"),
        ServiceDeclaration(name="text", path=_text(tmp_path / "text.tif")),
        ServiceDeclaration(name="cut", path=cut),
        ServiceDeclaration(name="variable", path=netcdf, variables={"c": None}),
        ServiceDeclaration(name="band", path=tiff, variables={"band2": None}),
        ServiceDeclaration(name="grids", path=netcdf, variables={"a": None, "b": None}),
    ]
    before = sorted(tmp_path.iterdir())
    problems = {each.name: problem for each, problem in opened(declarations, MAP_FILE)}
    assert list(problems) == [each.name for each in declarations]
    assert (problems["netcdf"], problems["tiff"]) == ("", "")
    assert problems["gone"].startswith("there is no file ")
    assert "'c' that can be drawn; allowed: a, b" in problems["variable"]
    assert "'band2' that can be drawn; allowed: band1" in problems["band"]
    assert "several grids; 'b'" in problems["grids"]
    assert all(problems[name] and "\n" not in problems[name] for name in ("text", "cut"))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (["false"], "its process ended while it was read (code 1)"),
        (["sleep", "60"], "was not read within 0.1 s"),
        (["/no/such/command"], "cannot be looked at: No such file or directory"),
    ],
)
def test_a_process_that_does_not_answer_is_a_problem(command: list[str], problem: str) -> None:
    assert problem_of(command, {}, 0.1 if command[0] == "sleep" else 60) == problem


@pytest.mark.slow
def test_check_prints_a_line_for_each_service_and_fails_for_a_broken_one(tmp_path: Path) -> None:
    services = {"well": {"path": str(_geotiff(tmp_path / "one.tif"))}}
    ncdjango = {"dialects": {"ncdjango": {"services": services}}}
    checked = Server(tmp_path / "well", ncdjango).cli("check")
    assert "ok      map service well" in checked.stdout.splitlines()
    assert checked.returncode == 0, checked.stdout
    services["wrong/text"] = {"path": str(_text(tmp_path / "text.tif"))}
    checked = Server(tmp_path / "broken", ncdjango).cli("check")
    assert checked.returncode == 1
    told = [line for line in checked.stdout.splitlines() if "map service" in line]
    assert told[0] == "ok      map service well"
    assert told[1].startswith("broken  map service wrong/text: ")
    assert len(told) == 2
    assert not (tmp_path / "broken" / "home").exists(), "nothing is made"
