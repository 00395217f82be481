"""Prefer, Accept, forwarded headers, links, places for waiting calls, bodies, JSON."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import InvalidQueryParameter, InvalidRequest, PayloadTooLarge, Unavailable
from dragoman.web import request_body
from dragoman.web.links import Paging, forwarded_base, origin_of, page_links, url
from dragoman.web.negotiation import form_of, wants_html, wants_plain_json
from dragoman.web.prefer import MAX_WAIT, parse_prefer
from dragoman.web.request_body import MAX_VALUES, parse_json
from dragoman.web.responses import json_bytes
from dragoman.web.sync_slots import DEVELOPMENT, SyncSlots, waiter_limit

# -- Prefer


@pytest.mark.parametrize(
    ("headers", "respond_async", "wait"),
    [
        ([], False, None),
        (["respond-async"], True, None),
        ([" RESPOND-ASYNC "], True, None),
        (["respond-async, wait=10"], True, 10),
        (["wait = 10 ,respond-async"], True, 10),
        (["return=minimal", "wait=5; x=y, respond-async"], True, 5),
        (['foo="a, respond-async", return=representation'], False, None),
        (['foo="a \\", wait=3"'], False, None),
        (['wait="7"'], False, 7),
        (["wait=7, wait=9"], False, 7),
        (["wait=-1, wait=x"], False, None),
        (["wait=1.5"], False, None),
        (["wait=99999999999"], False, MAX_WAIT),
        (["wait"], False, None),
        (["respond-async=false"], False, None),
        (['respond-async=""'], True, None),
        (["respond-async;a=1;b"], True, None),
        (["respond async"], False, None),
        ([",,respond-async,,"], True, None),
        (['"unclosed, respond-async'], True, None),
        (["return=everything"], False, None),
    ],
)
def test_prefer(headers: list[str], respond_async: bool, wait: int | None) -> None:
    found = parse_prefer(headers)
    assert (found.respond_async, found.wait) == (respond_async, wait)


@given(st.lists(st.text(alphabet=' ",;=\\awit0respond-async\t') | st.text()))
def test_prefer_never_raises(headers: list[str]) -> None:
    found = parse_prefer(headers)
    assert found.wait is None or 0 <= found.wait <= MAX_WAIT


# -- Accept


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("", False), ("*/*", False), ("application/json", False), ("text/html", True),
        ("TEXT/HTML;q=0.4", True),
        ("text/html, application/xhtml+xml, */*;q=0.1", True),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", False),
        ("text/html, */*", False), ("text/html, image/*", False),
        ("text/html;q=0", False), ("text/html;q=0, application/xhtml+xml", False),
        ("application/json, text/html", False), ("text/html, application/json", True),
        ("text/html, application/json;q=0.5", True), ("text/html;q=0.5, application/json", False),
        ("text/html;q=x", True), (";;q=,,", False),
    ],
)  # fmt: skip
def test_who_gets_pages(accept: str, html: bool) -> None:
    assert wants_html(accept) is html
    assert form_of(None, accept) == ("html" if html else "json")


@given(st.text(alphabet="*/;=,q.019 text/html") | st.text())
def test_accept_never_raises(accept: str) -> None:
    assert form_of(None, accept) in ("html", "json")
    wants_plain_json(accept)


def test_f_decides() -> None:
    assert form_of("html", "application/json") == "html"
    assert form_of("JSON", "text/html") == "json"
    with pytest.raises(InvalidQueryParameter, match="allowed: json, html"):
        form_of("xml", "")


# -- links


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({}, "http://localhost:5000/x"),
        ({"X-Forwarded-Proto": "https"}, "https://localhost:5000/x"),
        ({"X-Forwarded-Host": "a.org, b.org:8443"}, "http://b.org:8443/x"),
        ({"X-Forwarded-Host": "[::1]:80", "X-Forwarded-Prefix": "/a/b/"}, "http://[::1]:80/a/b"),
        ({"X-Forwarded-Prefix": "/"}, "http://localhost:5000"),
        ({"X-Forwarded-Proto": "gopher", "X-Forwarded-Host": "a b<>", "X-Forwarded-Prefix": "//evil?"},
         "http://localhost:5000/x"),
    ],
)  # fmt: skip
def test_forwarded_headers(headers: dict[str, str], base: str) -> None:
    assert forwarded_base("http://localhost:5000/x", headers) == base


@pytest.mark.parametrize(
    ("given_", "origin"),
    [
        ("HTTP://Example.ORG:80/x", "http://example.org"), ("https://a:444", "https://a:444"),
        ("http://[::1]:5000/", "http://[::1]:5000"), ("http://a:x", ""),
    ],
)  # fmt: skip
def test_origin_is_as_a_browser_sends_it(given_: str, origin: str) -> None:
    assert origin_of(given_) == origin


def test_urls_are_encoded() -> None:
    assert url("http://x", "jobs", "a/b ü?", query=[("q", "&")]) == "http://x/jobs/a%2Fb%20%C3%BC%3F?q=%26"


@given(st.integers(1, 50), st.integers(0, 200), st.integers(0, 200))
def test_pages_join_without_gap_or_overlap(limit: int, offset: int, matched: int) -> None:
    links = {
        link["rel"]: link["href"]
        for link in page_links("/l", [("a", "b")], Paging(limit=limit, offset=offset, matched=matched))
    }
    assert ("next" in links) == (offset + limit < matched)
    assert ("prev" in links) == (offset > 0)
    if "next" in links:
        assert links["next"] == f"/l?a=b&limit={limit}&offset={offset + limit}"


# -- waiting


def test_places_are_counted_and_given_back() -> None:
    slots = SyncSlots(1)
    with slots.slot(), pytest.raises(Unavailable), slots.slot():
        pass
    assert slots.enter()
    assert not slots.enter()


@pytest.mark.parametrize(
    ("configured", "argv", "args", "limit"),
    [
        (5, ["gunicorn"], None, 5), (0, ["pygeoapi", "serve"], None, DEVELOPMENT), (0, [], None, DEVELOPMENT),
        (0, ["/bin/gunicorn", "--threads", "16", "x:y"], None, 14), (0, ["gunicorn", "--threads=4"], None, 2),
        (0, ["gunicorn"], None, 1), (0, ["python"], "--threads 8", 6), (0, ["gunicorn"], "--x '", 1),
        (0, ["gunicorn", "--threads"], None, 1),
    ],
)  # fmt: skip
def test_limit_of_waiting_calls(configured: int, argv: list[str], args: str | None, limit: int) -> None:
    env = {} if args is None else {"GUNICORN_CMD_ARGS": args}
    assert waiter_limit(configured, argv, env) == limit


# -- bodies and JSON

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_reads_back(value: Any) -> None:
    assert parse_json(json_bytes(value)) == value
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary() | st.text().map(str.encode))
def test_bodies_are_json_or_refused(data: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        parse_json(data)


def test_a_body_of_too_many_values_is_refused_before_any_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("it was parsed"))
    for value in (b"{},", b"[],", b"1,", b'"",', b'{"a":1},', b'"\\\\",', b'",\\"",'):
        with pytest.raises(PayloadTooLarge, match="2,000,000 JSON values"):
            parse_json(b"[" + value * (MAX_VALUES + 1) + b"0]")


def test_what_stands_in_strings_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "MAX_VALUES", 50)
    for text in ("[,{" * 100, '",' * 100, "\\" * 101 + ",,", "\\" * 100 + '"' + "," * 100):
        assert parse_json(json.dumps({"a": text, "b": text}).encode()) == {"a": text, "b": text}


TEXTS = st.lists(st.text(st.sampled_from('",[{\\é a'), max_size=9), max_size=9)


@given(TEXTS, st.integers(2, 12))
def test_strings_are_told_apart_in_blocks_of_any_size(texts: list[str], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(request_body, "_BLOCK", size)
        data = json.dumps(texts, ensure_ascii=False, separators=(",", ":")).encode()
        assert b"".join(request_body._outside_strings(data)) == b"[" + b"," * (len(texts) - 1) + b"]"


def test_order_and_signs_are_kept() -> None:
    assert json_bytes({"b": "<&'>", "a": "é"}) == '{"b":"<&\'>","a":"é"}'.encode()


def test_what_json_has_no_word_for() -> None:
    assert json_bytes({"a": [math.nan, (math.inf, 1.0)]}) == b'{"a":[null,[null,1.0]]}'
    assert json_bytes("\ud800") == b'"?"'
