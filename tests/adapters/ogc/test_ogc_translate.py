"""The pure parts: values on the wire, plans, intervals, documents, notifications; and a fuzz over all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dragoman.adapters.ogc.describe import time_text
from dragoman.adapters.ogc.queries import job_query, parse_interval
from dragoman.adapters.ogc.translate import Plan, execute_request, plan
from dragoman.config.settings import FetchSettings
from dragoman.errors import (
    InvalidInputs,
    InvalidQueryParameter,
    NoSuchOutput,
    RequestError,
)
from dragoman.model.job import InputValue, JobRequest, OutputRequest, Subscriber
from dragoman.model.process import InputSpec, OutputSpec, Process, Runtime
from dragoman.schemas.forms import expand
from dragoman.schemas.ogc_values import input_values
from dragoman.sources.policy import SourcePolicy
from dragoman.web.prefer import Preferences

if TYPE_CHECKING:
    from tests.adapters.ogc.conftest import Server

OBJECT = {"type": "object", "properties": {"value": {"type": "number"}, "href": {"type": "string"}}}
NOW = datetime(2024, 5, 17, 10, 0, 0, 123456, tzinfo=UTC)
POLICY = SourcePolicy(fetch=FetchSettings())
RUNTIME = Runtime(form="native", folder="")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def spec(schema: dict[str, Any], most: int | None = 1) -> InputSpec:
    return InputSpec(id="x", schema=schema, max_occurs=most)


def one(wire: Any, schema: dict[str, Any] | None = None) -> InputValue:
    (value,) = input_values("x", wire, spec(schema or {"type": "string"}))
    return value


# -- values


@pytest.mark.parametrize("wire", ["a", 5, 1.5, True, None, [1, 2], {"bbox": [1, 2, 3, 4]}, {"a": 1}, {}])
def test_plain_values(wire: Any) -> None:
    assert one(wire) == InputValue(value=wire)


def test_references() -> None:
    wire = {"href": "http://x/a.tif", "type": "image/tiff", "rel": "data", "title": "A"}
    assert one(wire) == InputValue(href="http://x/a.tif", media_type="image/tiff")


def test_qualified_values() -> None:
    wire = {"value": "AAE=", "mediaType": "image/tiff", "encoding": "base64", "schema": {"a": 1}}
    expected = InputValue(value="AAE=", media_type="image/tiff", encoding="base64", schema={"a": 1})
    assert one(wire) == expected
    assert one({"value": {"a": 1}}) == InputValue(value={"a": 1})
    assert one({"value": [1, 2]}) == InputValue(value=[1, 2])


def test_objects_that_only_look_qualified() -> None:
    """An object of the input's own with a member named value, or href."""
    assert one({"value": 5}, OBJECT) == InputValue(value={"value": 5})
    assert one({"value": {"value": 5}}, OBJECT) == InputValue(value={"value": 5})
    assert one({"href": "a"}, OBJECT) == InputValue(value={"href": "a"})
    assert one({"value": 5, "more": 1}) == InputValue(value={"value": 5, "more": 1})
    assert one({"value": 5}, {"allOf": [{"format": "x"}, OBJECT]}) == InputValue(value={"value": 5})


NO_FORM = dict.fromkeys(("href", "type", "value", "mediaType", "encoding", "schema"))
"""Members of a class that some generators make of every form of a value."""


def test_null_members_of_other_forms_are_left_out() -> None:
    box = {"bbox": {"type": "array"}, "name": {"type": "string", "nullable": True}}
    schema = {"type": "object", "properties": box}
    assert one(NO_FORM | {"href": "http://x", "type": "a/b"}) == InputValue(href="http://x", media_type="a/b")
    assert one(NO_FORM | {"value": "AA==", "mediaType": "a/b"}) == InputValue(value="AA==", media_type="a/b")
    assert one(NO_FORM | {"bbox": None, "value": {"bbox": []}}, schema) == InputValue(value={"bbox": []})
    assert one(NO_FORM | {"bbox": [], "name": None}, schema) == InputValue(value={"bbox": [], "name": None})
    assert one(NO_FORM) == InputValue(value=None)


