from __future__ import annotations

from typing import Any

from openapi_spec_validator import OpenAPIV30SpecValidator

from dragoman.adapters.ogc.openapi.document import document
from dragoman.openapi.merging import merge

REMOTE = "https://schemas.example.org/openapi.yml#/components"


def base() -> dict[str, Any]:
    return document([], server_url="http://localhost:5000", title="Test", description="")


def host() -> dict[str, Any]:
    answers = {
        "200": {"$ref": f"{REMOTE}/responses/Features"},
        "400": {"$ref": "#/components/responses/Bad"},
        "500": {
            "description": "x",
            "headers": {"X-One": {"$ref": f"{REMOTE}/headers/one"}},
            "content": {"application/json": {"schema": {"$ref": f"{REMOTE}/schemas/exception"}}},
        },
    }
    operation = {
        "operationId": "getFeatures",
        "parameters": [
            {"$ref": "#/components/parameters/f"},
            {"$ref": f"{REMOTE}/parameters/collectionId"},
            {"$ref": "#/components/parameters/missing"},
        ],
        "responses": answers,
    }
    parameter = {"name": "f", "in": "query", "schema": {"type": "string", "enum": ["jsonld"]}}
    tree = {"type": "object", "properties": {"children": {"$ref": "#/components/schemas/tree"}}}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/tree"}}}
    bad = {"description": "bad", "content": content}
    return {
        "paths": {"/collections/{collectionId}/items": {"get": operation}},
        "components": {
            "parameters": {"f": parameter},
            "schemas": {"tree": tree, "unused": {}},
            "responses": {"Bad": bad},
        },
    }


def test_a_whole_document_is_taken_in() -> None:
    merged = merge(base(), host())
    OpenAPIV30SpecValidator(merged).validate()
    assert "/collections/{collectionId}/items" in merged["paths"]
    assert "schemas.example.org" not in str(merged)


def test_components_of_the_host_keep_apart_from_ours() -> None:
    merged = merge(base(), host())
    components = merged["components"]
    assert components["parameters"]["f"]["schema"]["enum"] == ["json", "html"]
    assert components["parameters"]["host.f"]["schema"]["enum"] == ["jsonld"]
    children = components["schemas"]["host.tree"]["properties"]["children"]
    assert children == {"$ref": "#/components/schemas/host.tree"}
    assert "host.unused" not in components["schemas"]


def test_what_cannot_be_had_allows_anything() -> None:
    operation = merge(base(), host())["paths"]["/collections/{collectionId}/items"]["get"]
    _, collection, missing = operation["parameters"]
    assert collection == {"name": "collectionId", "in": "path", "required": True, "schema": {}}
    assert missing == {"name": "missing", "in": "query", "schema": {}}
    assert operation["responses"]["200"]["content"] == {"*/*": {"schema": {}}}
    assert operation["responses"]["500"]["content"]["application/json"]["schema"] == {}
    assert operation["responses"]["500"]["headers"]["X-One"] == {"schema": {}}


def test_our_own_paths_and_names_stay_ours() -> None:
    theirs = {"operationId": "theirs", "responses": {"200": {"description": "x"}}}
    same = {"operationId": "getJobs", "responses": {"200": {"description": "x"}}}
    merged = merge(base(), {"/jobs": {"get": theirs}, "/stac": {"get": same}})
    assert merged["paths"]["/jobs"]["get"]["operationId"] == "getJobs"
    assert "operationId" not in merged["paths"]["/stac"]["get"]


def test_a_property_may_be_called_parameters() -> None:
    schema = {"type": "object", "properties": {"parameters": {"$ref": f"{REMOTE}/schemas/any"}}}
    answer = {"description": "x", "content": {"application/json": {"schema": schema}}}
    merged = merge(base(), {"/other": {"get": {"responses": {"200": answer}}}})
    OpenAPIV30SpecValidator(merged).validate()
    moved = merged["paths"]["/other"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert moved["properties"]["parameters"] == {}


def test_a_parameter_that_lies_in_a_file_of_its_own_has_its_name() -> None:
    extra = host()
    operation = extra["paths"]["/collections/{collectionId}/items"]["get"]
    operation["parameters"].append({"$ref": "https://schemas.example.org/parameters/sortby.yaml"})
    parameters = merge(base(), extra)["paths"]["/collections/{collectionId}/items"]["get"]["parameters"]
    assert {"name": "sortby", "in": "query", "schema": {}} in parameters
