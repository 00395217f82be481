from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator

from dragoman.adapters.ogc.openapi.components import SCHEMAS
from dragoman.adapters.ogc.openapi.document import document
from dragoman.openapi.merging import operations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dragoman.model.process import Process

BASE = "http://localhost:5000"
PROBLEMS = {"400", "403", "500", "503"}


@pytest.fixture
def made(catalogue: list[Process]) -> dict[str, Any]:
    return document(catalogue, server_url=f"{BASE}/", title="Test", description="For tests.")


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def resolved(made: Mapping[str, Any], value: Any) -> Any:
    """The value with its references written out."""
    if isinstance(value, dict):
        if "$ref" in value:
            _, _, group, name = value["$ref"].split("/")
            return resolved(made, made["components"][group][name])
        return {key: resolved(made, item) for key, item in value.items()}
    return [resolved(made, item) for item in value] if isinstance(value, list) else value


def accepts(made: Mapping[str, Any], component: str, value: Any) -> bool:
    schema = resolved(made, made["components"]["schemas"][component])
    return bool(OAS30Validator(schema).is_valid(value))


def test_the_document_is_valid(made: dict[str, Any]) -> None:
    OpenAPIV30SpecValidator(made).validate()


def test_a_document_without_processes_is_valid() -> None:
    OpenAPIV30SpecValidator(document([], server_url=BASE, title="Test", description="")).validate()


def test_the_document_is_plain_json_in_a_fixed_order(made: dict[str, Any], catalogue: list[Process]) -> None:
    again = document(catalogue, server_url=BASE, title="Test", description="For tests.")
    assert json.dumps(made) == json.dumps(again)


def test_every_reference_stays_within(made: dict[str, Any]) -> None:
    for reference in references(made):
        start, _, group, name = reference.split("/")
        assert start == "#"
        assert name in made["components"][group]


def test_inputs_hold_no_reference_but_the_one_for_references(made: dict[str, Any]) -> None:
    inputs = {name: item for name, item in made["components"]["schemas"].items() if name.endswith("Inputs")}
    assert set(references(inputs)) == {"#/components/schemas/Reference"}


def test_operations_have_distinct_names(made: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(made)]
    assert len({name.lower() for name in names}) == len(names)
    assert all(name.isalnum() for name in names)
    assert {"executeNdvi", "describeNdvi", "executeRasterCalculator"} <= set(names)


def test_processes_of_alike_names_have_their_own_components(made: dict[str, Any]) -> None:
    schemas = made["components"]["schemas"]
    assert {"HelloWorldRequest", "HelloWorld2Request", "Output2Request", "OutputRequest"} <= set(schemas)
    assert "transmissionMode" in schemas["OutputRequest"]["properties"]


def test_every_operation_documents_how_it_may_fail(made: dict[str, Any]) -> None:
    for path, _, operation in operations(made):
        assert set(operation["responses"]) >= PROBLEMS
        assert operation["tags"][0] in {tag["name"] for tag in made["tags"]}
        assert "{" not in path or "404" in operation["responses"]


def test_an_execution_documents_every_answer(made: dict[str, Any]) -> None:
    operation = made["paths"]["/processes/ndvi/execution"]["post"]
    statuses = {"200", "201", "204", "400", "401", "403", "404", "409", "413", "415", "500", "503"}
    assert set(operation["responses"]) == statuses
    assert set(operation["responses"]["201"]["headers"]) == {"Location", "Preference-Applied"}
    content = operation["responses"]["200"]["content"]
    types = {"application/json", "text/html", "multipart/related", "image/tiff; application=geotiff"}
    assert types <= set(content)
    busy = resolved(made, operation["responses"]["503"])
    assert set(busy["headers"]) == {"Retry-After"}
    assert set(busy["content"]) == {"application/problem+json", "application/json", "text/html"}


def test_an_execution_shows_the_example(made: dict[str, Any], catalogue: list[Process]) -> None:
    body = made["paths"]["/processes/echo/execution"]["post"]["requestBody"]
    assert body["content"]["application/json"]["example"] == catalogue[0].example
    assert accepts(made, "EchoRequest", catalogue[0].example)


def test_every_page_is_offered_as_json_and_html(made: dict[str, Any]) -> None:
    for path, method, operation in operations(made):
        if method == "get" and path not in ("/livez", "/readyz"):
            assert "text/html" in operation["responses"]["200"]["content"]
            names = {parameter["name"] for parameter in resolved(made, operation["parameters"])}
            assert "f" in names


