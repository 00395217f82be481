"""Every page shows all of its data and links, and nothing in them is ever markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman.web.html import pages, values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BASE = "http://localhost:5000"
RESULTS = "http://www.opengis.net/def/rel/ogc/1.0/results"
LINKS = [
    {"rel": "self", "type": "text/html", "href": f"{BASE}/x?f=html"},
    {"rel": "alternate", "type": "application/json", "href": f"{BASE}/x?f=json", "title": "as JSON"},
    {"rel": "next", "type": "text/html", "href": f"{BASE}/x?offset=10", "hreflang": "en"},
]
JOB = {
    "jobID": "0b5c7f0e-9b1c-4a75-8c4f-3a2f0c6d1e00",
    "id": "0b5c7f0e-9b1c-4a75-8c4f-3a2f0c6d1e00",
    "type": "process",
    "processID": "ndvi",
    "status": "running",
    "progress": 42,
    "message": "window 3 of 9",
    "created": "2026-01-02T03:04:05.678Z",
    "started": "2026-01-02T03:04:06.678Z",
    "updated": "2026-01-02T03:04:07.678Z",
    "links": [{"rel": "monitor", "href": f"{BASE}/jobs/1", "type": "application/json"}],
    "later": {"members": ["are", "shown", 2.5]},
}
PROCESS = {
    "id": "ndvi",
    "version": "1.2.3",
    "title": "Vegetation",
    "description": "Two bands & an index",
    "keywords": ["raster", "<b>bold</b>"],
    "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
    "outputTransmission": ["value", "reference"],
    "links": [{"rel": "about", "href": "https://example.org/ndvi"}],
    "metadata": [{"title": "paper", "href": "https://example.org/paper", "role": "cite"}],
}
SPEC = {"title": "Red", "description": "a band", "schema": {"type": "string"}, "minOccurs": 1, "maxOccurs": 7}
DATA: Mapping[str, Any] = {
    "landing": {"title": "Server", "description": "What it is", "links": [], "attribution": "somebody"},
    "conformance": {
        "conformsTo": ["http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core"],
        "more": 1,
    },
    "processes": {"processes": [PROCESS], "links": [], "numberMatched": 1},
    "process": PROCESS | {"inputs": {"red": SPEC}, "outputs": {"index": {"schema": {"type": "object"}}}},
    "jobs": {"jobs": [JOB, JOB | {"status": "failed", "finished": "2027-01-01T00:00:00Z"}], "links": []},
    "job": JOB,
    "results": {"a": {"href": f"{BASE}/r/a", "type": "image/tiff"}, "b": 3.25, "c": {"value": [None, True]}},
    "openapi": {
        "openapi": "3.0.3",
        "info": {"title": "API", "version": "9", "contact": {"name": "me"}},
        "paths": {"/jobs": {"get": {"summary": "List", "tags": ["Jobs"]}, "description": "path"}},
        "components": {"schemas": {"Link": {"type": "object"}}},
        "servers": [{"url": BASE}],
    },
    "stubs": {
        "stubs": [
            {
                "language": "r",
                "href": f"{BASE}/processes/a/stubs/r",
                "type": "text/plain",
                "title": "R & httr",
            }
        ],
        "links": [],
        "more": {"x": 1},
    },
    "problem": {
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
        "detail": "none",
        "code": "not-found",
    },
}


class Page(HTMLParser):
    """What a browser would make of a page: its elements with attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def shape(self) -> set[tuple[str, tuple[str, ...]]]:
        return {(tag, tuple(attributes)) for tag, attributes in self.elements}


def render(page: str, data: Any, **more: Any) -> Page:
    arguments = {"title": "T", "links": LINKS, "base_url": BASE} | more
    return Page(pages.render(page, data=data, **arguments))


def scalars(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key != "links":
                yield from scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item)
    else:
        yield values.text(value)


def links_of(data: Any) -> Iterator[Mapping[str, str]]:
    if isinstance(data, dict):
        yield from data.get("links", [])
        for item in data.values():
            yield from links_of(item)
    elif isinstance(data, list):
        for item in data:
            yield from links_of(item)


