"""The alternative of a ``oneOf`` is chosen by the media type, before the job is made and when the value is resolved."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.config.settings import FetchSettings
from dragoman.errors import InvalidInputs
from dragoman.packages.validation import validate_inputs, validate_resolved
from dragoman.schemas.alternatives import narrowed, taken_types
from dragoman.schemas.ogc_values import input_value
from dragoman.schemas.value_check import SchemaCheck
from dragoman.sources.policy import SourcePolicy
from dragoman.sources.resolve import resolve

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.model.process import Process

CSV = {"type": "string", "contentMediaType": "text/csv"}
PLAIN = {"type": "string", "contentMediaType": "text/plain"}
OBJECT = {"type": "object", "contentMediaType": "application/json", "required": ["x"]}
TIFF = {"type": "string", "contentEncoding": "binary", "contentMediaType": "image/tiff"}
INPUTS = """
table: {schema: {oneOf: [{type: string, contentMediaType: text/csv}, {type: string, contentMediaType: text/plain}]}}
mixed: {schema: {oneOf: [{type: string, contentMediaType: text/csv},
  {type: object, contentMediaType: application/json, required: [x]}]}}
fc: {schema: {oneOf: [{type: string, contentMediaType: "application/gml+xml; version=3.2"},
  {type: string, contentMediaType: application/vnd.google-earth.kml+xml},
  {allOf: [{format: geojson-feature-collection}, {type: object}]}]}}
image: {schema: {oneOf: [{type: string, contentEncoding: binary, contentMediaType: image/tiff},
  {type: object, contentMediaType: application/json}]}}