@pytest.mark.parametrize(
    ("component", "value", "fits"),
    [
        ("EchoRequest", {"inputs": {"text": "a"}}, True),
        ("EchoRequest", {"inputs": {}}, False),
        ("EchoRequest", {}, False),
        ("EchoRequest", {"inputs": {"text": 1}}, False),
        ("EchoRequest", {"inputs": {"text": "a", "unknown": 1}}, False),
        ("EchoRequest", {"inputs": {"text": "a", "pause": 0}}, False),
        ("EchoRequest", {"inputs": {"text": "a", "area": {"bbox": [1, 2, 3, 4]}}}, True),
        ("EchoRequest", {"inputs": {"text": "a", "value": {"value": 5}}}, True),
        ("EchoRequest", {"inputs": {"text": "a"}, "outputs": {"text": {"transmissionMode": "value"}}}, True),
        ("EchoRequest", {"inputs": {"text": "a"}, "outputs": {"nothing": {}}}, False),
        ("EchoRequest", {"inputs": {"text": "a"}, "response": "both"}, False),
        ("NdviInputs", {"red": {"href": "https://example.org/r.tif"}, "nir": "TUlJKg=="}, True),
        ("NdviInputs", {"red": {"href": "https://example.org/r.tif", "type": "image/tiff"}}, False),
        ("NdviInputs", {"red": {"value": "TUlJKg==", "mediaType": "image/tiff"}, "nir": "TUlJKg=="}, True),
        ("NdviInputs", {"red": 7, "nir": "TUlJKg=="}, False),
        ("RasterCalculatorInputs", {"rasters": [{"href": "https://example.org/r.tif"}]}, True),
        ("RasterCalculatorInputs", {"rasters": []}, False),
        ("RasterCalculatorInputs", {"rasters": ["TUlJKg=="] * 17}, False),
        ("ZonesInputs", {"zones": {"type": "FeatureCollection", "features": []}, "how": ["sum"] * 40}, True),
        ("NdviResults", {"s": {"value": {"mean": 1}, "mediaType": "application/json"}}, True),
        ("NdviResults", {"ndvi": {"href": f"{BASE}/jobs/1/results/ndvi", "type": "image/tiff"}}, True),
        ("NdviResults", [1, "bare"], True),
        ("StatusInfo", {"jobID": "1", "status": "running", "type": "process", "id": "1", "new": 1}, True),
        ("StatusInfo", {"jobID": "1", "status": "done", "type": "process"}, False),
    ],
)
def test_requests_and_answers_have_the_documented_form(
    made: dict[str, Any], component: str, value: Any, fits: bool
) -> None:
    assert accepts(made, component, value) is fits


def test_every_example_is_what_its_schema_allows(made: dict[str, Any]) -> None:
    for _, _, operation in operations(made):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            if "example" in content:
                assert OAS30Validator(resolved(made, content["schema"])).is_valid(content["example"])


def test_only_single_scalars_have_a_default_of_their_own(made: dict[str, Any]) -> None:
    inputs = made["components"]["schemas"]["ZonesInputs"]["properties"]
    assert "default" not in inputs["how"]
    assert inputs["how"]["description"] == 'Default: "mean".'
    assert inputs["one"]["default"] == 3


def test_component_schemas_are_schemas(made: dict[str, Any]) -> None:
    for schema in made["components"]["schemas"].values():
        OAS30Validator.check_schema(schema)


def test_nothing_but_parameters_is_nullable_of_itself(made: dict[str, Any]) -> None:
    """What may be null becomes a wrapper in some languages, and one that Java's resttemplate sends as it is."""
    ours = {name: made["components"]["schemas"][name] for name in SCHEMAS}
    assert "nullable" not in json.dumps(ours)
    body = made["paths"]["/processes/echo/execution"]["post"]["requestBody"]
    assert "null" in body["description"]


def test_a_description_needs_no_type_for_a_number_or_a_word(made: dict[str, Any]) -> None:
    process = made["components"]["schemas"]["Process"]["properties"]
    assert process["inputs"]["additionalProperties"] == {"type": "object"}
    assert "maxOccurs" in process["inputs"]["description"]


@pytest.mark.parametrize("path", ["/processes/echo/execution", "/jobs/{jobID}/results"])
def test_several_results_tell_of_their_one_document(made: dict[str, Any], path: str) -> None:
    (operation,) = made["paths"][path].values()
    assert {"$ref": "#/components/parameters/resultsForm"} in operation["parameters"]


def test_paths_of_a_host_come_along_without_their_remote_references(catalogue: list[Process]) -> None:
    parameters = [{"$ref": "https://example.org/x.yml#/components/parameters/collectionId"}]
    answers = {"200": {"description": "x"}}
    operation = {"operationId": "getJobs", "parameters": parameters, "responses": answers}
    extra = {"/collections/{collectionId}": {"get": operation}, "/jobs": {"get": {}}}
    merged = document(catalogue, server_url=BASE, title="Test", description="", extra=extra)
    OpenAPIV30SpecValidator(merged).validate()
    assert not [reference for reference in references(merged) if not reference.startswith("#/")]
    assert merged["paths"]["/jobs"]["get"]["operationId"] == "getJobs"


def test_every_answer_of_a_result_is_documented(made: dict[str, Any]) -> None:
    responses = made["paths"]["/jobs/{jobID}/results/{outputID}"]["get"]["responses"]
    assert {"200", "204", "206", "304", "400", "401", "403", "404", "412", "416", "500", "503"} == set(
        responses
    )
