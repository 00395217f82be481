"""From a PESTO schema file to the inputs and outputs of a process.

Image            a raster
Images           a raster that may be repeated; as an output, a list of files
anything else    its JSON Schema, every ``$ref`` replaced by what it means; an image within is a text there
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from dragoman.model.process import InputSpec, OutputSpec
from dragoman.packages.pesto.definitions import PREFIX, STANDARD, defined, is_image, is_images
from dragoman.packages.pesto.inner_images import is_inner_image
from dragoman.schemas.forms import GEOTIFF, expand, ogc_form, published_schema, validating_form

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dragoman.model.process import JSON
    from dragoman.packages.pesto.files import JsonFile

OVERRIDES: Final = ("$schema", "title", "type", "description", "definition", "required", "content")
"""Members of a schema file that are said of the whole document; all others are properties."""

PNG: Final = "image/png"

IMAGE: Final[Mapping[str, JSON]] = {
    "oneOf": [
        {"type": "string", "contentEncoding": "binary", "contentMediaType": PNG},
        {"type": "string", "contentEncoding": "binary", "contentMediaType": GEOTIFF},
    ]
}
"""An image that is given back: which of the two, its bands and their type decide."""

INNER_IMAGE: Final[Mapping[str, JSON]] = {
    "type": "string",
    "contentEncoding": "binary",
    "contentMediaType": GEOTIFF,
    "description": "An image: a URL, or base64",
}
"""An image within an object or a list of lists."""


class UnknownReference(ValueError):
    """The schema refers to what is not there."""

    def __init__(self, reference: object) -> None:
        self.reference = str(reference)
        super().__init__(self.reference)


def split(data: Mapping[str, JSON]) -> dict[str, JSON]:
    """A schema file as ``properties`` (verbatim, in order) and what is said of the whole, where it is said."""
    rest = {name: value for name, value in data.items() if name not in (*OVERRIDES, "definitions")}
    properties = rest.get("properties", rest)
    overrides = {name: data[name] for name in OVERRIDES if name in data}
    return deepcopy({"properties": properties, **overrides})


def input_specs(document: JsonFile, definitions: Mapping[str, JSON]) -> dict[str, InputSpec]:
    """By id, in the order of the file; raises PackageError."""
    parts = split(document.data)
    required = parts.get("required") or ()
    return {
        name: _input(document, name, schema, definitions, least=int(name in required))
        for name, schema in _properties(document, parts).items()
    }


def output_specs(document: JsonFile, definitions: Mapping[str, JSON]) -> dict[str, OutputSpec]:
    """By id, in the order of the file; raises PackageError."""
    properties = _properties(document, split(document.data))
    for name, schema in properties.items():
        if is_images(schema):
            _check_items(document, name, properties)
    return {name: _output(document, name, schema, definitions) for name, schema in properties.items()}


def _check_items(document: JsonFile, name: str, properties: Collection[str]) -> None:
    """The images of a list are fetched as name0, name1, ...: no other output may be called so."""
    for other in properties:
        if other.startswith(name) and re.fullmatch("0|[1-9][0-9]*", other.removeprefix(name)):
            message = (
                f"{other}: is what an image of the list {name!r} is called in results; rename one of them"
            )
            raise document.error(message, other)


def _properties(document: JsonFile, parts: Mapping[str, Any]) -> Mapping[str, Mapping[str, JSON]]:
    properties = parts["properties"]
    if not isinstance(properties, dict):
        raise document.error("properties: is not an object", "properties")
    required = parts.get("required", [])
    if not isinstance(required, list):
        raise document.error("required: is not a list", "required")
    for name, schema in properties.items():
        if not isinstance(schema, dict):
            raise document.error(f"{name}: is not a schema, which is an object", name)
        if not name or "/" in name or not name.isprintable():
            raise document.error(f"{name!r}: is a name that no URL can hold", name)
    for name in required:
        if name not in properties:
            raise document.error(f"required: there is no property {name!r}", "required")
    return properties


def _input(
    document: JsonFile, name: str, schema: Mapping[str, JSON], definitions: Mapping[str, JSON], *, least: int
) -> InputSpec:
    description = str(schema.get("description") or "")
    if is_image(schema) or is_images(schema):
        value_schema, word = expand("raster")
        most = None if is_images(schema) else 1
        return InputSpec(
            id=name,
            description=description,
            schema=value_schema,
            shorthand=word,
            min_occurs=least,
            max_occurs=most,
            may_be_empty=most is None,
        )
    value_schema = _json_schema(document, name, schema, {**STANDARD, "Image": INNER_IMAGE, **definitions})
    return InputSpec(
        id=name,
        description=description,
        schema=value_schema,
        min_occurs=least,
        inner_files=holds_files(value_schema),
    )


def holds_files(schema: Mapping[str, JSON]) -> bool:
    """Whether there are images within a value, as members or items."""
    return any(is_inner_image(child) or holds_files(child) for child in _members(schema))


def _members(schema: Mapping[str, JSON]) -> list[Mapping[str, JSON]]:
    properties = schema.get("properties")
    children = [*(properties.values() if isinstance(properties, dict) else ()), schema.get("items")]
    return [child for child in children if isinstance(child, dict)]


def _output(
    document: JsonFile, name: str, schema: Mapping[str, JSON], definitions: Mapping[str, JSON]
) -> OutputSpec:
    description = str(schema.get("description") or "")
    if is_image(schema):
        return OutputSpec(id=name, description=description, schema=image_schema(), shorthand="raster")
    if is_images(schema):
        return OutputSpec(id=name, description=description, schema=images_schema())
    value_schema = _json_schema(document, name, schema, {**STANDARD, **definitions})
    return OutputSpec(id=name, description=description, schema=value_schema)


def image_schema() -> dict[str, JSON]:
    """The schema of an output that is an image."""
    return deepcopy(dict(IMAGE))


def images_schema() -> dict[str, JSON]:
    """The schema of an output that is a list of images."""
    return {"type": "array", "items": image_schema()}


def _json_schema(
    document: JsonFile, name: str, schema: Mapping[str, JSON], definitions: Mapping[str, JSON]
) -> dict[str, JSON]:
    try:
        value_schema = inlined(schema, definitions)
    except UnknownReference as error:
        known = ", ".join(definitions)
        message = f"{name}: the $ref {error.reference!r} is unknown; known: {known}, each after {PREFIX}"
        raise document.error(message, error.reference) from error
    value_schema.pop("description", None)  # it is the input's, or the output's
    try:
        Draft202012Validator.check_schema(validating_form(value_schema))
    except SchemaError as error:
        raise document.error(f"{name}: is not a JSON Schema: {error.message}", name) from error
    return value_schema


def inlined(
    schema: Mapping[str, JSON], definitions: Mapping[str, JSON], within: tuple[str, ...] = ()
) -> dict[str, JSON]:
    """The schema in OGC form, without references; where one leads into itself, it says nothing more.

    What OGC's schema.yaml has no word for is left out: then more is let through, never less.
    Raises UnknownReference.
    """
    if "$ref" in schema:
        name = defined(schema)
        if name not in definitions:
            raise UnknownReference(schema["$ref"])
        if name in within:
            return {}
        target = inlined(definitions[name], definitions, (*within, name))
        return target | {key: schema[key] for key in ("title", "description") if key in schema}
    words = _words() - {"format"}  # PESTO checks none, and what a schema says here is checked
    kept = {key: _child(key, value, definitions, within) for key, value in schema.items() if key in words}
    if kept.get("type") == "null":
        del kept["type"]
        kept["enum"] = [None]
    if kept.get("not") != schema.get("not"):  # widened, it would forbid more
        del kept["not"]
    return ogc_form({key: value for key, value in kept.items() if value != []})


def _child(key: str, value: JSON, definitions: Mapping[str, JSON], within: tuple[str, ...]) -> JSON:
    def schema_of(child: JSON) -> JSON:
        return inlined(child, definitions, within) if isinstance(child, dict) else {}

    if key == "properties" and isinstance(value, dict):
        return {name: schema_of(child) for name, child in value.items()}
    if key in ("allOf", "anyOf", "oneOf") and isinstance(value, list):
        return [schema_of(child) for child in value]
    if key in ("items", "not"):
        return schema_of(value)
    if key == "additionalProperties":
        return schema_of(value) if isinstance(value, dict) else value
    return deepcopy(value)


def _words() -> frozenset[str]:
    return frozenset(published_schema()["$defs"]["schema"]["properties"])