@pytest.mark.parametrize("page", pages.PAGES)
def test_a_page_shows_every_scalar_of_its_data(page: str) -> None:
    shown = render(page, DATA[page], job_id="1")
    missing = [text for text in scalars(DATA[page]) if text not in shown.text]
    assert not missing


@pytest.mark.parametrize("page", pages.PAGES)
def test_a_page_shows_every_link(page: str) -> None:
    shown = render(page, DATA[page])
    targets = {attributes.get("href") for tag, attributes in shown.elements if tag == "a"}
    for link in [*LINKS, *links_of(DATA[page])]:
        assert link["href"] in targets
        assert all(text in shown.text for text in link.values())


@pytest.mark.parametrize("page", pages.PAGES)
def test_a_page_asks_nothing_of_elsewhere_and_runs_no_script(page: str) -> None:
    shown = render(page, DATA[page])
    assert not {"script", "img", "iframe", "object", "form"} & {tag for tag, _ in shown.elements}
    assert not any("src" in attributes or "style" in attributes for _, attributes in shown.elements)
    assert [a["href"] for tag, a in shown.elements if tag == "link" and a["rel"] == "icon"] == ["data:,"]


@pytest.mark.parametrize("page", pages.PAGES)
def test_a_page_is_accessible_in_its_outline(page: str) -> None:
    shown = render(page, DATA[page])
    tags = [tag for tag, _ in shown.elements]
    assert ("html", {"lang": "en"}) in shown.elements
    assert tags.count("h1") == 1
    assert tags.count("main") == 1
    assert all(attributes.get("aria-label") for tag, attributes in shown.elements if tag == "nav")


def test_the_style_sheet_is_small_and_free_of_addresses() -> None:
    style = (pages.HERE / "style.css").read_text(encoding="utf-8")
    assert len(style.encode()) < 8192
    assert "url(" not in style
    assert "@import" not in style
    assert "</" not in style


def leaves(value: Any, replace: Any) -> Any:
    """The same document with every string that is no link's address replaced."""
    if isinstance(value, dict):
        return {key: item if key == "href" else leaves(item, replace) for key, item in value.items()}
    if isinstance(value, list):
        return [leaves(item, replace) for item in value]
    return replace(value) if isinstance(value, str) else value


HOSTILE = st.one_of(
    st.text(alphabet=st.characters(codec=None), max_size=40),
    st.sampled_from(
        ["<script>alert(1)</script>", "\"'><b onclick=x>", "</style><h1>", "{{ 7*7 }}", "&lt;", "-->"]
    ),
)


@pytest.mark.parametrize("page", pages.PAGES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=HOSTILE)
def test_no_text_becomes_markup(page: str, text: str) -> None:
    hostile = f"x{text}<i onclick='a'>\"y"
    data = leaves(DATA[page], lambda _: hostile)
    shown = render(
        page, data, title=hostile, links=leaves(LINKS, lambda _: hostile), site=hostile, job_id=hostile
    )
    assert not {"i", "script", "b"} & {tag for tag, _ in shown.elements}
    assert not any(name.startswith("on") for _, attributes in shown.elements for name in attributes)
    assert values.clean(hostile) in shown.text


@pytest.mark.parametrize("page", pages.PAGES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(key=HOSTILE)
def test_no_name_becomes_markup(page: str, key: str) -> None:
    name = f"{key}<i onclick='a'>\""
    shown = render(
        page, {**DATA[page], name: {name: [{name: name}, {name: 1}], "deeper": [[name]]}}, job_id="1"
    )
    assert "i" not in {tag for tag, _ in shown.elements}
    assert values.clean(name) in shown.text


@pytest.mark.parametrize("page", pages.PAGES)
@pytest.mark.parametrize("href", ["javascript:alert(1)", "data:text/html,x", "java\tscript:x"])
def test_only_web_addresses_are_linked(page: str, href: str) -> None:
    link = {"rel": "next", "href": href, "type": "text/html"}
    hostile = {**DATA[page], "one": {"href": href}, "links": [link]}
    shown = render(page, hostile, links=[link, {**link, "rel": RESULTS}], base_url=href)
    targets = [attributes.get("href") or "" for tag, attributes in shown.elements if tag in ("a", "link")]
    assert not [target for target in targets if target.startswith(("javascript", "java\t", "data:text"))]
    assert href in shown.text


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
        max_leaves=25,
    )
)
def test_any_result_is_shown_whole(value: Any) -> None:
    shown = render("results", {"out": value})
    assert all(values.clean(text) in shown.text for text in scalars({"out": value}))


