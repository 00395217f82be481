"""A process of ours in PESTO's terms: the properties of its inputs and outputs, resources, a schema of its config.

raster               Image, repeatable: Images
other binary         a string: base64, or the URL of a file
features, netCDF...  an object (Metadata), a list of these if repeatable
anything else        its own JSON Schema
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from dragoman.adapters.pesto.frame import DRAFT, IMAGE, IMAGES, METADATA
from dragoman.schemas.forms import always_binary, validating_form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON, InputSpec, OutputSpec, Process

RESOURCES: Final[Mapping[str, float]] = {"cpu": 1, "gpu": 0, "ram": 1}
"""Of a process that says nothing of them: cores, cards, GiB."""


def inputs(process: Process) -> dict[str, JSON]:
    """The properties of the input, with the required ones."""
    properties: dict[str, JSON] = {name: _input(spec) for name, spec in process.inputs.items()}
    return _with_required(properties, [spec.id for spec in process.inputs.values() if spec.min_occurs > 0])


def outputs(process: Process) -> dict[str, JSON]:
    """The output schema, in the same form."""
    return _with_required({name: _output(spec) for name, spec in process.outputs.items()}, [])


def resources(process: Process) -> dict[str, JSON]:
    """cpu, gpu and ram, whole numbers without a point."""
    amounts = {**RESOURCES, **process.resources}
    return {name: int(value) if value == int(value) else value for name, value in amounts.items()}


def config_schema(process: Process) -> dict[str, JSON]:
    """The schema of a process's config as its author wrote it, public values as defaults; never another value."""
    schema = dict(process.config_schema)
    properties = schema.get("properties")
    if isinstance(properties, dict):
        public = public_config(process)
        schema["properties"] = {
            name: {**member, "default": public[name]} if name in public else member
            for name, member in properties.items()
        }
    return {"$schema": DRAFT, "type": "object", **schema}


def public_config(process: Process) -> dict[str, JSON]:
    """The values of a process's config that its ``config_schema`` marks with ``x-public: true``."""
    properties = process.config_schema.get("properties")
    members = properties if isinstance(properties, dict) else {}
    marked = [
        name for name, each in members.items() if isinstance(each, dict) and each.get("x-public") is True
    ]
    return {name: process.config[name] for name in marked if name in process.config}


def _with_required(properties: Mapping[str, JSON], required: list[str]) -> dict[str, JSON]:
    return {"properties": dict(properties), "required": required}


def _input(spec: InputSpec) -> dict[str, JSON]:
    if not spec.repeatable:
        return _described(_single(spec.id, spec), spec)
    if spec.shorthand == "raster":
        return _described({"$ref": IMAGES}, spec)
    many: dict[str, JSON] = {"type": "array", "items": _single(spec.id, spec, "/items")}
    if spec.min_occurs > 0:
        many["minItems"] = spec.min_occurs
    if spec.max_occurs is not None:
        many["maxItems"] = spec.max_occurs
    return _described(many, spec)


def _output(spec: OutputSpec) -> dict[str, JSON]:
    if not spec.repeatable:
        return _described(_single(spec.id, spec), spec)
    if spec.shorthand == "raster":
        return _described({"$ref": IMAGES}, spec)
    bounds = {name: spec.schema[name] for name in ("minItems", "maxItems") if name in spec.schema}
    return _described({"type": "array", **bounds, "items": _single(spec.id, spec.item, "/items")}, spec)


def _single(name: str, spec: InputSpec | OutputSpec, inside: str = "") -> dict[str, JSON]:
    """One value; ``inside`` is where its schema stands within the property."""
    if spec.shorthand == "raster":
        return {"$ref": IMAGE}
    if spec.shorthand == "features":
        return {"$ref": METADATA}
    if always_binary(spec.schema):
        return {"type": "string"}
    schema = validating_form(spec.schema)
    if spec.shorthand == "bbox":
        schema = validating_form(spec.schema["allOf"][1])
    here = f"#/properties/{_pointer(name)}{inside}"
    rebased: dict[str, JSON] = _rebased(schema, here)
    return rebased


def _described(schema: dict[str, JSON], spec: InputSpec | OutputSpec) -> dict[str, JSON]:
    words = spec.description or spec.title
    return {**schema, "description": words} if words else schema


def _pointer(name: str) -> str:
    """A name as a segment of a JSON pointer in a URI."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")


def _rebased(schema: JSON, here: str) -> JSON:
    """The same with references that held within the schema pointing to where it stands now."""
    if isinstance(schema, list):
        return [_rebased(item, here) for item in schema]
    if not isinstance(schema, dict):
        return schema
    members = {name: _rebased(value, here) for name, value in schema.items()}
    if isinstance(members.get("$ref"), str):
        members["$ref"] = here + members["$ref"].removeprefix("#")
    return members
