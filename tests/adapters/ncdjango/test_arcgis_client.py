"""What ArcGIS' Maps SDK for JavaScript 4.34 asks of a service, recorded, and what it reads of the answers.

A MapView with a MapImageLayer in headless Chromium, from another origin: as it comes, with a time, with a layer made
half transparent; and ``identify``. Recorded of a service of 30 by 20 degrees that has this one in its midst.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mapserver import DAY, FIRST_DAY
from PIL import Image
from pyproj import Transformer

if TYPE_CHECKING:
    from flask.testing import FlaskClient

SERVICE = "/arcgis/rest/services/climate-service/MapServer"
EXTENT = (-14720057.99974987, 3375646.034919311, -10772105.391909778, 6446275.841017161)
SIZE = 900, 700
EXPORT = {
    "bbox": ",".join(map(str, EXTENT)),
    "bboxSR": "102100",
    "imageSR": "102100",
    "size": "900,700",
    "dpi": "96",
    "format": "png32",
    "transparent": "true",
    "f": "image",
}
HALF = (
    '[{"id":0,"source":{"type":"mapLayer","mapLayerId":0},"drawingInfo":{"transparency":50}},'
    '{"id":1,"source":{"type":"mapLayer","mapLayerId":1}}]'
)
PLACE = (-114.875, 39.875)
"""Longitude and latitude of a cell where the upper layer is blue, and the lower one red."""
X, Y = Transformer.from_crs(4326, 3857, always_xy=True).transform(*PLACE)
IDENTIFY = {
    "f": "json",
    "returnFieldName": "true",
    "returnGeometry": "true",
    "returnUnformattedValues": "true",
    "returnZ": "false",
    "tolerance": "3",
    "imageDisplay": "900,700,96",
    "geometry": f'{{"x":{X},"y":{Y}}}',
    "geometryType": "esriGeometryPoint",
    "sr": "102100",
    "mapExtent": ",".join(map(str, EXTENT)),
}
ORIGIN = {"Origin": "https://maps.example.org"}


def document(client: FlaskClient, path: str, **query: str) -> Any:
    answer = client.get(f"{SERVICE}{path}", query_string={"f": "json", **query}, headers=ORIGIN)
    assert answer.status_code == 200, answer.data
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.content_type == "application/json"
    return answer.get_json()


def color(client: FlaskClient, **query: str) -> list[int]:
    """What an export shows at the place."""
    answer = client.get(f"{SERVICE}/export", query_string={**EXPORT, **query}, headers=ORIGIN)
    assert answer.status_code == 200, answer.data
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    image = Image.open(io.BytesIO(answer.data)).convert("RGBA")
    assert image.size == SIZE
    column = int((X - EXTENT[0]) / (EXTENT[2] - EXTENT[0]) * SIZE[0])
    row = int((EXTENT[3] - Y) / (EXTENT[3] - EXTENT[1]) * SIZE[1])
    seen: list[int] = np.asarray(image)[row, column].tolist()
    return seen


def test_what_it_reads_of_the_service(client: FlaskClient) -> None:
    service = document(client, "")
    assert float(service["currentVersion"]) >= 10
    assert {"Map", "Query"} <= set(service["capabilities"].split(","))
    assert "PNG32" in service["supportedImageFormatTypes"].split(",")
    assert service["supportsDynamicLayers"] is True
    assert service["singleFusedMapCache"] is False
    assert [(layer["id"], layer["name"]) for layer in service["layers"]] == [(0, "tmax"), (1, "zones")]
    assert all(layer["parentLayerId"] == -1 and layer["defaultVisibility"] for layer in service["layers"])
    extent = service["fullExtent"]
    assert extent["spatialReference"] == service["spatialReference"] == {"wkid": 102100}
    assert extent["xmin"] < X < extent["xmax"]
    assert extent["ymin"] < Y < extent["ymax"]
    assert service["timeInfo"]["timeExtent"][0] == FIRST_DAY * 1000
    assert service["timeInfo"]["defaultTimeIntervalUnits"] == "esriTimeUnitsDays"


def test_what_it_reads_of_layers_and_legends(client: FlaskClient) -> None:
    layers = document(client, "/layers")["layers"]
    assert [(layer["id"], layer["type"]) for layer in layers] == [(0, "Raster Layer"), (1, "Raster Layer")]
    legends = document(client, "/legend")["layers"]
    assert [legend["layerId"] for legend in legends] == [0, 1]
    entry = legends[0]["legend"][0]
    assert entry["contentType"] == "image/png"
    assert {"label", "imageData", "width", "height"} <= entry.keys()


def test_the_picture_as_it_comes_and_at_a_time(client: FlaskClient) -> None:
    as_it_comes = color(client, layers="show:0,1", time="null,null")
    assert as_it_comes == color(client, layers="show:0,1")
    assert as_it_comes[2] > 200
    assert as_it_comes[3] == 255
    later = color(client, layers="show:0,1", time=str((FIRST_DAY + 2 * DAY) * 1000))
    assert later != as_it_comes


def test_a_layer_that_was_made_transparent_and_one_that_was_moved(client: FlaskClient) -> None:
    upper, lower = color(client, layers="show:0"), color(client, layers="show:1")
    assert upper != lower
    both = color(client, dynamicLayers=HALF, time="null,null")
    assert np.abs(np.array(both) - (np.array(upper) + lower) / 2).max() <= 2
    moved = json.dumps(list(reversed(json.loads(HALF))))
    assert color(client, dynamicLayers=moved) == lower
    alone = json.dumps(json.loads(HALF)[:1])
    assert color(client, dynamicLayers=alone, layers="show:1") == [*upper[:3], 128]
    assert color(client, dynamicLayers="[]")[3] == 0


@pytest.mark.parametrize(("green", "alpha"), [("#0f0", 128), ("#00ff00", 128), ("#00ff0080", 64)])
def test_a_layer_that_was_made_transparent_keeps_its_style(
    client: FlaskClient, green: str, alpha: int
) -> None:
    style = json.dumps({"0": {"type": "stretched", "colors": [[0, green], [9999, green]]}})
    alone = json.dumps(json.loads(HALF)[:1])
    assert color(client, dynamicLayers=alone, styles=style) == [0, 255, 0, alpha]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x", "dynamicLayers"),
        ("{}", "dynamicLayers"),
        ("[1]", "dynamicLayers[0]"),
        ("[" * 50_000, "dynamicLayers"),
        ("[" + "1," * 60_000 + "1]", "dynamicLayers: got '120003 characters'"),
        (f"[{','.join(['{}'] * 101)}]", "100 at most"),
        ('[{"source": {"type": "dataLayer"}}]', "dynamicLayers[0].source"),
        ('[{"source": {"type": "mapLayer", "mapLayerId": 7}}]', "mapLayerId: got '7'; allowed: 0, 1"),
        ('[{"source": {"type": "mapLayer", "mapLayerId": true}}]', "mapLayerId"),
        (HALF.replace("50", "101"), "dynamicLayers[0].drawingInfo.transparency"),
        (HALF.replace("50", "NaN"), "transparency"),
        (HALF.replace("50", '"a"'), "transparency"),
        (HALF.replace('{"transparency":50}', "1"), "dynamicLayers[0].drawingInfo"),
        (HALF.replace('"transparency":50', '"renderer":{"type":"simple"}'), "'styles'"),
        (HALF.replace('"id":1', '"definitionExpression":"a > 1"'), "dynamicLayers[1].definitionExpression"),
    ],
    ids=lambda each: each[:40],
)
def test_what_cannot_be_drawn_is_refused(client: FlaskClient, text: str, told: str) -> None:
    answer = client.post(f"{SERVICE}/export", data={**EXPORT, "dynamicLayers": text})
    assert answer.status_code == 400
    assert told in answer.get_json()["error"]["message"] + " ".join(answer.get_json()["error"]["details"])


@pytest.mark.parametrize(("layers", "shown"), [("all", [0, 1]), ("top", [0]), ("visible", [0, 1])])
def test_identify(client: FlaskClient, layers: str, shown: list[int]) -> None:
    results = document(client, "/identify", **IDENTIFY, layers=layers)["results"]
    assert [result["layerId"] for result in results] == shown
    for result in results:
        assert result["layerName"] == result["displayFieldName"]
        assert isinstance(result["attributes"]["Pixel value"], float | int)
    later = document(
        client, "/identify", **IDENTIFY, layers=layers, time=",".join([str((FIRST_DAY + 2 * DAY) * 1000)] * 2)
    )
    assert later["results"][0] != results[0]
