"""What PESTO clients are told of a process of ours."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from harness import REPOSITORY
from jsonschema import Draft6Validator
from tests.adapters.pesto.conftest import ECHO, OURS, make

from dragoman import __version__
from dragoman.adapters.pesto.contract import contract_of
from dragoman.adapters.pesto.describe import OPTIONAL, config, describe, version
from dragoman.adapters.registry import dialect_settings
from dragoman.composition import catalogue
from dragoman.config.settings_file import load_settings
from dragoman.packages.pesto.project import DESCRIBED

if TYPE_CHECKING:
    from dragoman.model.process import JSON, Process

ROOT = "http://localhost:5000/pesto/p"


def described(process: Process, *asynchronous: str) -> dict[str, Any]:
    return describe(contract_of(process, asynchronous), ROOT)


def properties(part: str, **schemas: Any) -> dict[str, Any]:
    """The properties of a process with these inputs, and outputs of the same kind."""
    given = {name: schema if "schema" in schema else {"schema": schema} for name, schema in schemas.items()}
    outputs = {name: each["schema"] for name, each in given.items()}
    found: dict[str, Any] = described(make("p", given, outputs))[part]["properties"]
    return found


def test_who_it_is() -> None:
    document = described(ECHO)
    members = [name for name in (*DESCRIBED, *OPTIONAL) if name in document]
    assert list(document) == [*members, "input", "output", "_links"]
    assert set(DESCRIBED) <= set(members)
    assert document["name"] == "echo"
    assert document["title"] == "Echo"
    assert (document["family"], document["email"], document["organization"]) == (
        "test",
        "geo@example.org",
        "",
    )
    assert document["resources"] == {"cpu": 1, "gpu": 0, "ram": 2}
    assert document["keywords"] == ["test"]
    assert document["config"]["properties"] == {
        "chunk": {"type": "integer", "default": 2048, "x-public": True}
    }


def test_where_it_is() -> None:
    links = described(ECHO)["_links"]
    assert links["execution"]["href"] == f"{ROOT}/api/v1/process"
    assert {link["href"] for link in links.values()} == {
        f"{ROOT}/api/v1/{name}" for name in ("describe", "process", "config", "version", "health")
    }


def test_rasters_are_images_and_repeatable_ones_lists() -> None:
    found = properties(
        "input",
        one={"schema": "raster", "description": "A scene."},
        many={"schema": "raster", "max_occurs": None},
        cube={"schema": "netcdf"},
        cubes={"schema": "netcdf", "min_occurs": 2, "max_occurs": 3},
        zones={"schema": "features", "title": "Zones"},
    )
    assert found["one"] == {"$ref": "#/definitions/Image", "description": "A scene."}
    assert found["many"] == {"$ref": "#/definitions/Images"}
    assert found["cube"] == {"type": "string"}
    assert found["cubes"] == {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 3}
    assert found["zones"] == {"$ref": "#/definitions/Metadata", "description": "Zones"}


def test_other_schemas_are_draft_6() -> None:
    found = properties(
        "output",
        number={"schema": {"type": "number", "exclusiveMinimum": 0}},
        maybe={"schema": {"type": ["number", "null"]}},
        area={"schema": "bbox"},
    )
    assert found["number"] == {"type": "number", "exclusiveMinimum": 0}
    assert found["maybe"] == {"type": ["number", "null"]}
    assert found["area"]["required"] == ["bbox"]


def test_references_within_a_schema_still_point_to_their_target() -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}, "a/b": {"type": "string"}}}
    document = described(make("p", {"the tree/~": {"schema": tree}}, {}))
    assert document["input"]["properties"]["the tree/~"]["properties"]["child"] == {
        "$ref": "#/properties/the%20tree~1~0"
    }
    validator = Draft6Validator(document["input"])
    assert validator.is_valid({"the tree/~": {"child": {"child": {"a/b": "x"}}}})
    assert not validator.is_valid({"the tree/~": {"child": {"child": {"a/b": 3}}}})


def test_required_are_those_that_must_occur() -> None:
    assert described(ECHO)["input"]["required"] == ["text"]
    assert "required" not in described(ECHO)["output"]


@pytest.mark.parametrize(("process", "asynchronous"), [(ECHO, False), (OURS[1], True), (OURS[4], True)])
def test_whether_it_is_stateful(process: Process, asynchronous: bool) -> None:
    assert described(process, "later")["asynchronous"] is asynchronous


def test_version_and_config() -> None:
    contract = contract_of(ECHO, ())
    assert version(contract) == {"version": "1.0.0", "__packaging": f"packaged with dragoman v{__version__}"}
    assert config(contract) == {"chunk": 2048}


def test_a_secret_in_the_config_is_shown_nowhere() -> None:
    members: dict[str, JSON] = {
        "token": {"type": "string", "description": "Of the archive."},
        "chunk": {"type": "integer", "x-public": True},
        "absent": {"type": "integer", "x-public": True},
        "odd": True,
    }
    config_of = {"token": "hunter2", "chunk": 2048, "odd": "hunter2", "undeclared": "hunter2"}
    schema: dict[str, JSON] = {"type": "object", "properties": members}
    told = replace(ECHO, config=config_of, config_schema=schema)
    document = described(told)
    assert document["config"]["properties"] == {
        **members,
        "chunk": {"type": "integer", "x-public": True, "default": 2048},
    }
    assert config(contract_of(told, ())) == {"chunk": 2048}
    silent = replace(told, config_schema={})
    assert config(contract_of(silent, ())) == {}
    for process in (told, silent):
        assert "hunter2" not in json.dumps(described(process))


def test_what_is_served_is_valid_draft_6_with_all_its_references() -> None:
    served = catalogue(load_settings(REPOSITORY / "pygeoapi-config.yml", {}, dialect_settings()))
    for process in served:
        document = described(process)
        for part in ("input", "output"):
            Draft6Validator.check_schema(document[part])
            Draft6Validator(document[part]).is_valid({name: {} for name in document[part]["properties"]})
        if process.example is not None:
            plain = {name: _plain(wire) for name, wire in process.example["inputs"].items()}
            assert Draft6Validator(document["input"]).is_valid(plain)


def _plain(wire: Any) -> Any:
    """Values without OGC's wrappings."""
    if isinstance(wire, list):
        return [_plain(item) for item in wire]
    if isinstance(wire, dict) and "value" in wire:
        return wire["value"]
    return wire