def test_empty_members_of_other_forms_are_left_out() -> None:
    """Rust has no null where a member is required."""
    assert one({"href": "http://x", "value": ""}) == InputValue(href="http://x")
    assert one({"href": "", "value": "AA=="}) == InputValue(value="AA==")
    assert one({"href": "", "value": ""}) == InputValue(value="")


def test_an_object_of_the_inputs_own_keeps_its_nulls() -> None:
    wire = {"href": None, "value": "a"}
    assert one(wire, OBJECT) == InputValue(value=wire)
    assert one({"type": None, "more": 1}) == InputValue(value={"type": None, "more": 1})
    assert one({"href": "a", "value": "b"}) == InputValue(value={"href": "a", "value": "b"})


def test_an_object_with_an_href_may_come_by_reference() -> None:
    """A bare object is our leniency; by the standard an object is qualified, and this is a reference."""
    url = "http://x/a.json"
    reference = {"href": url, "type": "application/json"}
    assert one(reference, OBJECT) == InputValue(href=url, media_type="application/json")
    assert one({"href": url}, OBJECT | {"required": ["value"]}) == InputValue(href=url)
    assert one({"href": url}, OBJECT) == InputValue(value={"href": url})
    link = {"type": "object", "properties": {"href": {"type": "string"}, "type": {"type": "string"}}}
    assert one(reference, link) == InputValue(value=reference)
    assert one({"value": reference}, link) == InputValue(value=reference)
    assert one({"href": "a", "type": "b"}, OBJECT) == InputValue(value={"href": "a", "type": "b"})


@pytest.mark.parametrize("most", [None, 3])
def test_repeatable_inputs(most: int | None) -> None:
    number, array = spec({"type": "number"}, most), spec({"type": "array"}, most)
    assert input_values("x", 5, number) == (InputValue(value=5),)
    assert input_values("x", [5], number) == (InputValue(value=5),)
    assert input_values("x", [5, {"value": 6}], number) == (InputValue(value=5), InputValue(value=6))
    assert input_values("x", [{"href": "http://x"}], number) == (InputValue(href="http://x"),)
    assert input_values("x", [], number) == ()
    assert input_values("x", [1, 2], array) == (InputValue(value=[1, 2]),)
    assert input_values("x", [[1], [2]], array) == (InputValue(value=[1]), InputValue(value=[2]))
    assert input_values("x", [1, 2], None) == (InputValue(value=[1, 2]),)


def process() -> Process:
    inputs = {"a": spec({}), "x": spec({})}
    outputs = {name: OutputSpec(id=name, schema={}) for name in ("a", "b")}
    return Process(id="p", version="1", inputs=inputs, outputs=outputs, runtime=RUNTIME)


def test_every_wrong_form_is_named() -> None:
    body = {"inputs": {"a": {"href": 1}, "x": {"value": 1, "encoding": 2}, "c": 1}}
    with pytest.raises(InvalidInputs) as caught:
        execute_request(body, process(), POLICY)
    assert [wrong.input_id for wrong in caught.value.problems] == ["a", "x"]


def test_what_an_unknown_input_holds_is_not_read() -> None:
    request = execute_request(
        {"inputs": {f"u{number}": {"href": 1} for number in range(1000)}}, process(), POLICY
    )
    assert len(request.inputs) == 1000
    assert len({id(values) for values in request.inputs.values()}) == 1


def test_long_names_of_outputs_are_cut() -> None:
    with pytest.raises(NoSuchOutput) as caught:
        execute_request({"outputs": {"n" * 100_000: 1}}, process(), POLICY)
    assert len(caught.value.detail) < 300


