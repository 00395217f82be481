"""NetCDF files as layers of a map service: where they lie, when, and which cannot be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from rasterio.windows import Window

from dragoman.errors import InvalidRequest
from dragoman.rasters.netcdf_layers_reading import NetcdfLayer, netcdf_layers

LAT = ("lat", [41.5, 40.5, 39.5], {"units": "degrees_north"})
LON = ("lon", [-120.0, -119.0, -118.0, -117.0], {"units": "degrees_east"})
CELLS = np.arange(12.0).reshape(3, 4)
TIMES = ("time", [0, 31, 59], {"units": "days since 2000-01-01"})


def _layers(dataset: xr.Dataset) -> dict[str, NetcdfLayer]:
    return netcdf_layers(xr.decode_cf(dataset))


def _all(layer: NetcdfLayer) -> Any:
    return layer.read(range(layer.steps), Window(0, 0, layer.grid.width, layer.grid.height))


def test_a_variable_has_the_grid_of_its_cells() -> None:
    layer = _layers(xr.Dataset({"t": (("lat", "lon"), CELLS, {"units": "K"})}, {"lat": LAT, "lon": LON}))["t"]
    assert layer.grid.transform == (1, 0, -120.5, 0, -1, 42)
    assert (layer.grid.width, layer.grid.height, layer.units, layer.times) == (4, 3, "K", ())
    assert "4326" in layer.grid.crs_wkt
    np.testing.assert_array_equal(_all(layer), [CELLS])
    np.testing.assert_array_equal(layer.read(range(1), Window(1, 2, 2, 1)), [[[9, 10]]])


def test_rows_from_the_south_are_turned() -> None:
    lat = ("lat", LAT[1][::-1], LAT[2])
    layer = _layers(xr.Dataset({"t": (("lat", "lon"), CELLS)}, {"lat": lat, "lon": LON}))["t"]
    assert layer.grid.transform == (1, 0, -120.5, 0, -1, 42)
    np.testing.assert_array_equal(_all(layer), [CELLS[::-1]])
    np.testing.assert_array_equal(layer.read(range(1), Window(0, 0, 4, 1)), [CELLS[2:]])


def test_dimensions_in_another_order_are_turned() -> None:
    layer = _layers(xr.Dataset({"t": (("lon", "lat"), CELLS.T)}, {"lat": LAT, "lon": LON}))["t"]
    np.testing.assert_array_equal(_all(layer), [CELLS])


def test_the_world_from_greenwich_begins_at_180_west() -> None:
    lon = ("lon", np.arange(0, 360, 90.0), {"units": "degrees_east"})
    layer = _layers(xr.Dataset({"t": (("lat", "lon"), CELLS)}, {"lat": LAT, "lon": lon}))["t"]
    west, width = layer.grid.transform[2], layer.grid.transform[0]
    centres = west + width * (np.arange(4) + 0.5)
    values = _all(layer)[0]
    for centre, column in zip(centres, values.T, strict=True):
        place = round((centre % 360) / 90) % 4
        np.testing.assert_array_equal(column, CELLS[:, place])
    assert -225 <= west <= -135


def test_steps_come_in_the_order_of_their_times() -> None:
    values = np.stack([CELLS, CELLS + 100, CELLS + 200])
    time = ("time", [59, 0, 31], TIMES[2])
    dataset = xr.Dataset({"t": (("time", "lat", "lon"), values)}, {"time": time, "lat": LAT, "lon": LON})
    layer = _layers(dataset)["t"]
    assert layer.times == (946684800.0, 946684800.0 + 31 * 86400, 946684800.0 + 59 * 86400)
    np.testing.assert_array_equal(_all(layer), values[[1, 2, 0]])
    np.testing.assert_array_equal(layer.read(range(1, 2), Window(0, 0, 4, 3)), values[[2]])


def test_times_of_another_calendar_are_the_days_of_their_name() -> None:
    time = ("time", [0, 31, 59], {**TIMES[2], "calendar": "noleap"})
    values = np.stack([CELLS] * 3)
    dataset = xr.Dataset({"t": (("time", "lat", "lon"), values)}, {"time": time, "lat": LAT, "lon": LON})
    assert _layers(dataset)["t"].times[2] == 951868800.0  # the 1st of March 2000


def test_a_level_that_is_the_only_one_is_left_out() -> None:
    dataset = xr.Dataset(
        {"t": (("lev", "lat", "lon"), CELLS[np.newaxis])}, {"lat": LAT, "lon": LON, "lev": [5]}
    )
    np.testing.assert_array_equal(_all(_layers(dataset)["t"]), [CELLS])


def test_a_grid_mapping_says_where_it_lies() -> None:
    from pyproj import CRS

    mapping = ((), 0, CRS.from_epsg(32633).to_cf())
    x = ("x", [500_005.0, 500_015.0, 500_025.0, 500_035.0], {"standard_name": "projection_x_coordinate"})
    y = ("y", [105.0, 95.0, 85.0], {"standard_name": "projection_y_coordinate"})
    dataset = xr.Dataset(
        {"t": (("y", "x"), CELLS, {"grid_mapping": "where"}), "where": mapping}, {"x": x, "y": y}
    )
    layer = _layers(dataset)["t"]
    assert layer.grid.transform == (10, 0, 500_000, 0, -10, 110)
    assert CRS.from_wkt(layer.grid.crs_wkt).to_epsg() == 32633


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"lat": ("lat", [41.5, 40.5, 30.0], LAT[2])}, "not evenly spaced"),
        ({"lat": ("lat", [1.0, 2.0, 3.0])}, ""),
        ({"lon": ("lon", LON[1], {"axis": "X"}), "lat": ("lat", LAT[1], {"axis": "Y"})}, "no CRS"),
    ],
)
def test_what_cannot_be_drawn_is_named(change: dict[str, Any], told: str) -> None:
    dataset = xr.Dataset({"t": (("lat", "lon"), CELLS)}, {"lat": LAT, "lon": LON, **change})
    if not told:
        assert list(_layers(dataset)) == ["t"]
        return
    with pytest.raises(InvalidRequest, match=f"'t': .*{told}"):
        _layers(dataset)


def test_several_levels_cannot_be_drawn() -> None:
    dataset = xr.Dataset(
        {"t": (("lev", "lat", "lon"), np.stack([CELLS, CELLS]))}, {"lat": LAT, "lon": LON, "lev": [5, 6]}
    )
    with pytest.raises(InvalidRequest, match="'lev' is no time"):
        _layers(dataset)
    with pytest.raises(InvalidRequest, match="no variable"):
        _layers(xr.Dataset({"t": (("a",), [1.0])}))
