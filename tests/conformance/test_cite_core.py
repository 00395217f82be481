"""What the official suite asks of the server as a whole: landing page, definition, processes, errors, pages."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
import requests
from openapi_spec_validator import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness import Server

    type Get = Callable[..., requests.Response]
    type Valid = Callable[[str, Any], None]

pytestmark = pytest.mark.slow

CONFORMANCE = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def links(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The links of a document by relation."""
    return {link["rel"]: link for link in document["links"]}


# -- core: landing page, API definition, conformance ------------------------------------------------------


def test_the_landing_page_links_to_everything(get: Get, valid: Valid) -> None:
    answer = get("/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    document = answer.json()
    valid("landingPage", document)
    wanted = {"service-desc", "service-doc", f"{REL}conformance", f"{REL}processes", f"{REL}job-list"}
    assert wanted <= links(document).keys()


def test_every_link_of_the_landing_page_leads_somewhere_of_its_type(get: Get) -> None:
    for link in get("/").json()["links"]:
        answer = requests.get(link["href"], timeout=120)
        assert answer.status_code == 200, link
        assert answer.headers["Content-Type"].partition(";")[0] == link["type"].partition(";")[0], link


def test_the_definition_is_valid_openapi_3(get: Get) -> None:
    link = links(get("/").json())["service-desc"]
    answer = requests.get(link["href"], headers={"Accept": OPENAPI}, timeout=120)
    assert answer.headers["Content-Type"] == link["type"] == OPENAPI
    validate(answer.json())


def test_the_definition_refers_to_nothing_outside(get: Get) -> None:
    def references(value: Any) -> Iterator[str]:
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            if key == "$ref" and isinstance(member, str):
                yield member
            elif isinstance(member, dict | list):
                yield from references(member)

    found = set(references(get("/openapi").json()))
    assert found
    assert all(reference.startswith("#/components/") for reference in found)


def test_each_process_has_its_own_path_and_documents_its_status_codes(get: Get) -> None:
    paths = get("/openapi").json()["paths"]
    for process in get("/processes").json()["processes"]:
        execution = paths[f"/processes/{process['id']}/execution"]["post"]
        assert {"200", "201", "204", "400", "404", "500", "503"} <= execution["responses"].keys()
        assert "application/json" in execution["requestBody"]["content"]


def test_every_class_of_part_1_is_declared(get: Get, valid: Valid) -> None:
    document = get("/conformance").json()
    valid("confClasses", document)
    names = ["core", "ogc-process-description", "json", "html", "oas30", "job-list", "callback", "dismiss"]
    assert {CONFORMANCE + name for name in names} <= set(document["conformsTo"])


# -- core: the list and the descriptions of processes -----------------------------------------------------


def test_the_process_list_is_valid_and_holds_the_required_members(get: Get, valid: Valid) -> None:
    document = get("/processes").json()
    valid("processList", document)
    assert {"self", "alternate"} <= links(document).keys()
    for summary in document["processes"]:
        valid("processSummary", summary)
        assert "inputs" not in summary


def test_limit_1_gives_exactly_one_process_and_a_next_link(get: Get) -> None:
    document = get("/processes", params={"limit": 1}).json()
    assert len(document["processes"]) == 1
    assert "prev" not in links(document)
    following = requests.get(links(document)["next"]["href"], timeout=120).json()
    assert len(following["processes"]) == 1
    assert following["processes"] != document["processes"]
    back = requests.get(links(following)["prev"]["href"], timeout=120).json()
    assert back["processes"] == document["processes"]


def test_next_links_lead_once_through_all_processes(get: Get) -> None:
    everything = [process["id"] for process in get("/processes").json()["processes"]]
    found: list[str] = []
    document = get("/processes", params={"limit": 4}).json()
    while True:
        found += [process["id"] for process in document["processes"]]
        if "next" not in links(document):
            break
        document = requests.get(links(document)["next"]["href"], timeout=120).json()
    assert found == everything


@pytest.mark.parametrize("limit", ["0", "-1", "10001", "many", "1.5", ""])
def test_a_limit_that_is_wrong_is_400(get: Get, valid: Valid, limit: str) -> None:
    answer = get("/processes", params={"limit": limit})
    assert answer.status_code == 400
    valid("exception", answer.json())


def test_every_description_is_valid(get: Get, valid: Valid) -> None:
    for summary in get("/processes").json()["processes"]:
        document = get(f"/processes/{summary['id']}").json()
        valid("process", document)
        assert {"sync-execute", "async-execute"} & set(document["jobControlOptions"])
        assert document["outputTransmission"] == ["value", "reference"]
        assert all("schema" in item for item in [*document["inputs"].values(), *document["outputs"].values()])


def test_echo_is_what_the_official_suite_looks_for(get: Get) -> None:
    document = get("/processes/echo").json()
    inputs = document["inputs"]
    first, *others = inputs.values()
    assert first["schema"] == {"type": "string"}
    assert first["minOccurs"] == 1
    assert all(item["minOccurs"] == 0 for item in others)
    assert next(iter(inputs)) in document["outputs"]
    assert len(document["outputs"]) >= 2
    kinds = [item["schema"] for item in others]
    assert any(kind.get("type") == "array" and kind["items"] == {"type": "integer"} for kind in kinds)
    assert any({"format": "ogc-bbox"} in kind.get("allOf", []) for kind in kinds)
    assert any([branch["type"] for branch in kind.get("oneOf", [])] == ["string", "number"] for kind in kinds)
    assert sum("contentMediaType" in kind for kind in kinds) == 1
    assert not any(kind.get("type") == "object" or kind.get("format") == "byte" for kind in kinds)


# -- core: exceptions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "type_"),
    [
        ("GET", "/processes/nothing", "no-such-process"),
        ("POST", "/processes/nothing/execution", "no-such-process"),
        ("GET", "/jobs/nothing", "no-such-job"),
        ("GET", "/jobs/00000000-0000-4000-8000-000000000000", "no-such-job"),
        ("GET", "/jobs/nothing/results", "no-such-job"),
        ("DELETE", "/jobs/nothing", "no-such-job"),
    ],
)
def test_what_does_not_exist_is_404_with_the_uri_of_its_exception(
    server: Server, valid: Valid, method: str, path: str, type_: str
) -> None:
    body: dict[str, Any] | None = {"inputs": {}} if method == "POST" else None
    answer = requests.request(method, f"{server.url}{path}", json=body, timeout=120)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    valid("exception", document)
    assert (document["type"], document["status"], document["instance"]) == (EXCEPTIONS + type_, 404, path)


