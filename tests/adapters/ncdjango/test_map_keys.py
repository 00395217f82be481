"""Whose services are whose, and what a key opens."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from mapserver import JOB, map_application, recorded_services

from dragoman.config.auth import PUBLIC, AuthSettings, OidcSettings
from dragoman.errors import InvalidToken
from dragoman.model.principal import Principal
from dragoman.web.auth import by_token

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

RESULT = f"/arcgis/rest/services/{JOB}/raster_out/MapServer"
TILES = f"/tiles/{JOB}/raster_out"
WHOLE = "bbox=-120,30,-110,40&size=20,20"
PICTURES = (f"{TILES}/5/5/12.png", f"{TILES}/tilejson.json", f"{RESULT}/export?{WHOLE}", f"{RESULT}/legend")


def _speaker(token: str) -> Principal:
    if token not in ("anonymous", "bob", "root"):
        raise InvalidToken
    return Principal(id=token, admin=token == "root")


def make_client(folder: Path, *public: str) -> FlaskClient:
    oidc = OidcSettings(issuer="https://id.example.org", audience=("dragoman",))
    auth = AuthSettings(oidc=oidc, public=frozenset({*PUBLIC, *public}))
    app, _ = map_application(
        folder, *recorded_services(folder), auth=auth, authenticate=by_token(auth, _speaker)
    )
    return app.test_client()


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return make_client(tmp_path)


def get(client: FlaskClient, path: str, name: str = "") -> TestResponse:
    return client.get(path, headers={"Authorization": f"Bearer {name}"} if name else {})


def key_of(url: str) -> str:
    (key,) = parse_qs(urlsplit(url).query)["key"]
    return key


def test_somebody_elses_service_does_not_exist(client: FlaskClient) -> None:
    for path in (RESULT, *PICTURES, f"/data/services/{JOB}/raster_out/data/info/range/"):
        assert get(client, path, "anonymous").status_code == 200  # whose name this is here
        assert get(client, path, "root").status_code == 200
        assert get(client, path, "bob").status_code == 404
    for name, listed in (("anonymous", True), ("bob", False), ("root", True)):
        response = get(client, "/arcgis/rest/services", name)
        assert response.json is not None
        names = [each["name"] for each in response.json["services"]]
        assert (f"{JOB}/raster_out" in names) is listed
        assert "climate-service" in names


def test_links_carry_a_key_that_opens_this_service_alone(client: FlaskClient) -> None:
    document = get(client, f"{TILES}/tilejson.json", "anonymous").json
    assert document is not None
    key = key_of(document["tiles"][0])
    assert key == key_of(document["legend"])
    exported = get(client, f"{RESULT}/export?{WHOLE}&f=json", "anonymous").json
    assert exported is not None
    assert key_of(exported["href"]) == key
    for path in (RESULT, *PICTURES):
        keyed = f"{path}{'&' if '?' in path else '?'}key={key}"
        assert get(client, keyed).status_code == 200
        assert get(client, keyed, "bob").status_code == 200  # a browser of his, with a link that he was given
        assert get(client, f"{keyed[:-1]}{'A' if key[-1] != 'A' else 'B'}").status_code == 404
    other = f"/tiles/climate-service/5/5/12.png?key={key}"
    assert get(client, other).status_code == 404
    tile = document["tiles"][0].replace("{z}", "5").replace("{x}", "5").replace("{y}", "12")
    parts = urlsplit(tile)
    response = get(client, f"{parts.path}?{parts.query}")
    assert response.status_code == 200
    assert response.headers["Cache-Control"].startswith("private")


def test_without_a_key_there_is_no_picture_and_a_token_is_asked_for_elsewhere(client: FlaskClient) -> None:
    for path in PICTURES:
        assert get(client, path).status_code == 404
    for path in (RESULT, f"{RESULT}/layers", "/arcgis/rest/services", "/arcgis/rest/services/none/MapServer"):
        response = get(client, path)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert response.json is not None
        assert response.json["error"]["code"] == 401
    assert client.post(f"{RESULT}/export", data={"bbox": "0,0,1,1"}).status_code == 401


def test_the_operators_services_may_be_public(tmp_path: Path) -> None:
    client = make_client(tmp_path, "services")
    for path in ("/arcgis/rest/services/climate-service/MapServer", "/tiles/climate-service/5/5/12.png"):
        assert get(client, path).status_code == 200
        assert get(client, path, "wrong").status_code == 200
    listed = get(client, "/arcgis/rest/services")
    assert listed.status_code == 200
    assert (
        listed.json is not None
    )  # a job of before there were tokens has published: nobody is shown what is refused
    assert [each["name"] for each in listed.json["services"]] == ["climate-service", "folder/static"]
    assert get(client, PICTURES[0]).status_code == 404
    assert get(client, RESULT).status_code == 401