def test_the_rest_of_a_request() -> None:
    request = execute_request(
        {
            "outputs": {
                "a": {"transmissionMode": "reference", "format": {"mediaType": "image/png"}},
                "b": {},
            },
            "response": "document",
            "subscriber": {"successUri": "http://s", "inProgressUri": "https://p", "failedUri": "http://f"},
            "more": 1,
        },
        process(),
        POLICY,
    )
    assert request == JobRequest(
        outputs={"a": OutputRequest(media_type="image/png", transmission="reference"), "b": OutputRequest()},
        response="document",
        subscriber=Subscriber(success_uri="http://s", in_progress_uri="https://p", failed_uri="http://f"),
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"outputs": {}},
        {"outputs": []},
        {"inputs": {}, "subscriber": {}},
        {"inputs": None, "outputs": None, "response": None, "subscriber": None},
        {"subscriber": {"successUri": None, "inProgressUri": None, "failedUri": None, "headers": None}},
    ],
)
def test_what_is_omitted_is_everything(body: Any) -> None:
    assert execute_request(body, process(), POLICY) == JobRequest()


@pytest.mark.parametrize(
    "wire",
    [None, {"format": None, "transmissionMode": None}, {"format": {"mediaType": None, "schema": None}}],
)
def test_an_output_of_which_all_is_null_is_one_as_it_comes(wire: Any) -> None:
    assert execute_request({"outputs": {"b": wire}}, process(), POLICY).outputs == {"b": OutputRequest()}


BOX = {"bbox": [1, 2, 3, 4]}


@pytest.mark.parametrize("wire", [BOX | {"crs": None}, {"value": BOX | {"crs": None}, "mediaType": None}])
def test_a_crs_of_null_is_left_out(wire: Any) -> None:
    assert one(wire, dict(expand("bbox")[0])) == InputValue(value=BOX)


def test_an_object_that_is_no_bbox_keeps_its_null() -> None:
    assert one(BOX | {"crs": None}) == InputValue(value=BOX | {"crs": None})


@pytest.mark.parametrize(
    ("schema", "least", "kept"),
    [
        ({"type": "number"}, 0, False),
        ({"type": "number", "nullable": True}, 0, True),
        ({"oneOf": [{"type": "string"}, {"enum": [None]}]}, 0, True),
        ({}, 0, True),
        ({"type": "number"}, 1, True),
    ],
)
@pytest.mark.parametrize("most", [1, None])
def test_an_input_that_is_null_is_left_out_where_null_is_none_of_its_values(
    schema: dict[str, Any], least: int, kept: bool, most: int | None
) -> None:
    inputs = {"x": InputSpec(id="x", schema=schema, min_occurs=least, max_occurs=most)}
    asked = execute_request({"inputs": {"x": None}}, replace(process(), inputs=inputs), POLICY)
    assert asked.inputs == ({"x": (InputValue(value=None),)} if kept else {})


@given(st.dictionaries(st.text(), JSON) | JSON)
@example({"inputs": {"x": {"value": 1, "schema": None}}})
def test_any_json_is_a_request_or_refused(body: Any) -> None:
    try:
        request = execute_request(body, process(), POLICY)
    except (RequestError, NoSuchOutput):
        return
    json.dumps([value.value for values in request.inputs.values() for value in values])


@given(JSON, st.sampled_from([None, "text/plain"]))
def test_a_qualified_value_reads_back(value: Any, media_type: str | None) -> None:
    wire = {"value": value} | ({"mediaType": media_type} if media_type else {})
    assert one(wire) == InputValue(value=value, media_type=media_type)


# -- plans


