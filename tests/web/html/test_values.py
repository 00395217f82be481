from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.web.html import values


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a?b=c:d",
        "http://localhost:5000/",
        "/jobs",
        "jobs/1",
        "?f=html",
        "#links",
        "HTTP://x",
    ],
)
def test_web_and_relative_urls_are_linked(url: str) -> None:
    assert values.safe_href(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "\\\\host\\share",
        "",
        None,
        7,
    ],
)
def test_other_urls_are_not_linked(url: object) -> None:
    assert values.safe_href(url) == ""


@given(st.text())
def test_a_linked_url_has_a_web_scheme_or_none(url: str) -> None:
    kept = values.safe_href(url)
    head = kept.split("/")[0].split("?")[0].split("#")[0]
    assert ":" not in head or head.split(":")[0].lower() in {"http", "https"}


@given(st.text(alphabet=st.characters(codec=None)))
def test_cleaned_text_fits_utf8(text: str) -> None:
    cleaned = values.clean(text)
    assert cleaned.encode().decode() == cleaned
    assert "\x00" not in cleaned


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text", "scalar"),
        (None, "scalar"),
        ({}, "empty"),
        ([], "empty"),
        ({"href": "https://example.org", "rel": "self"}, "link"),
        ({"href": "https://example.org", "more": {"a": 1}}, "object"),
        ([{"a": 1}, {"a": 2}], "records"),
        ([{"a": 1}, {"a": [2]}], "list"),
        ([1, 2], "list"),
    ],
)
def test_values_are_drawn_by_their_form(value: object, kind: str) -> None:
    assert values.kind(value) == kind


def test_what_lies_too_deep_is_text() -> None:
    assert values.kind({"a": 1}, values.MAX_DEPTH) == "deep"
