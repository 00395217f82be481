"""The operator's files as map services on a real server: the recorded server's data, read from NetCDF and drawn."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import requests
import xarray as xr
from harness import HANG, Server, wait_for
from mapkit import NODATA, tmax, zones
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

NAME = "folder/climate"
CLASSES = {"type": "unique", "colors": [[0, "#f00"], [1, "#0f0"], [2, "#00f"], [3, "#ff0"]]}
RAMP = {"type": "stretched", "colors": [[0, "#0000ff"], [400, "#ff0000"]]}


def write_climate(path: Path) -> None:
    """The recorded ``climate-service``."""
    steps = tmax()
    dataset = xr.Dataset(
        {
            "tmax": (("time", "lat", "lon"), np.where(steps == NODATA, np.nan, steps)),
            "zones": (("lat", "lon"), zones()[0]),
        },
        coords={
            "time": ("time", np.arange(3), {"units": "days since 2017-08-05", "standard_name": "time"}),
            "lat": (
                "lat",
                39.75 - np.arange(20) / 2,
                {"units": "degrees_north", "standard_name": "latitude"},
            ),
            "lon": (
                "lon",
                -119.75 + np.arange(20) / 2,
                {"units": "degrees_east", "standard_name": "longitude"},
            ),
        },
    )
    dataset.to_netcdf(path, encoding={"tmax": {"dtype": "float32", "_FillValue": NODATA}})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("maps")
    write_climate(folder / "climate.nc")
    variables = {"tmax": {"renderer": RAMP}, "zones": {"renderer": CLASSES}}
    services = {
        NAME: {"path": str(folder / "climate.nc"), "description": "test", "variables": variables},
    }
    server = Server(folder / "server", {"dialects": {"ncdjango": {"services": services}}})
    try:
        server.start(gunicorn=2)
        wait_for(lambda: _names(server) == {NAME}, "the service is there")
        yield server
    finally:
        server.stop()


def _names(server: Server) -> set[str]:
    answer = requests.get(f"{server.url}/arcgis/rest/services", timeout=HANG).json()
    return {each["name"] for each in answer["services"]}


def ask(server: Server, path: str, **query: str) -> Any:
    answer = requests.get(f"{server.url}{path}", params=query, timeout=HANG)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_says_what_the_recorded_server_said(server: Server) -> None:
    document = ask(server, f"/arcgis/rest/services/{NAME}/MapServer")
    assert [layer["name"] for layer in document["layers"]] == ["tmax", "zones"]
    assert document["timeInfo"]["timeExtent"] == [1501891200000, 1502064000000]
    assert document["timeInfo"]["defaultTimeIntervalUnits"] == "esriTimeUnitsDays"
    extent = [document["fullExtent"][each] for each in ("xmin", "ymin", "xmax", "ymax")]
    recorded = [-13358338.895192828, 3503549.8435043753, -12245143.987260092, 4865942.279503175]
    np.testing.assert_allclose(extent, recorded, rtol=1e-9)


def test_its_values_are_those_of_the_file(server: Server) -> None:
    point = {
        "geometry": "-115.1,35.1", "tolerance": "1", "imageDisplay": "100,100,96", "mapExtent": "-120,30,-110,40",
    }  # fmt: skip
    identified = ask(server, f"/arcgis/rest/services/{NAME}/MapServer/identify", layers="show:0,1", **point)
    assert [each["value"] for each in identified["results"]] == [189.0, 1.0]
    below = f"/data/services/{NAME}"
    assert ask(server, f"{below}/tmax/info/values-at-point/", x="-115.1", y="35.1") == {
        "values": [189.0, 1189.0, 2189.0]
    }
    assert ask(server, f"{below}/tmax/info/range/") == {"min": 5, "max": 2399}
    assert ask(server, f"{below}/zones/info/unique/") == {"num_values": 4, "values": [0, 1, 2, 3]}


def test_it_is_drawn_in_steps_and_styles(server: Server) -> None:
    ramp = json.dumps({"0": {"type": "stretched", "colors": [[0, "#000"], [2400, "#fff"]]}})
    query = {"bbox": "-120,30,-110,40", "bboxSR": "4326", "size": "40,40", "styles": ramp, "format": "png32"}
    shades = []
    for time in ("1501891200000", "1501977600000", "1502064000000"):
        answer = requests.get(
            f"{server.url}/arcgis/rest/services/{NAME}/MapServer/export",
            {**query, "time": time},
            timeout=HANG,
        )
        seen = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert (seen[:2, :10, 3] == 0).all()
        assert (seen[2:, :, 3] == 255).all()
        shades.append(int(seen[20, 20, 0]))
    assert shades == sorted(set(shades))
    tile = requests.get(f"{server.url}/tiles/{NAME}/6/11/25.png", {"layers": "show:1"}, timeout=HANG)
    colours = {
        tuple(each)
        for each in np.asarray(Image.open(io.BytesIO(tile.content)).convert("RGBA")).reshape(-1, 4)
    }
    assert colours <= {
        (255, 0, 0, 255),
        (0, 255, 0, 255),
        (0, 0, 255, 255),
        (255, 255, 0, 255),
        (255, 255, 255, 0),
    }
    assert len(colours) > 1
