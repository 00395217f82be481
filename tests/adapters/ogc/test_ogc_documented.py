"""Whatever is served is documented: every answer is walked along its schema in the API document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from openapi_answers import ApiDocument

from dragoman.adapters.ogc.openapi.document import document

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from tests.adapters.ogc.conftest import Server
    from werkzeug.test import TestResponse

type Ask = Callable[[FlaskClient, Callable[[dict[str, Any]], str]], TestResponse]

ECHO = {"inputs": {"text": "a", "numbers": [1, 2]}}
ASYNC = {"Prefer": "respond-async"}


def undocumented(value: Any, schema: Any, components: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Where a member is served of which the schema says nothing; what says nothing at all allows anything."""
    branches = list(_branches(schema, components))
    if isinstance(value, list):
        for item in value:
            yield from undocumented(item, _joined("items", branches), components, f"{place}[]")
    if not isinstance(value, dict):
        return
    known = [branch for branch in branches if "properties" in branch or "additionalProperties" in branch]
    for name, member in value.items():
        subs = [b["properties"][name] for b in known if name in b.get("properties", {})]
        subs += [b["additionalProperties"] for b in known if isinstance(b.get("additionalProperties"), dict)]
        if known and not subs:
            yield f"{place}.{name}"
        elif subs:
            yield from undocumented(member, {"anyOf": subs}, components, f"{place}.{name}")


def _branches(schema: Any, components: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The schema with its references and alternatives written out."""
    if "$ref" in schema:
        kind, name = schema["$ref"].split("/")[-2:]
        yield from _branches(components[kind][name], components)
        return
    yield schema
    for key in ("allOf", "anyOf", "oneOf"):
        for branch in schema.get(key, ()):
            yield from _branches(branch, components)


def _joined(key: str, branches: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"anyOf": [branch[key] for branch in branches if key in branch]}


@pytest.fixture
def api(server: Server) -> ApiDocument:
    """The document of the very processes that the server has."""
    own = ApiDocument("ogc")
    own.data = document(server.catalogue, server_url="http://localhost:5000", title="T", description="")
    return own


def _started(client: FlaskClient, process_id: str, body: dict[str, Any]) -> str:
    started = client.post(f"/processes/{process_id}/execution", json=body, headers=ASYNC)
    return f"/jobs/{started.get_json()['jobID']}"


ANSWERS: Mapping[str, Callable[[FlaskClient], TestResponse]] = {
    "landing page": lambda client: client.get("/"),
    "conformance": lambda client: client.get("/conformance"),
    "liveness": lambda client: client.get("/livez"),
    "processes": lambda client: client.get("/processes?limit=2&offset=1"),
    "echo": lambda client: client.get("/processes/echo"),
    "raster": lambda client: client.get("/processes/raster"),
    "a job": lambda client: client.get(_started(client, "echo", ECHO)),
    "a waiting job": lambda client: client.get(_started(client, "slow", {"inputs": {"text": "a"}})),
    "a failed job": lambda client: client.get(_started(client, "fail", {"inputs": {"text": "a"}})),
    "what made it fail": lambda client: client.get(
        _started(client, "fail", {"inputs": {"text": "a"}}) + "/results"
    ),
    "a start": lambda client: client.post("/processes/echo/execution", json=ECHO, headers=ASYNC),
    "a dismissal": lambda client: client.delete(_started(client, "slow", {"inputs": {"text": "a"}})),
    "a removal": lambda client: client.delete(_started(client, "echo", ECHO)),
    "jobs": lambda client: client.get("/jobs") if _started(client, "echo", ECHO) else client.get("/"),
    "a document": lambda client: client.post(
        "/processes/echo/execution", json=ECHO | {"response": "document"}
    ),
    "files": lambda client: client.post(
        "/processes/raster/execution", json={"inputs": {"size": 3}, "response": "document"}
    ),
    "a list of files": lambda client: client.post(
        "/processes/tiles/execution", json={"inputs": {"size": 3}, "response": "document"}
    ),
    "no such job": lambda client: client.get("/jobs/00000000-0000-4000-8000-000000000000"),
    "wrong inputs": lambda client: client.post("/processes/echo/execution", json={"inputs": {}}),
    "a wrong parameter": lambda client: client.get("/jobs?limit=0"),
    "another media type": lambda client: client.post("/processes/echo/execution", data="text"),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_every_member_that_is_served_is_documented(client: FlaskClient, api: ApiDocument, what: str) -> None:
    response = ANSWERS[what](client)
    path = response.request.path
    api.check(response, path)
    schema = api.schema_of(response, path)
    assert list(undocumented(response.get_json(), schema, api.data["components"])) == []


def test_a_member_that_is_not_documented_is_found() -> None:
    schema = {"$ref": "#/components/schemas/A"}
    parts = {"schemas": {"A": {"properties": {"b": {"type": "array", "items": {"properties": {"c": {}}}}}}}}
    value = {"b": [{"c": {"free": 1}, "d": 2}], "e": 3}
    assert list(undocumented(value, schema, parts)) == [".b[].d", ".e"]
