"""dragoman comes to an existing pygeoapi: what that answered before, it answers still, and ours is added."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING, Any

import pytest
import requests
from existing import Answer, Existing
from openapi_spec_validator import validate

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

PLAIN = {"Accept": "*/*", "Accept-Encoding": "identity"}
PACKED = {"Accept": "*/*", "Accept-Encoding": "gzip"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Encoding": "identity"}
FRENCH = {**PLAIN, "Accept-Language": "fr"}
ASKED = [
    *(
        (path, PLAIN)
        for path in (
            "/",
            "/?f=html",
            "/?f=jsonld",
            "/?lang=fr",
            "/?f=html&lang=fr",
            "/?f=nothing",
            "/conformance",
            "/conformance?f=html",
            "/conformance?f=jsonld",
            "/openapi",
            "/openapi?f=html",
            "/openapi?f=html&ui=redoc",
            "/collections",
            "/collections?f=html",
            "/collections/obs",
            "/collections/obs?f=jsonld&lang=fr",
            "/collections/obs/items",
            "/collections/obs/items?f=html",
            "/collections/obs/items?f=csv",
            "/collections/obs/items?limit=2&offset=1",
            "/collections/obs/items/371",
            "/collections/obs/items/nobody",
            "/collections/nothing",
            "/TileMatrixSets",
            "/asyncapi",
            "/static/css/default.css",
        )
    ),
    ("/", BROWSER),
    ("/", FRENCH),
    ("/collections", PACKED),
    ("/", PACKED),
    ("/conformance", PACKED),
]
PAGES_WITH_MORE = ("/?f=html", "/?f=html&lang=fr", "/conformance?f=html", "/")
"""Pages in which what is ours is listed as well: all that was there is there still, in its order."""
OF_THE_MOMENT = ("Date", "Content-Length", "Server", "ETag", "Vary")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Existing]:
    existing = Existing(tmp_path_factory.mktemp("existing"), gzip=True, cors=True)
    try:
        existing.start()
        yield existing
    finally:
        existing.stop()


@pytest.fixture(scope="module")
def before(server: Existing) -> dict[tuple[str, str], Answer]:
    """What pygeoapi alone answered to each request."""
    answers = server.without_dragoman(ASKED)
    return {(path, str(headers)): answer for (path, headers), answer in zip(ASKED, answers, strict=True)}


@pytest.mark.parametrize(
    ("path", "headers"), ASKED, ids=lambda each: each if isinstance(each, str) else str(sorted(each.values()))
)
def test_what_was_there_is_there_still(
    server: Existing, before: dict[tuple[str, str], Answer], path: str, headers: dict[str, str]
) -> None:
    was = before[path, str(headers)]
    now = requests.get(f"{server.url}{path}", headers=headers, timeout=120)
    assert now.status_code == was.status
    for name, value in was.headers.items():
        assert name in OF_THE_MOMENT or now.headers.get(name) == value, name
    body = gzip.decompress(was.body) if was.headers.get("Content-Encoding") == "gzip" else was.body
    if "json" in now.headers["Content-Type"]:
        _holds(now.json(), Answer(status=0, headers={}, body=body).json, path)
    elif path in PAGES_WITH_MORE:
        _in_order(now.text, body.decode())
    else:
        assert now.content == body


def _holds(now: Any, was: Any, where: str) -> None:
    """Whether a document has all that another has; lists may be longer, objects may have more members."""
    if isinstance(was, dict):
        assert was.keys() <= now.keys(), where
        for name, member in was.items():
            if name not in ("timeStamp", "components", "paths", "openapi", "$ref"):
                _holds(now[name], member, f"{where} {name}")
    elif isinstance(was, list):
        rest = [each for each in was if each not in now]
        assert rest == [], where
    else:
        assert now == was, where


def _in_order(now: str, was: str) -> None:
    lines = iter(now.splitlines())
    missing = [line for line in was.splitlines() if line.strip() and line not in lines]
    assert missing == []


def test_ours_is_added(server: Existing) -> None:
    landing = _get(server, "/").json()
    rels = {link["rel"] for link in landing["links"]}
    ours = {
        f"http://www.opengis.net/def/rel/ogc/1.0/{name}" for name in ("conformance", "processes", "job-list")
    }
    assert {"conformance", "data", "about", "service-doc", *ours} <= rels
    classes = _get(server, "/conformance").json()["conformsTo"]
    assert {name.rsplit("/", 2)[0].rsplit("/", 1)[1] for name in classes if "processes" in name} == {"1.0"}
    assert "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/dismiss" in classes
    assert "conf/dismiss" in _get(server, "/conformance?f=html").text
    document = _get(server, "/openapi").json()
    assert {"/collections/obs/items", "/processes/lax/execution", "/jobs"} <= document["paths"].keys()
    assert document["info"]["license"]["name"]


def test_the_api_has_its_version_on_every_answer(server: Existing) -> None:
    for path in ("/", "/processes", "/jobs", "/processes/none", "/readyz", "/collections/obs"):
        assert _get(server, path).headers["X-API-Version"] == "1.2.3", path


def test_gzip_means_ours_as_well(server: Existing) -> None:
    for path in ("/processes", "/processes/hello-world", "/processes/hello-world?f=html", "/openapi"):
        packed = requests.get(f"{server.url}{path}", headers=PACKED, timeout=120)
        assert packed.headers["Content-Encoding"] == "gzip", path
        assert packed.content == _get(server, path).content
        assert int(packed.headers["Content-Length"]) < len(packed.content)


def test_cors_lets_every_page_post(server: Existing) -> None:
    url, origin = f"{server.url}/processes/hello-world/execution", {"Origin": "https://elsewhere.example.org"}
    preflight = requests.options(
        url, headers={**origin, "Access-Control-Request-Method": "POST"}, timeout=120
    )
    answer = requests.post(url, json={"inputs": {"name": "you"}}, headers=origin, timeout=120)
    assert answer.json() == {"id": "echo", "value": "Hello you!"}
    for each in (preflight, answer):
        assert each.headers["Access-Control-Allow-Origin"] in ("*", origin["Origin"])
        assert each.headers["Access-Control-Expose-Headers"] == "*"
    assert "server.cors: true lets pages of every origin" in server.log.read_text()


def test_an_own_processor_keeps_its_example(server: Existing) -> None:
    described = _get(server, "/processes/lax").json()
    assert described["example"] == {"inputs": {"name": "World", "depth": [1, 2]}, "mode": "async"}


def test_inputs_that_are_not_declared_pass_with_a_note(server: Existing) -> None:
    given = {"name": "x", "depth": [1, {"href": "https://example.org/"}], "by": {"value": 1}}
    answer = server.execute("lax", wait=True, **given)
    assert answer.json() == {"given": given}
    job_id = server.submit("lax", **given)
    server.finished(job_id)
    log = server.cli("jobs", "log", job_id).stdout
    assert [line.partition("input ")[2].split(" ")[0] for line in log.splitlines()] == ["depth", "by"]
    assert "not declared" in log
    refused = server.execute("lax", wait=True, depth=1)
    assert (refused.status_code, "name" in refused.text) == (400, True), "what is declared is still checked"


def test_every_line_of_the_log_has_one_form(server: Existing) -> None:
    _get(server, "/collections/nothing%0aat all")
    lines = server.log.read_text().splitlines()
    assert [line for line in lines if line.startswith((" * ", "WARNING: ", "127.0.0.1", "Press "))] == []
    begun = [line for line in lines if line.startswith("[")]
    begin = re.compile(r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\] [A-Z]+ [\w.]+ - .")
    assert [line for line in begun if not begin.match(line)] == []
    asked = 'INFO dragoman.access - 127.0.0.1 "GET /collections/nothing%0aat%20all HTTP/1.1" 404'.lower()
    assert any(line.lower().endswith(asked) for line in lines)


# -- what OGC's suite for Features asks of the landing page, the API definition and conformance ------------------

FEATURES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"


def _get(server: Existing, path: str, **headers: str) -> requests.Response:
    url = path if path.startswith("http") else f"{server.url}{path}"
    return requests.get(url, headers={"Accept-Encoding": "identity", **headers}, timeout=120)


def _links(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {link["rel"]: link for link in reversed(document["links"])}


def test_features_landing_page(server: Existing) -> None:
    answer = _get(server, "/", Accept="application/json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    links = _links(answer.json())
    assert {"service-desc", "service-doc", "conformance", "data", "self", "alternate"} <= links.keys()
    for link in answer.json()["links"]:
        if link["href"].startswith(server.url):
            led = _get(server, link["href"], Accept=link["type"])
            assert led.status_code == 200, link
            assert led.headers["Content-Type"].partition(";")[0] == link["type"].partition(";")[0], link


def test_features_api_definition(server: Existing) -> None:
    link = _links(_get(server, "/").json())["service-desc"]
    answer = _get(server, link["href"], Accept=link["type"])
    assert answer.headers["Content-Type"] == link["type"] == "application/vnd.oai.openapi+json;version=3.0"
    document = answer.json()
    validate(document)
    assert document["servers"][0]["url"] == server.url
    assert {"/", "/conformance", "/collections", "/collections/obs"} <= document["paths"].keys()
    operation = document["paths"]["/collections/obs/items"]["get"]
    parameters = {
        each["name"]: each for each in (_resolved(document, one) for one in operation["parameters"])
    }
    limit, bbox = parameters["limit"], parameters["bbox"]
    for each in (limit, bbox):
        assert not each.get("required")
        assert (each["in"], each["style"], each["explode"]) == ("query", "form", False)
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20}
    assert (bbox["schema"]["type"], bbox["schema"]["minItems"], bbox["schema"]["maxItems"]) == ("array", 4, 6)


def _resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in value:
        group, name = value["$ref"].removeprefix("#/components/").split("/")
        return dict(document["components"][group][name])
    return value


def test_features_conformance(server: Existing) -> None:
    answer = _get(server, _links(_get(server, "/").json())["conformance"]["href"])
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    classes = answer.json()["conformsTo"]
    assert {FEATURES + name for name in ("core", "oas30", "html", "geojson")} <= set(classes)


def test_features_collections_and_their_items(server: Existing) -> None:
    document = _get(server, _links(_get(server, "/").json())["data"]["href"]).json()
    assert {"self", "alternate"} <= _links(document).keys()
    (listed,) = document["collections"]
    alone = _get(server, f"/collections/{listed['id']}").json()
    assert {name: alone[name] for name in ("id", "title", "extent")} == {
        name: listed[name] for name in ("id", "title", "extent")
    }
    items = [
        link for link in alone["links"] if link["rel"] == "items" and link["type"] == "application/geo+json"
    ]
    answer = _get(server, items[0]["href"])
    page = _get(server, f"{items[0]['href'].partition('?')[0]}?f=json&limit=2").json()
    assert (answer.json()["numberMatched"], page["numberReturned"], len(page["features"])) == (5, 2, 2)
    assert "next" in _links(page)
    west = _get(server, f"/collections/{listed['id']}/items?f=json&bbox=-130,40,-110,50").json()
    assert {feature["id"] for feature in west["features"]} == {"964"}
    assert _get(server, f"/collections/{listed['id']}/items/371?f=json").json()["id"] == "371"
    assert _get(server, f"/collections/{listed['id']}/items?limit=none").status_code == 400
