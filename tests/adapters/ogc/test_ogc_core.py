"""Landing page, conformance, definition, processes; errors and forms of answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.packages.catalogue import Catalogue

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from tests.adapters.ogc.conftest import Server

type Valid = Callable[[str, Any], None]

EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
PAGES = ["/", "/conformance", "/openapi", "/api", "/processes", "/processes/echo", "/jobs"]


def rels(document: Any) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in document["links"]}


def test_landing_page_links_to_everything(client: FlaskClient, valid: Valid) -> None:
    document = client.get("/").get_json()
    valid("landingPage", document)
    links = rels(document)
    assert links["service-desc"] == "http://localhost:5000/openapi?f=json"
    assert links["service-doc"] == "http://localhost:5000/openapi?f=html"
    assert links[REL + "conformance"] == "http://localhost:5000/conformance"
    assert links[REL + "processes"] == "http://localhost:5000/processes"
    assert links[REL + "job-list"] == "http://localhost:5000/jobs"


def test_every_class_of_part_1_is_declared(client: FlaskClient, valid: Valid) -> None:
    document = client.get("/conformance").get_json()
    valid("confClasses", document)
    base = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
    names = ["core", "ogc-process-description", "json", "html", "oas30", "job-list", "callback", "dismiss"]
    assert document["conformsTo"] == [base + name for name in names]


@pytest.mark.parametrize("path", ["/openapi", "/api"])
def test_definition_has_the_media_type_of_openapi(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.headers["Content-Type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert response.get_json(force=True)["servers"] == [{"url": "http://localhost:5000"}]


def test_processes_are_listed_in_order(client: FlaskClient, valid: Valid) -> None:
    document = client.get("/processes").get_json()
    valid("processList", document)
    assert [process["id"] for process in document["processes"]] == [
        "echo", "raster", "tiles", "slow", "later", "now", "fail"
    ]  # fmt: skip
    assert {"self", "alternate"} <= rels(document).keys()
    assert {"next", "prev"}.isdisjoint(rels(document))


def test_paging_of_processes(client: FlaskClient) -> None:
    first = client.get("/processes?limit=1").get_json()
    assert [process["id"] for process in first["processes"]] == ["echo"]
    second = client.get(rels(first)["next"]).get_json()
    assert [process["id"] for process in second["processes"]] == ["raster"]
    assert client.get(rels(second)["prev"]).get_json()["processes"] == first["processes"]


@pytest.mark.parametrize("limit", ["0", "-1", "10001", "ten", "", "1.5", "9" * 40, "%00", "\u0663"])
@pytest.mark.parametrize("path", ["/processes", "/jobs"])
def test_a_bad_limit_is_refused(client: FlaskClient, path: str, limit: str) -> None:
    response = client.get(path, query_string={"limit": limit})
    assert response.status_code == 400
    assert response.get_json()["type"] == EXCEPTIONS + "invalid-query-parameter-value"
    assert "'limit'" in response.get_json()["detail"]


def test_description_holds_schemas_and_occurrences(client: FlaskClient, valid: Valid) -> None:
    response = client.get("/processes/echo")
    document = response.get_json()
    valid("process", document)
    assert list(json.loads(response.text)["inputs"]) == ["text", "numbers", "box", "thing"]
    assert document["inputs"]["numbers"]["maxOccurs"] == "unbounded"
    assert document["inputs"]["text"]["minOccurs"] == 1
    assert document["jobControlOptions"] == ["sync-execute", "async-execute", "dismiss"]
    assert document["outputTransmission"] == ["value", "reference"]
    assert rels(document)[REL + "execute"] == "http://localhost:5000/processes/echo/execution"


@pytest.mark.parametrize(
    ("process_id", "options"),
    [("later", ["async-execute", "dismiss"]), ("now", ["sync-execute", "dismiss"])],
)
def test_control_options_follow_the_modes(client: FlaskClient, process_id: str, options: list[str]) -> None:
    assert client.get(f"/processes/{process_id}").get_json()["jobControlOptions"] == options


@pytest.mark.parametrize("path", ["/processes/nothing", "/processes/a%00b", "/processes/%F0%9F%98%80"])
def test_unknown_process(client: FlaskClient, valid: Valid, path: str) -> None:
    for response in (client.get(path), client.post(f"{path}/execution", json={})):
        assert response.status_code == 404
        assert response.headers["Content-Type"] == "application/problem+json"
        valid("exception", response.get_json())
        assert response.get_json()["type"] == EXCEPTIONS + "no-such-process"
        assert set(response.get_json()) >= {"type", "title", "status", "detail", "instance"}


def test_problem_is_plain_json_where_only_that_is_asked_for(client: FlaskClient) -> None:
    plain = client.get("/processes/nothing", headers={"Accept": "application/json"})
    assert plain.headers["Content-Type"] == "application/json"
    both = client.get("/processes/nothing", headers={"Accept": "application/json, application/problem+json"})
    assert both.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", [*PAGES, "/processes/nothing", "/processes/echo/nothing"])
def test_every_document_has_a_page(client: FlaskClient, path: str) -> None:
    for response in (client.get(path, headers={"Accept": BROWSER}), client.get(f"{path}?f=html")):
        assert response.mimetype == "text/html"
        assert "<html" in response.text


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("accept", [JAVA, "*/*", "", "image/png", "application/json", "text/html;q=0, */*"])
def test_json_is_what_anything_else_gets(client: FlaskClient, path: str, accept: str) -> None:
    response = client.get(path, headers={"Accept": accept})
    assert response.status_code == 200
    assert "json" in response.headers["Content-Type"]


def test_f_goes_before_accept(client: FlaskClient) -> None:
    assert client.get("/?f=json", headers={"Accept": BROWSER}).mimetype == "application/json"


@pytest.mark.parametrize("path", PAGES)
def test_unknown_f_is_refused_with_what_is_allowed(client: FlaskClient, path: str) -> None:
    response = client.get(f"{path}?f=xml")
    assert response.status_code == 400
    assert response.get_json()["type"] == EXCEPTIONS + "invalid-query-parameter-value"
    assert "json, html" in response.get_json()["detail"]


@pytest.mark.parametrize("path", PAGES)
def test_head_has_the_headers_of_get(client: FlaskClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == 200
    assert head.data == b""
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


@pytest.mark.parametrize("path", ["/processes/", "/processes/echo/", "/jobs/", "/conformance/"])
def test_trailing_slash_answers_directly(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_methods_that_are_not_known(client: FlaskClient) -> None:
    for path, allow in {
        "/": "GET, HEAD, OPTIONS",
        "/processes/echo": "GET, HEAD, OPTIONS",
        "/processes/echo/execution": "OPTIONS, POST",
        "/jobs/x": "DELETE, GET, HEAD, OPTIONS",
    }.items():
        refused = client.put(path)
        assert refused.status_code == 405
        assert refused.headers["Allow"] == allow
        assert refused.get_json()["code"] == "method-not-allowed"
        asked = client.options(path)
        assert (asked.status_code, asked.headers["Allow"]) == (204, allow)


@pytest.mark.parametrize("path", ["/processes/echo/nothing", "/processes/echo/execution/x", "/jobs/x/y/z/v"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_paths_below_ours_are_problems(client: FlaskClient, path: str, method: str) -> None:
    response = client.open(path, method=method)
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"


def test_other_paths_are_left_to_the_host(client: FlaskClient) -> None:
    assert client.get("/collections").text == "the host's"
    refused = client.get("/refused")
    assert (refused.status_code, refused.mimetype) == (404, "text/html")


def test_paths_that_nobody_serves_are_problems(server: Server) -> None:
    client = server.client()
    for method, path, status, code in (
        ("GET", "/nope", 404, "not-found"),
        ("POST", "/job/abc", 404, "not-found"),
        ("DELETE", "/collections", 405, "method-not-allowed"),
    ):
        response = client.open(path, method=method)
        assert (response.status_code, response.mimetype) == (status, "application/problem+json")
        assert (response.get_json()["code"], response.get_json()["instance"]) == (code, path)
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert client.get("/nope?f=html").mimetype == "text/html"
    assert "no such page" in client.get("/nope", headers={"Accept": "text/html"}).text


def test_paths_beside_the_prefix_are_the_hosts_to_word(server: Server) -> None:
    client = server.build("/oapi").test_client()
    assert client.get("/oapi/nope").mimetype == "application/problem+json"
    assert client.get("/nope").mimetype == "text/html"


def test_the_unexpected_is_logged_and_not_shown(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(query: Any) -> Any:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(server.engine, "find", broken)
    for testing in (False, True):
        server.app.testing = testing
        response = server.client().get("/jobs")
        assert response.status_code == 500
        assert "secret" not in response.text
        assert "secret" in caplog.text


def test_links_follow_a_prefix(server: Server) -> None:
    client = server.build("/oapi").test_client()
    assert rels(client.get("/oapi/processes").get_json())["self"] == "http://localhost:5000/oapi/processes"


def test_links_follow_the_proxy_only_behind_one(make_server: Callable[..., Server]) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.org, geo.example.org",
               "X-Forwarded-Prefix": "/api/"}  # fmt: skip
    for behind, expected in (
        (True, "https://geo.example.org/api/processes"),
        (False, "http://localhost:5000/processes"),
    ):
        client = make_server(behind_proxy=behind).client()
        assert rels(client.get("/processes", headers=headers).get_json())["self"] == expected


def test_health(server: Server) -> None:
    client = server.client()
    assert client.get("/livez").get_json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 200
    server.engine.up = False
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.get_json()["reasons"] == ["engine: the supervisor does not answer"]


def test_the_api_definition_has_only_what_is_visible(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "/processes/echo/execution" in client.get("/openapi").get_json()["paths"]
    monkeypatch.setattr(Catalogue, "visible_to", lambda self, principal: Catalogue())
    assert "/processes/echo/execution" not in client.get("/openapi").get_json()["paths"]


def test_a_damaged_store_is_a_warning_of_a_server_that_takes_jobs(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.engine, "damaged", lambda: True)
    response = server.client().get("/readyz")
    assert response.status_code == 200
    assert response.get_json()["status"] == "ok"
    assert "damaged" in response.get_json()["warnings"][0]
