"""Results on the wire, and what subscribers are told."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.adapters.ogc.callbacks import notification
from dragoman.adapters.ogc.describe import description
from dragoman.adapters.ogc.results_documents import (
    INLINE,
    INLINE_BINARY,
    linked,
    native,
    results_document,
)
from dragoman.model.job import InputValue, Job, JobFailure, JobRequest, Output, OutputRequest, Subscriber
from dragoman.model.process import InputSpec, Process, Runtime
from dragoman.model.status import JobStatus
from dragoman.packages.validation import validate_inputs
from dragoman.schemas.forms import expand
from dragoman.schemas.media_types import kind_of
from dragoman.web.result_values import load_content

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2024, 5, 17, 10, 0, 0, 123456, tzinfo=UTC)
RUNTIME = Runtime(form="native", folder="")


def job(status: JobStatus = JobStatus.SUCCESSFUL, **changes: Any) -> Job:
    made = Job(
        id="00000000-0000-4000-8000-000000000000", process_id="p", process_version="1", runtime=RUNTIME,
        status=status, created=NOW, updated=NOW + timedelta(seconds=1),
    )  # fmt: skip
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("value", "declared", "media_type", "data"),
    [
        ("ü", "text/plain", "text/plain; charset=utf-8", "ü".encode()),
        ("a", "application/json", "text/plain; charset=utf-8", b"a"),
        ("a", "", "text/plain; charset=utf-8", b"a"),
        ("a", "text/csv", "text/csv; charset=utf-8", b"a"),
        ("a", "text/csv; charset=utf-8", "text/csv; charset=utf-8", b"a"),
        ("<a/>", "application/gml+xml", "application/gml+xml; charset=utf-8", b"<a/>"),
        ({"a": 1}, "application/geo+json", "application/geo+json", b'{"a":1}'),
        ([1], "text/plain", "application/json", b"[1]"),
        (None, "application/json", "application/json", b"null"),
        (True, "application/json", "application/json", b"true"),
    ],
)
def test_native_form_of_values(value: Any, declared: str, media_type: str, data: bytes) -> None:
    assert native(Output(id="x", media_type=declared, value=value)) == (media_type, data)


@pytest.mark.parametrize(
    ("value", "media_type", "wire"),
    [
        ("a", "text/plain", "a"), ("a", "application/json", "a"), (1.5, "application/json", 1.5),
        ([1], "application/json", [1]),
        ("a", "text/csv", {"value": "a", "mediaType": "text/csv"}),
        ({"a": 1}, "application/geo+json", {"value": {"a": 1}, "mediaType": "application/geo+json"}),
        ({"bbox": [1, 2, 3, 4]}, "application/json", {"bbox": [1, 2, 3, 4]}),
    ],
)  # fmt: skip
def test_values_in_documents(value: Any, media_type: str, wire: Any) -> None:
    output = Output(id="x", media_type=media_type, value=value)
    assert results_document(job(), [output], "http://b", lambda output: None) == {"x": wire}


@pytest.mark.parametrize(
    ("media_type", "size", "wanted", "is_link"),
    [
        ("image/tiff", INLINE_BINARY, None, False), ("image/tiff", INLINE_BINARY + 1, None, True),
        ("image/tiff", INLINE_BINARY + 1, "value", False), ("image/tiff", INLINE + 1, "value", True),
        ("application/geo+json", INLINE, None, False), ("application/geo+json", INLINE + 1, None, True),
        ("image/tiff", 1, "reference", True),
    ],
)  # fmt: skip
def test_when_files_are_linked(media_type: str, size: int, wanted: Any, is_link: bool) -> None:
    assert linked(Output(id="x", media_type=media_type, file="x", size=size), wanted) is is_link


def test_kinds_and_contents() -> None:
    names = ("Application/JSON; a=b", "a/b+json", "text/csv", "a/b+xml", "a/b")
    assert [kind_of(name) for name in names] == [
        "json", "json", "text", "text", "binary",
    ]  # fmt: skip
    assert load_content(b'{"a":1}', "application/json") == {"a": 1}
    assert load_content(b"{", "application/json") == "{"
    assert load_content(b"\xff", "text/plain") == "\ufffd"
    assert load_content(b"\x00", "image/tiff") == "AA=="


# -- notifications

SUBSCRIBER = Subscriber(success_uri="http://s", in_progress_uri="http://p", failed_uri="http://f")


@pytest.mark.parametrize(
    ("status", "url"),
    [
        (JobStatus.ACCEPTED, "http://p"), (JobStatus.RUNNING, "http://p"), (JobStatus.SUCCESSFUL, "http://s"),
        (JobStatus.FAILED, "http://f"), (JobStatus.DISMISSED, None),
    ],
)  # fmt: skip
def test_who_is_told(status: JobStatus, url: str | None) -> None:
    told = notification(
        job(status, request=JobRequest(subscriber=SUBSCRIBER)), "http://b", lambda output: b""
    )
    assert (told and told.url) == url
    assert notification(job(status), "http://b", lambda output: b"") is None
    silent = job(status, request=JobRequest(subscriber=Subscriber()))
    assert notification(silent, "http://b", lambda output: b"") is None


def test_what_they_are_told() -> None:
    request = JobRequest(subscriber=SUBSCRIBER, outputs={"a": OutputRequest()})
    outputs = {name: Output(id=name, media_type="application/json", value=1) for name in ("a", "b")}
    told = notification(job(request=request, outputs=outputs), "http://b", lambda output: b"")
    assert told is not None
    assert told.body == {"a": 1}
    failure = JobFailure(code="execution-failed", detail="why")
    told = notification(
        job(JobStatus.FAILED, request=request, failure=failure), "http://b", lambda output: b""
    )
    assert told is not None
    assert (told.body["status"], told.body["message"]) == ("failed", "why")


def test_files_are_read_into_what_they_are_told() -> None:
    outputs = {
        "a": Output(id="a", media_type="application/json", file="a.json", size=7),
        "b": Output(id="b", media_type="application/json", value=math.nan),
        "c": Output(id="c", media_type="image/tiff", file="c.tif", size=INLINE_BINARY + 1),
    }
    told = notification(
        job(request=JobRequest(subscriber=SUBSCRIBER), outputs=outputs), "http://b", lambda output: b'{"x":1}'
    )
    assert told is not None
    assert told.body["a"] == {"value": {"x": 1}, "mediaType": "application/json"}
    assert told.body["b"] is None
    assert told.body["c"]["href"].startswith("http://b/jobs/")


def test_a_raster_input_says_all_that_is_read(valid: Callable[[str, Any], None]) -> None:
    schema, word = expand("raster")
    inputs = {"scene": InputSpec(id="scene", schema=schema, shorthand=word)}
    process = Process(id="p", version="1", inputs=inputs, outputs={}, runtime=RUNTIME)
    document = description(process, "")
    valid("process", document)
    branches = document["inputs"]["scene"]["schema"]["oneOf"]
    named = [each["contentMediaType"] for each in branches]
    assert named[0] == "image/tiff; application=geotiff"
    assert {"image/png", "image/jpeg", "image/jp2", "image/webp", "image/bmp", "image/gif"} == {*named[1:]}
    assert all(each["type"] == "string" and each["contentEncoding"] == "binary" for each in branches)
    for media_type in named:
        validate_inputs(process, {"scene": [InputValue(value="AAAA", media_type=media_type)]})