"""
FEATURES: dict[str, Any] = {"type": "FeatureCollection", "features": []}


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def process(make_process: Any) -> Process:
    lines = "\n".join(f"  {line}" for line in INPUTS.strip().splitlines())
    made: Process = make_process(f"\n{lines}")
    return made


def received(process: Process, name: str, wire: Any, folder: Path) -> Any:
    """The value that the algorithm gets; its bytes, where it is a file."""
    value = input_value(name, wire, process.inputs[name])
    try:
        validate_inputs(process, {name: (value,)})
    except InvalidInputs as error:
        mine = [problem for problem in error.problems if problem.input_id == name]
        if mine:
            raise InvalidInputs(mine) from error
    resolved = resolve(process.inputs[name], value, folder, SourcePolicy(fetch=FetchSettings()))
    validate_resolved(process, name, resolved)
    return resolved.value if resolved.path is None else resolved.path.read_bytes()


@pytest.mark.parametrize(
    ("name", "wire", "value"),
    [
        ("table", "a,b", "a,b"),
        ("table", {"value": "a,b", "mediaType": "text/csv"}, "a,b"),
        ("table", {"value": "12", "mediaType": "text/plain"}, "12"),
        ("table", {"href": "data:text/csv,a%2Cb"}, "a,b"),
        ("table", {"href": "data:text/csv,12"}, "12"),
        ("table", {"value": coded("a,b"), "mediaType": "text/csv", "encoding": "base64"}, "a,b"),
        ("mixed", {"value": coded("a,b"), "mediaType": "text/csv", "encoding": "base64"}, "a,b"),
        ("mixed", {"value": coded("12"), "mediaType": "text/csv", "encoding": "base64"}, "12"),
        ("mixed", {"href": "data:text/csv,12"}, "12"),
        ("mixed", {"href": 'data:text/csv,{"x":1}'}, '{"x":1}'),
        ("mixed", {"href": 'data:application/json,{"x":1}'}, {"x": 1}),
        ("mixed", {"value": {"x": 1}, "mediaType": "text/json"}, {"x": 1}),
        ("mixed", {"value": {"x": 1}}, {"x": 1}),
        ("fc", {"value": "<gml/>", "mediaType": "application/gml+xml; version=3.2"}, "<gml/>"),
        ("fc", "<kml/>", "<kml/>"),
        ("fc", FEATURES, FEATURES),
        ("fc", {"value": FEATURES, "mediaType": "application/geo+json"}, FEATURES),
        ("fc", {"value": FEATURES, "mediaType": "application/json"}, FEATURES),
        ("image", {"value": coded("II*"), "mediaType": "image/tiff"}, b"II*"),
        ("image", {"href": 'data:application/json,{"a":1}'}, {"a": 1}),
        (
            "image",
            {"value": coded('{"a":1}'), "mediaType": "application/json", "encoding": "base64"},
            {"a": 1},
        ),
    ],
)
def test_the_media_type_chooses(
    process: Process, tmp_path: Path, name: str, wire: dict[str, Any], value: Any
) -> None:
    assert received(process, name, wire, tmp_path) == value


@pytest.mark.parametrize(
    ("name", "wire", "words"),
    [
        ("mixed", {"value": {"x": 1}, "mediaType": "text/csv"}, "allowed: a string"),
        ("mixed", {"value": "a,b", "mediaType": "application/json"}, "allowed: an object with x"),
        (
            "mixed",
            {"value": coded("a,b"), "mediaType": "application/json", "encoding": "base64"},
            "is not JSON",
        ),
        (
            "mixed",
            {"value": "a", "mediaType": "text/html"},
            "got the media type .* text/csv, application/json",
        ),
        ("image", {"value": "no base64!", "mediaType": "image/tiff"}, "allowed: base64"),
    ],
)
def test_what_is_not_as_its_media_type_says_is_refused(
    process: Process, tmp_path: Path, name: str, wire: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInputs, match=words) as caught:
        received(process, name, wire, tmp_path)
    assert {problem.input_id for problem in caught.value.problems} == {name}


def test_what_names_no_alternative_narrows_nothing() -> None:
    schema = {"oneOf": [CSV, OBJECT, TIFF]}
    for media_type in (None, "", "text/html"):
        assert narrowed(schema, media_type) is schema
    assert narrowed(CSV, "text/csv") is CSV
    assert narrowed({"oneOf": [{"type": "string"}, {"type": "number"}]}, "application/json")["oneOf"]
    assert narrowed(schema, "text/json") == {"oneOf": [OBJECT]}
    assert narrowed({"anyOf": [CSV, {"type": "string"}], "title": "T"}, "text/plain") == {
        "anyOf": [{"type": "string"}],
        "title": "T",
    }


def test_an_alternative_that_states_no_media_type_has_one_all_the_same(process: Process) -> None:
    assert taken_types(process.inputs["fc"])[2:] == ("application/geo+json",)


@pytest.mark.parametrize(
    ("branches", "fits"),
    [
        ([CSV, PLAIN], True),
        ([CSV, CSV], False),
        ([CSV, {"type": "string"}], False),
        ([{"type": "string"}, {"minLength": 1}], False),
        ([{"type": "string"}, {"$ref": "https://example.org/geometry.yaml"}], True),
        ([{"type": "string"}, {"allOf": [{"$ref": "https://example.org/a.yaml"}, {"title": "A"}]}], True),
    ],
)
def test_only_what_cannot_be_told_apart_is_ambiguous(branches: list[dict[str, Any]], fits: bool) -> None:
    findings = SchemaCheck({"oneOf": branches}).findings("a")
    assert (findings == []) == fits
    assert fits or "fits more than one" in findings[0]


@pytest.mark.parametrize("reference", ["https://example.org/a.yaml", "#/nowhere", "#/$defs/none", "#none"])
def test_a_reference_that_cannot_be_looked_up_switches_off_itself_alone(reference: str) -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": reference}, "b": {"type": "number"}}}
    assert SchemaCheck(schema).findings({"a": 1, "b": 2}) == []
    assert SchemaCheck(schema).findings({"a": 1, "b": "x"}) == ['b: got "x"; allowed: a number']


def test_a_content_schema_may_be_a_uri(make_process: Any) -> None:
    """So says OGC's schema.yaml; JSON Schema wants a schema there, and checks nothing with it."""
    kml = {
        "type": "string",
        "contentSchema": "https://schemas.opengis.net/kml/2.3/ogckml23.xsd",
        "maxLength": 3,
    }
    assert SchemaCheck(kml).findings("<k>") == []
    assert SchemaCheck(kml).findings("<kml/>") != []
    process = make_process("{a: {schema: {type: string, contentSchema: 'https://example.org/a.xsd'}}}")
    assert process.inputs["a"].schema["contentSchema"] == "https://example.org/a.xsd"