def test_an_exception_is_exactly_json_where_that_was_asked_for(get: Get) -> None:
    answer = get("/jobs/nothing", Accept="application/json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["type"] == f"{EXCEPTIONS}no-such-job"


@pytest.mark.parametrize("path", ["/processes/echo/nothing", "/jobs/a/b/c/d", "/nowhere"])
def test_a_path_that_does_not_exist_is_404(get: Get, path: str) -> None:
    assert get(path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/processes/echo"), ("PATCH", "/jobs"), ("DELETE", "/")]
)
def test_a_method_that_is_not_known_is_405_and_says_which_are(server: Server, method: str, path: str) -> None:
    answer = requests.request(method, f"{server.url}{path}", timeout=120)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


# -- json, html: the two forms of every document ----------------------------------------------------------


class Text(HTMLParser):
    """The text, links and sources of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.hrefs: list[str] = []
        self.sources: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a":
            self.hrefs.append(found.get("href") or "")
        elif tag in ("script", "img", "link"):
            self.sources.append(found.get("src") or found.get("href") or "")


@pytest.fixture(scope="module")
def job_id(server: Server) -> str:
    made = server.submit("echo", text="for pages", numbers=[17])
    server.finished(made)
    return made


PAGES = [
    "/",
    "/conformance",
    "/openapi",
    "/processes",
    "/processes/echo",
    "/jobs",
    "/jobs/{}",
    "/jobs/{}/results",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_document_is_a_page_too_that_loads_nothing_from_elsewhere(
    get: Get, server: Server, job_id: str, path: str
) -> None:
    for headers, params in [({"Accept": BROWSER}, {}), ({"Accept": "text/html"}, {}), ({}, {"f": "html"})]:
        answer = get(path.format(job_id), params=params, **headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    sources = [source for source in Text(answer.text).sources if "//" in source]
    assert all(source.startswith(server.url) for source in sources)


@pytest.mark.parametrize("path", ["/", "/processes", "/processes/echo", "/jobs", "/jobs/{}"])
def test_a_page_has_the_links_of_its_document(get: Get, job_id: str, path: str) -> None:
    hrefs = Text(get(path.format(job_id), params={"f": "html"}).text).hrefs
    shown = {href.replace("?f=html", "") for href in hrefs}
    for link in get(path.format(job_id)).json()["links"]:
        assert link["href"].replace("?f=html", "") in shown, link


def test_a_page_has_the_data_of_its_document(get: Get, job_id: str) -> None:
    shown = Text(get("/processes/echo", Accept=BROWSER).text).text
    description = get("/processes/echo").json()
    assert all(name in shown for name in [*description["inputs"], *description["outputs"]])
    assert all(item["title"] in shown for item in description["inputs"].values())
    results = Text(get(f"/jobs/{job_id}/results", Accept=BROWSER).text).text
    assert "for pages" in results
    assert "numbers=[17]" in results
    status = Text(get(f"/jobs/{job_id}", Accept=BROWSER).text).text
    assert job_id in status
    assert "successful" in status


@pytest.mark.parametrize("path", [path for path in PAGES if not path.endswith("/results")])
@pytest.mark.parametrize("accept", [None, JAVA, "*/*", "application/json", "text/*;q=0.5, application/json"])
def test_every_document_is_json_for_a_program(get: Get, job_id: str, path: str, accept: str | None) -> None:
    answer = get(path.format(job_id), **({"Accept": accept} if accept else {}))
    assert answer.status_code == 200
    assert "json" in answer.headers["Content-Type"]
    assert answer.json()


@pytest.mark.parametrize("accept", ["image/png", "application/xml", "nonsense", ";;;", "*/*;q=0"])
def test_nothing_is_refused_for_its_accept(get: Get, accept: str) -> None:
    assert get("/processes", Accept=accept).status_code == 200


def test_a_form_that_is_not_known_is_400(get: Get) -> None:
    assert get("/processes", params={"f": "xml"}).status_code == 400
