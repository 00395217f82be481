"""Map services over HTTP: what each parameter does, tiles, conditions, and everything that is wrong."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from mapserver import DAY, FIRST_DAY, JOB
from PIL import Image

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from mapserver import LocalDesk
    from numpy.typing import NDArray
    from werkzeug.test import TestResponse

CLIMATE = "/arcgis/rest/services/climate-service/MapServer"
RESULT = f"/arcgis/rest/services/{JOB}/raster_out/MapServer"
WHOLE = {"bbox": "-120,30,-110,40", "bboxSR": "4326", "size": "40,40"}
POINT = {
    "geometry": "-115.1,35.1",
    "geometryType": "esriGeometryPoint",
    "tolerance": "1",
    "imageDisplay": "100,100,96",
    "mapExtent": "-120,30,-110,40",
}
RED, BLUE, CLEAR = [255, 0, 0, 255], [0, 0, 255, 255], [255, 255, 255, 0]


def pixels(response: TestResponse) -> NDArray[np.uint8]:
    assert response.status_code == 200, response.data
    return np.asarray(Image.open(io.BytesIO(response.data)).convert("RGBA"))


def export(client: FlaskClient, path: str = CLIMATE, **parameters: str) -> TestResponse:
    return client.get(f"{path}/export", query_string={**WHOLE, **parameters})


# -- exports ---------------------------------------------------------------------------------------------


def test_a_step_is_chosen_by_its_instant(client: FlaskClient) -> None:
    style = json.dumps({"0": {"type": "stretched", "colors": [[0, "#000"], [2400, "#fff"]]}})
    shades = []
    for time in (
        "",
        "1501891200000",
        "1501977600000,1502064000000",
        "1502064000000",
        "99999999999999",
        "null,0",
    ):
        shade = pixels(export(client, time=time, styles=style))[39, 39, 0]
        shades.append(int(shade))
    assert shades[0] == shades[1] == shades[5]
    assert shades[0] < shades[2] < shades[3] == shades[4]


def test_between_two_steps_the_nearest_is_drawn_and_of_two_the_earlier(client: FlaskClient) -> None:
    values = []
    for hours in (0, 12, 13, 36, 37):
        time = str(round((FIRST_DAY + hours * 3600) * 1000))
        response = client.get(f"{CLIMATE}/identify", query_string={**POINT, "time": time})
        assert response.json is not None
        values.append(response.json["results"][0]["value"])
    assert values == [189.0, 189.0, 1189.0, 1189.0, 2189.0]
    assert DAY == 86_400


@pytest.mark.parametrize(
    ("layers", "shows"),
    [
        ("", "tmax"),
        ("show:0", "tmax"),
        ("show:1", "zones"),
        ("include:1", "zones"),
        ("hide:0", "zones"),
        ("exclude:1", "tmax"),
        ("show:", "nothing"),
        ("show:0,1", "both"),
        ("SHOW:1,0", "both"),
        ("hide:", "both"),
    ],
)
def test_layers(client: FlaskClient, layers: str, shows: str) -> None:
    seen = pixels(export(client, layers=layers))
    masked, first = seen[0, 0].tolist(), seen[0, 20].tolist()
    expected = {"tmax": (0, BLUE), "zones": (255, RED), "both": (255, BLUE), "nothing": (0, CLEAR)}[shows]
    assert masked[3] == expected[0]
    assert np.abs(np.array(first) - expected[1]).max() <= 24


def test_a_bbox_is_made_wider_to_the_shape_of_the_picture(client: FlaskClient) -> None:
    response = export(client, size="80,40", f="json")
    assert response.json is not None
    extent = response.json["extent"]
    assert (extent["xmin"], extent["xmax"], extent["ymin"], extent["ymax"]) == (-125, -105, 30, 40)
    assert (response.json["width"], response.json["height"]) == (80, 40)
    seen = pixels(export(client, size="80,40"))
    assert (seen[5:, :20, 3] == 0).all()
    assert (seen[5:, 20:60, 3] == 255).all()


def test_the_link_of_an_export_gives_the_picture(client: FlaskClient) -> None:
    style = json.dumps({"0": {"type": "stretched", "colors": [[0, "#0f0"], [9, "#0f0"]]}})
    form = {**WHOLE, "styles": style, "f": "json", "imageSR": '{"wkid": 102100}', "format": "PNG32"}
    response = client.post(f"{CLIMATE}/export", data=form)
    assert response.json is not None
    assert response.json["extent"]["spatialReference"] == {"wkid": 102100}
    assert response.json["scale"] > 0
    link = urlsplit(response.json["href"])
    assert link.netloc == "localhost"
    seen = pixels(client.get(f"{link.path}?{link.query}"))
    assert seen.shape == (40, 40, 4)
    assert seen[20, 20].tolist() == [0, 255, 0, 255]


def test_reference_systems(client: FlaskClient) -> None:
    envelope = {
        "xmin": -120, "ymin": 30, "xmax": -110, "ymax": 40, "spatialReference": {"wkid": 4326},
    }  # fmt: skip
    plain = pixels(export(client, RESULT))
    assert (plain == pixels(export(client, RESULT, bbox=json.dumps(envelope), bboxSR=""))).all()
    assert (plain == pixels(export(client, RESULT, bboxSR=""))).all()  # the service's own
    mercator = pixels(export(client, RESULT, imageSR="102100"))
    beside = {"bbox": "-13358338.9,3503549.8,-12245143.9,4865942.3", "size": "40,40"}
    as_qgis_asks = pixels(client.get(f"{RESULT}/export", query_string=beside))
    named = pixels(client.get(f"{RESULT}/export", query_string={**beside, "bboxSR": "102100"}))
    assert (as_qgis_asks == named).all()
    assert (named[..., 3] == 255).any()
    assert (mercator == pixels(export(client, RESULT, imageSR="EPSG:3857"))).all()
    assert (mercator[10:30, 12:28, 3] == 255).all()
    albers = pixels(export(client, RESULT, imageSR="102003", size="400,400"))
    assert 0.5 < (albers[..., 3] == 255).mean() < 1


@pytest.mark.parametrize(
    ("word", "media_type"),
    [
        ("png", "image/png"),
        ("PNG24", "image/png"),
        ("gif", "image/gif"),
        ("jpg", "image/jpeg"),
        ("JPEG", "image/jpeg"),
        ("bmp", "image/bmp"),
        ("webp", "image/webp"),
    ],
)
def test_formats(client: FlaskClient, word: str, media_type: str) -> None:
    response = export(client, format=word, transparent="false")
    assert response.content_type == media_type
    assert (pixels(response)[..., 3] == 255).all()


def test_a_picture_is_drawn_once(client: FlaskClient, desk: LocalDesk) -> None:
    before = desk.orders
    first = export(client, size="33,33")
    again = export(client, size="33,33")
    assert desk.orders <= before + 1  # one of the tests before may have had it drawn
    assert first.data == again.data
    assert first.headers["ETag"] == again.headers["ETag"]
    assert "max-age" in first.headers["Cache-Control"]


def test_who_has_the_picture_is_not_sent_it_and_nothing_is_drawn(
    client: FlaskClient, desk: LocalDesk
) -> None:
    etag = export(client, size="34,34").headers["ETag"]
    before = desk.orders
    kept = client.get(
        f"{CLIMATE}/export",
        query_string={**WHOLE, "size": "34,34"},
        headers={"If-None-Match": f'"x", {etag}'},
    )
    assert kept.status_code == 304
    assert not kept.data
    assert kept.headers["ETag"] == etag
    other = client.get(
        f"{CLIMATE}/export", query_string={**WHOLE, "size": "34,34"}, headers={"If-None-Match": '"x"'}
    )
    assert other.status_code == 200
    assert desk.orders == before


def test_head(client: FlaskClient) -> None:
    response = client.head(f"{CLIMATE}/export", query_string=WHOLE)
    assert response.status_code == 200
    assert not response.data
    assert response.content_length == len(export(client).data)


# -- tiles -----------------------------------------------------------------------------------------------


def test_a_tile(client: FlaskClient) -> None:
    seen = pixels(client.get("/tiles/climate-service/5/5/12.png"))
    assert seen.shape == (256, 256, 4)
    assert 0 < (seen[..., 3] == 255).mean() < 1
    large = pixels(client.get("/tiles/climate-service/5/5/12@2x.png"))
    assert large.shape == (512, 512, 4)
    assert (large[::2, ::2] == seen).mean() > 0.9


def test_a_tile_beside_the_service_is_transparent(client: FlaskClient) -> None:
    for place in ("5/0/0", "0/3/7", "3/-1/2"):
        assert (pixels(client.get(f"/tiles/climate-service/{place}.png"))[..., 3] == 0).all()


def test_tiles_far_outside_are_one_picture_of_no_layer(client: FlaskClient, desk: LocalDesk) -> None:
    places = ("0/999999999/0", "0/-2/0", "0/2/0", "3/16/2", "3/-9/2", "0/0/1", "24/0/999999999")
    before = desk.orders
    answers = [client.get(f"/tiles/climate-service/{place}.png") for place in places]
    assert not any(pixels(answer)[..., 3].any() for answer in answers)
    assert len({answer.headers["ETag"] for answer in answers}) == 1
    assert desk.orders <= before + 1  # one of the tests before may have had it drawn
    within = {
        client.get(f"/tiles/climate-service/{place}.png").headers["ETag"] for place in ("0/-1/0", "3/15/2")
    }
    assert len(within - {answers[0].headers["ETag"]}) == 2
    assert client.get("/tiles/climate-service/0/2/0.png?layers=show:9").status_code == 400


def test_a_tile_in_a_style(client: FlaskClient) -> None:
    style = json.dumps(
        {"1": {"type": "unique", "colors": [[0, "#0f0"], [1, "#0f0"], [2, "#0f0"], [3, "#0f0"]]}}
    )
    seen = pixels(
        client.get("/tiles/climate-service/5/5/12.png", query_string={"layers": "show:1", "styles": style})
    )
    assert {tuple(each) for each in seen.reshape(-1, 4).tolist()} == {(0, 255, 0, 255), (255, 255, 255, 0)}


def test_tilejson(client: FlaskClient) -> None:
    response = client.get(f"/tiles/{JOB}/raster_out/tilejson.json", query_string={"time": "0"})
    document = response.json
    assert document is not None
    assert document["tilejson"] == "3.0.0"
    np.testing.assert_allclose(document["bounds"], [-120, 30, -110, 40], atol=1e-9)
    assert document["tiles"] == [f"http://localhost/tiles/{JOB}/raster_out/{{z}}/{{x}}/{{y}}.png?time=0"]
    assert document["minzoom"] == 0
    assert document["maxzoom"] == 2
    assert document["legend"] == f"http://localhost{RESULT}/legend"
    links = {link["rel"]: link["href"] for link in document["links"]}
    whole = urlsplit(links.pop("preview"))
    assert pixels(client.get(f"{whole.path}?{whole.query}")).shape[0] == 640
    assert links == {
        "service": f"http://localhost{RESULT}",
        "tilejson": f"http://localhost/tiles/{JOB}/raster_out/tilejson.json",
        "data": f"http://localhost/jobs/{JOB}/results/raster_out",
    }


# -- values ----------------------------------------------------------------------------------------------


def test_identify(client: FlaskClient) -> None:
    for layers, values in (
        ("", {"tmax": 189.0}),
        ("top", {"tmax": 189.0}),
        ("all", {"tmax": 189.0, "zones": 1.0}),
        ("visible", {"tmax": 189.0, "zones": 1.0}),
        ("all:1", {"zones": 1.0}),
        ("show:1", {"zones": 1.0}),
    ):
        for response in (
            client.get(f"{CLIMATE}/identify", query_string={**POINT, "layers": layers}),
            client.post(f"{CLIMATE}/identify", data={**POINT, "layers": layers}),
        ):
            assert response.json is not None
            assert {each["layerName"]: each["value"] for each in response.json["results"]} == values


def test_identify_in_another_reference_system(client: FlaskClient) -> None:
    point = {"x": -12812873.5, "y": 4174700.2, "spatialReference": {"wkid": 102100}}
    as_qgis_asks = "{x: -12812873.500000, y: 4174700.200000}"
    for geometry, reference in (
        (json.dumps(point), ""),
        ("-12812873.5,4174700.2", "3857"),
        ("-12812873.5,4174700.2", ""),
        (as_qgis_asks, ""),
    ):
        query = {**POINT, "geometry": geometry, "sr": reference}
        response = client.get(f"{CLIMATE}/identify", query_string=query)
        assert response.json is not None
        assert response.json["results"][0]["value"] == 189.0


def test_identify_where_nothing_is(client: FlaskClient) -> None:
    for place in ("-119.9,39.9", "0,0", "-115,91"):
        response = client.get(f"{CLIMATE}/identify", query_string={**POINT, "geometry": place})
        assert response.json is not None
        assert response.json["results"][0]["value"] is None


def test_info(client: FlaskClient) -> None:
    below = "/data/services/climate-service"
    for path, document in (
        ("tmax/info/range", {"min": 5, "max": 2399}),
        ("zones/info/unique/", {"num_values": 4, "values": [0, 1, 2, 3]}),
        ("zones/info/classify/?method=quantile&breaks=2", {"breaks": [1.5, 3], "min": 0}),
        ("zones/info/classify?method=jenks&breaks=4", {"breaks": [0, 1, 2, 3], "min": 0}),
        ("tmax/info/values-at-point/?x=-115.1&y=35.1", {"values": [189.0, 1189.0, 2189.0]}),
        ("zones/info/values-at-point/?x=-115.1&y=35.1", {"values": [1.0]}),
        ("zones/info/values-at-point/?x=-12812873.5&y=4174700.2&projection=3857", {"values": [1.0]}),
        ("tmax/info/values-at-point/?x=-119.9&y=39.9", {"values": [None, None, None]}),
    ):
        response = client.get(f"{below}/{path}")
        assert response.json == document, path
    jenks = client.get(f"{below}/tmax/info/classify/?method=jenks&breaks=3").json
    assert jenks is not None
    np.testing.assert_allclose(jenks["breaks"], [399, 1399, 2399], atol=3)  # of a sample
    many = client.get(f"{below}/tmax/info/unique/").json
    assert many is not None
    assert many["num_values"] == 3 * 395
    assert many["values"] == [float(each) for each in range(5, 105)]


def test_a_legend_in_a_style(client: FlaskClient) -> None:
    style = json.dumps({"0": {"type": "unique", "colors": [[0.5, "#0f0"], [2, "#00f"]]}})
    response = client.get(f"{CLIMATE}/legend/", query_string={"styles": style, "f": "json"})
    assert response.json is not None
    first, second = response.json["layers"]
    assert [each["label"] for each in first["legend"]] == ["0.5", "2.0"]
    assert {(each["width"], each["height"]) for each in first["legend"]} == {(36, 20)}
    assert [each["label"] for each in second["legend"]] == ["a", "b", "c", "d"]


def test_a_layer(client: FlaskClient) -> None:
    for path in (f"{CLIMATE}/layers/1", f"{CLIMATE}/layers/1/", f"{CLIMATE}/1", f"{CLIMATE}/1/"):
        document = client.get(path).json
        assert document is not None
        assert (document["id"], document["name"]) == (1, "zones")
        assert "timeInfo" not in document
    for path in ("layers/7", "7", "-1", "one"):
        assert client.get(f"{CLIMATE}/{path}").status_code == 404


# -- what is wrong ---------------------------------------------------------------------------------------

HUGE = "9" * 400
"""A whole number that no float holds."""
EXPORTS = [
    {"bbox": f'{{"xmin": 0, "ymin": 0, "xmax": {HUGE}, "ymax": 1}}'},
    *(
        {"bbox": each}
        for each in ("", "1,2,3", "1,2,3,4,5", "a,b,c,d", "nan,0,1,1", "0,0,inf,1", "1,1,0,0", "0,0,0,1")
    ),
    *(
        {"bbox": each}
        for each in ("{}", "{", "[1]", '{"xmin":[]}', '{"xmin":0,"ymin":0,"xmax":1,"ymax":true}')
    ),
    {"bbox": '{"xmin":0,"ymin":0,"xmax":1,"ymax":1,"spatialReference":{"wkid":"x"}}'},
    {"bbox": "1e300,0,2e300,1"},
    {"bbox": "-120,95,-110,99", "imageSR": "3857"},
    *(
        {"size": each}
        for each in (
            "0,1",
            "-1,5",
            "4097,1",
            "1,4097",
            "1",
            "1,2,3",
            "1.5,2",
            "a,b",
            "99999999999,1",
            "\u0661,\u0662",
        )
    ),
    *(
        {"bboxSR": each}
        for each in ("0", "-4326", "4327000", "EPSG:1", "abc", "5703", "4978", "{}", "{", "+init=epsg:4326")
    ),
    *(
        {"imageSR": each}
        for each in ("99999999", '{"wkt":"GEOGCS[]"}', "true", '{"wkid":null}', "FILE:1", "PROJ:4326")
    ),
    *({"format": each} for each in ("tiff", "svg", "png;", "../png", "png\0", "a" * 5000)),
    *(
        {"layers": each}
        for each in ("0", "show", "show:2", "show:a", "show:-1", "top", "all", "drop:0", "show:0;1", "show:²")
    ),
    *({"time": each} for each in ("yesterday", "1,2,3", "nan", "2017-08-05", "null,x", "1;2")),
    *({"transparent": each} for each in ("maybe", "2", "yes")),
    *(
        {"styles": each}
        for each in (
            "{",
            "[]",
            "1",
            '{"2": {}}',
            '{"0": 1}',
            '{"0": {"type": "x"}}',
            '{"a": {}}',
            '{"0": {"type": "unique", "colors": []}}',
            '{"0": {"type": "stretched", "colors": [["min", "#000"], ["max", "#fff"]]}}',
            '{"0": {"type": "unique", "colors": [[1, "red"]]}}',
            '{"0":' * 5000,
            "x" * 200_000,
            '{"0": {"type": "unique", "colors": [[NaN, "#000"]]}}',
            '{"0": "min-max"}',
        )
    ),
]


@pytest.mark.parametrize("parameters", EXPORTS, ids=lambda each: str(each)[:60])
def test_a_bad_export_says_which_parameter_and_what_is_allowed(
    client: FlaskClient, parameters: dict[str, str]
) -> None:
    wrong = next(iter(parameters))
    for response in (
        export(client, **parameters),
        client.post(f"{CLIMATE}/export", data={**WHOLE, **parameters}),
        export(client, f="json", **parameters),
    ):
        message = refusal(response, 400)
        assert message.startswith(wrong)
        assert len(message) < 1000


def refusal(response: TestResponse, status: int) -> str:
    assert response.status_code == status, response.data[:300]
    assert response.content_type == "application/json"
    assert response.json is not None
    error = response.json["error"]
    assert error.keys() == {"code", "message", "details"}
    assert error["code"] == status
    assert "/tmp" not in response.text
    assert "Traceback" not in response.text
    message: str = error["message"]
    return message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("geometry", each)
            for each in ("", "1", "1,2,3", "a,b", "{", '{"x": 1}', '{"x": "a", "y": 1}', "nan,1")
        ),
        ("geometry", f'{{"x": {HUGE}, "y": 1}}'),
        ("mapExtent", f'{{"xmin": -{HUGE}, "ymin": 0, "xmax": 1, "ymax": 1}}'),
        ("geometryType", "esriGeometryPolygon"),
        *(("tolerance", each) for each in ("", "-1", "x", "nan")),
        *(("mapExtent", each) for each in ("", "1,2,3", "x")),
        *(("imageDisplay", each) for each in ("", "1", "1,2,3,4", "0,0,0", "x,y,z")),
        ("sr", "nowhere"),
        ("layers", "most"),
        ("layers", "all:9"),
        ("time", "now"),
    ],
)
def test_a_bad_identify(client: FlaskClient, name: str, value: str) -> None:
    query = {**POINT, name: value}
    assert refusal(client.get(f"{CLIMATE}/identify", query_string=query), 400).startswith(name)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tiles/climate-service/25/0/0.png", 400),
        ("/tiles/climate-service/-1/0/0.png", 400),
        ("/tiles/climate-service/a/0/0.png", 400),
        ("/tiles/climate-service/1/x/0.png", 400),
        ("/tiles/climate-service/1/0/y.png", 400),
        ("/tiles/climate-service/1/0/0@3x.png", 400),
        ("/tiles/climate-service/1/0/0.png?layers=9", 400),
        ("/tiles/climate-service/1/0/0.png?time=x", 400),
        ("/tiles/climate-service/1/0/0.png?styles=x", 400),
        ("/tiles/climate-service/tilejson.json?styles=x", 400),
        ("/tiles/climate-service/1/0/0.webp", 404),
        ("/tiles/nothing/1/0/0.png", 404),
        ("/tiles/climate-service", 404),
        ("/tiles", 404),
        ("/tiles/", 404),
        ("/tiles/../../etc/passwd/1/0/0.png", 404),
        ("/arcgis/rest/services/nothing/MapServer", 404),
        ("/arcgis/rest/services/nothing/MapServer/", 404),
        ("/arcgis/rest/services/climate-service", 404),
        ("/arcgis/rest/services/folder", 404),
        ("/arcgis/rest/services/climate-service/MapServer/nothing", 404),
        ("/arcgis/rest/services/climate-service/FeatureServer", 404),
        ("/arcgis/rest/info", 404),
        ("/arcgis/rest", 404),
        ("/data/services/climate-service/nothing/info/range/", 404),
        ("/data/services/nothing/tmax/info/range/", 404),
        ("/data/services/climate-service/tmax/info/", 404),
        ("/data/services/climate-service/tmax/info/classify/", 400),
        ("/data/services/climate-service/tmax/info/classify/?method=x&breaks=3", 400),
        ("/data/services/climate-service/tmax/info/classify/?method=equal&breaks=0", 400),
        ("/data/services/climate-service/tmax/info/classify/?method=equal&breaks=1000", 400),
        ("/data/services/climate-service/tmax/info/classify/?method=equal&breaks=x", 400),
        (
            f"/data/services/climate-service/tmax/info/classify/?method=equal&breaks=000000001{'0' * 4300}",
            400,
        ),
        ("/data/services/climate-service/tmax/info/values-at-point/", 400),
        ("/data/services/climate-service/tmax/info/values-at-point/?x=1&y=nan", 400),
        ("/data/services/climate-service/tmax/info/values-at-point/?x=1&y=2&projection=x", 400),
        ("/data/services", 404),
        ("/arcgis/rest/services/climate-service/MapServer/legend?styles=x", 400),
    ],
)
def test_what_is_wrong_is_said_in_arcgis_form(client: FlaskClient, path: str, status: int) -> None:
    assert refusal(client.get(path), status)


def test_other_methods(client: FlaskClient) -> None:
    for path in (f"{CLIMATE}/export", f"{CLIMATE}/export/"):
        response = client.delete(path)
        refusal(response, 405)
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    refusal(client.post(CLIMATE, data={}), 405)


def test_names_with_slashes_and_slashes_at_the_end(client: FlaskClient) -> None:
    for path in (RESULT, f"{RESULT}/", f"{RESULT}/layers/", f"{RESULT}/legend", f"{RESULT}/legend/"):
        assert client.get(path).status_code == 200
    assert pixels(client.get(f"{RESULT}/export/", query_string=WHOLE)).shape == (40, 40, 4)


def test_a_damaged_file_costs_its_service_alone(client: FlaskClient, desk: LocalDesk, tmp_path: Any) -> None:
    from mapserver import map_application, recorded_services

    own, published = recorded_services(tmp_path)
    app, _ = map_application(tmp_path, own, published)
    (tmp_path / "tmax.tif").write_bytes(b"II*\0" + bytes(100))
    broken = app.test_client()
    assert refusal(broken.get(f"{CLIMATE}/export", query_string=WHOLE), 500) == (
        "The file that this map is drawn from cannot be read."
    )
    refusal(broken.get(f"{CLIMATE}/identify", query_string=POINT), 500)
    (tmp_path / "tmax.tif").unlink()
    refusal(broken.get(f"{CLIMATE}/export", query_string=WHOLE), 500)
    assert broken.get(f"{CLIMATE}/export", query_string={**WHOLE, "layers": "show:1"}).status_code == 200