def test_what_is_nested_deeply_is_shown_too() -> None:
    value: Any = "bottom"
    for _ in range(200):
        value = [value]
    assert "bottom" in render("results", {"out": value}).text


@pytest.mark.parametrize(
    ("status", "again"), [("accepted", 1), ("running", 1), ("successful", 0), ("failed", 0)]
)
def test_a_job_page_asks_again_while_the_job_is_not_finished(status: str, again: int) -> None:
    shown = render("job", JOB | {"status": status})
    refreshes = [a for tag, a in shown.elements if tag == "meta" and a.get("http-equiv") == "refresh"]
    assert len(refreshes) == again


def test_a_job_page_shows_its_progress() -> None:
    [bar] = [attributes for tag, attributes in render("job", JOB).elements if tag == "progress"]
    assert bar["value"] == "42"


def test_a_successful_job_leads_to_its_results() -> None:
    links = [{"rel": RESULTS, "href": f"{BASE}/jobs/1/results", "type": "application/json"}]
    shown = render("job", JOB | {"status": "successful", "links": links})
    buttons = [a["href"] for tag, a in shown.elements if tag == "a" and a.get("class") == "button"]
    assert buttons == [f"{BASE}/jobs/1/results"]


def test_a_job_page_shows_its_maps() -> None:
    pictures = [
        {
            "rel": "preview",
            "type": "image/png",
            "href": f"{BASE}/map?bbox=1,2&key=a%22b",
            "title": "Output <a>",
        },
        {"rel": "preview", "type": "image/png", "href": "javascript:alert(1)", "title": "none"},
    ]
    text = pages.render("job", title="Job", data={**JOB, "links": pictures}, links=[], base_url=BASE)
    assert text.count("<img") == 1
    assert f'<img class="map" src="{BASE}/map?bbox=1,2&amp;key=a%22b" alt="Output &lt;a&gt;">' in text
    assert "<h2>Map" in text
    assert f"img-src data: 'self' {BASE};" in text
    plain = pages.render("job", title="Job", data=JOB, links=[], base_url=BASE)
    assert "<img" not in plain
    assert "img-src data:;" in plain


def test_each_output_can_be_fetched() -> None:
    shown = render("results", {"a b": 1}, job_id="7")
    assert f"{BASE}/jobs/7/results/a%20b" in [a.get("href") for tag, a in shown.elements if tag == "a"]


def test_a_process_page_says_how_to_run_it() -> None:
    shown = render("process", DATA["process"], example={"inputs": {"red": "it's"}})
    assert "curl -X POST http://localhost:5000/processes/ndvi/execution" in shown.text
    assert "respond-async" in shown.text
    assert "it'\"'\"'s" in shown.text


def test_an_example_that_is_too_long_is_not_written_out() -> None:
    shown = render("process", DATA["process"], example={"inputs": {"red": "z" * 120_000}})
    assert "zzz" not in shown.text
    assert '"red": "text"' in shown.text


def test_pages_lead_on_and_back() -> None:
    links = [{"rel": "next", "href": "/jobs?offset=20"}, {"rel": "prev", "href": "/jobs?offset=0"}]
    shown = render("jobs", DATA["jobs"], links=links)
    rels = {a["rel"]: a["href"] for tag, a in shown.elements if tag == "a" and a.get("rel")}
    assert rels == {"next": "/jobs?offset=20", "prev": "/jobs?offset=0"}


def test_there_is_no_other_page() -> None:
    with pytest.raises(ValueError, match=r"there is no page '\.\./base'"):
        pages.render("../base", title="", data={}, links=[], base_url=BASE)