@pytest.mark.parametrize(
    ("modes", "prefer", "expected"),
    [
        (("sync", "async"), Preferences(), Plan(mode="sync", wait=None)),
        (
            ("sync", "async"),
            Preferences(respond_async=True),
            Plan(mode="async", wait=0, applied="respond-async"),
        ),
        (("sync", "async"), Preferences(wait=3), Plan(mode="sync", wait=3, applied="wait=3")),
        (
            ("sync", "async"),
            Preferences(wait=3, respond_async=True),
            Plan(mode="async", wait=3, applied="respond-async"),
        ),
        (("async",), Preferences(), Plan(mode="async", wait=0)),
        (("async",), Preferences(respond_async=True), Plan(mode="async", wait=0, applied="respond-async")),
        (("sync",), Preferences(respond_async=True, wait=1), Plan(mode="sync", wait=None)),
    ],
)
def test_plans(modes: Any, prefer: Preferences, expected: Plan) -> None:
    assert plan(modes, prefer) == expected


# -- intervals


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024-02-29", "2024-02-29T00:00:00Z", "2024-02-29T23:59:59.999999Z"),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z", "2024-01-01T10:00:00.999999Z"),
        ("2024-01-01t10:00:00.5z", "2024-01-01T10:00:00.5Z", "2024-01-01T10:00:00.599999Z"),
        ("2024-01-01T10:00:00.123456789Z", "2024-01-01T10:00:00.123456Z", "2024-01-01T10:00:00.123456Z"),
        ("2024-01-01T10:00:00", "2024-01-01T10:00:00Z", "2024-01-01T10:00:00.999999Z"),
        ("2024-01-01T10:00:00 02:00", "2024-01-01T08:00:00Z", "2024-01-01T08:00:00.999999Z"),
        ("2024-01-01/..", "2024-01-01T00:00:00Z", None),
        ("2024-01-01/", "2024-01-01T00:00:00Z", None),
        ("../2024-01-01", None, "2024-01-01T23:59:59.999999Z"),
        ("/2024-01-01T00:00:00-01:00", None, "2024-01-01T01:00:00.999999Z"),
        ("2024-01-01/2024-01-01", "2024-01-01T00:00:00Z", "2024-01-01T23:59:59.999999Z"),
        ("../..", None, None),
        ("9999-12-31", "9999-12-31T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_intervals(text: str, first: str | None, last: str | None) -> None:
    assert parse_interval(text) == (first and at(first), last and at(last))


@given(st.text(alphabet="0123456789-:TZ./+ ") | st.text())
@example("9999-12-31T23:59:59-01:00")
@example("0001-01-01T00:00:00+01:00")
@example("2024-01-01T10:00:60Z")
def test_intervals_never_break(text: str) -> None:
    try:
        first, last = parse_interval(text)
    except InvalidQueryParameter:
        return
    assert first is None or last is None or first <= last


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))
def test_a_time_that_was_shown_finds_its_moment(moment: datetime) -> None:
    first, last = parse_interval(time_text(moment))
    assert first is not None
    assert last is not None
    assert first <= moment <= last


def test_times_are_utc_with_z() -> None:
    assert time_text(NOW) == "2024-05-17T10:00:00.123Z"


NAMES = ("limit", "offset", "type", "status", "processID", "minDuration", "maxDuration", "datetime")


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.text(), max_size=3)))
def test_queries_never_break(arguments: dict[str, list[str]]) -> None:
    try:
        query = job_query(arguments)
    except InvalidQueryParameter as error:
        assert "allowed: " in error.detail  # noqa: PT017 - either outcome is fine
        return
    assert 1 <= query.limit <= 10_000


# -- anything at all

VALUES = JSON | st.fixed_dictionaries({"value": JSON}) | st.fixed_dictionaries({"href": JSON})
BODIES = JSON | st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.dictionaries(st.sampled_from(["text", "numbers", "box", "thing", "zz"]), VALUES) | JSON,
        "outputs": st.dictionaries(st.sampled_from(["text", "all", "zz"]), JSON) | JSON,
        "response": st.sampled_from(["raw", "document"]) | JSON,
        "subscriber": JSON,
    },
)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=BODIES)
def test_no_body_is_the_servers_mistake(server: Server, body: Any) -> None:
    response = server.client().post("/processes/echo/execution", json=body)
    assert response.status_code in (200, 204, 400), response.text
