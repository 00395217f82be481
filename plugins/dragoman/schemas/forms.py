"""The schemas of a package: of process.yml itself, and of its inputs and outputs.

An input's schema has three forms:

    as written     a word (``raster``) or JSON Schema, 2020-12 or OpenAPI 3.0 style
    in a Process   the OGC form: what schema.yaml of OGC 18-062r2 allows, that is OpenAPI 3.0 style
    to validate    JSON Schema 2020-12
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Final, get_args

from dragoman.model.process import JSON, InputSpec, Shorthand
from dragoman.schemas.openapi30 import boolean_bounds

SHORTHANDS: Final[tuple[Shorthand, ...]] = get_args(Shorthand.__value__)

GEOTIFF: Final = "image/tiff; application=geotiff"
NETCDF: Final = "application/x-netcdf"
GEOJSON: Final = "application/geo+json"

RASTERS: Final = ("image/png", "image/jpeg", "image/jp2", "image/webp", "image/bmp", "image/gif")
"""What a ``raster`` input may be besides GeoTIFF: the media types of the formats that are opened."""

_EXPANDED: Final[Mapping[Shorthand, Mapping[str, JSON]]] = {
    "raster": {"type": "string", "contentEncoding": "binary", "contentMediaType": GEOTIFF},
    "netcdf": {"type": "string", "contentEncoding": "binary", "contentMediaType": NETCDF},
    "features": {
        "type": "object",
        "format": "geojson-feature-collection",
        "contentMediaType": GEOJSON,
        "required": ["type", "features"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["type"],
                    "properties": {
                        "type": {"type": "string", "enum": ["Feature"]},
                        "geometry": {"type": "object", "nullable": True},
                        "properties": {"type": "object", "nullable": True},
                    },
                },
            },
        },
    },
    "bbox": {
        "allOf": [
            {"format": "ogc-bbox"},
            {
                "type": "object",
                "required": ["bbox"],
                "properties": {
                    "bbox": {
                        "type": "array",
                        "items": {"type": "number"},
                        "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
                    },
                    "crs": {"type": "string", "default": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
                },
            },
        ]
    },
}

UNKNOWN: Final = "x-unknown"
"""Marks, to validate, what stood for a reference that is not looked up: it allows anything."""

_LISTS = ("allOf", "anyOf", "oneOf")
_SINGLES = ("items", "not", "additionalProperties")


@cache
def published_schema(name: str = "process") -> Mapping[str, JSON]:
    """The JSON Schema (2020-12), as published for editors, of process.yml or (``example``) of an example."""
    text = (files("dragoman.packages") / f"{name}.schema.json").read_text(encoding="utf-8")
    schema: Mapping[str, JSON] = json.loads(text)
    return schema


def expand(schema: str | Mapping[str, JSON]) -> tuple[dict[str, JSON], Shorthand | None]:
    """The OGC form of a schema as written, and the word that it was, if it was one.

    Raises KeyError for an unknown word.
    """
    if not isinstance(schema, str):
        return ogc_form(schema), None
    for word in SHORTHANDS:
        if word == schema:
            return deepcopy(dict(_EXPANDED[word])), word
    raise KeyError(schema)


def ogc_form(schema: Mapping[str, JSON]) -> dict[str, JSON]:
    """The same schema without what OGC's schema.yaml forbids: const, lists of types, numeric exclusives."""
    form = _map_children(schema, ogc_form)
    boolean_bounds(form)
    if "const" in form:
        form["enum"] = [form.pop("const")]
    if "examples" in form:
        form.setdefault("example", form.pop("examples")[0])
        form.pop("examples", None)
    if isinstance(form.get("type"), list):
        _single_type(form)
    return form


def _single_type(schema: dict[str, JSON]) -> None:
    listed = schema.pop("type")
    types = [name for name in listed if name != "null"]
    nullable = len(types) < len(listed)
    if len(types) == 1:
        schema["type"] = types[0]
        if nullable:
            schema["nullable"] = True
    else:
        choices = [*({"type": name} for name in types), *([{"enum": [None]}] if nullable else [])]
        schema["allOf"] = [*schema.get("allOf", []), {"anyOf": choices}]


def validating_form(schema: Mapping[str, JSON]) -> dict[str, JSON]:
    """The same schema as JSON Schema 2020-12.

    A reference to another document is left out, and marked: nothing is fetched in order to validate. So is
    ``contentSchema``, which is a URI in OGC's schema.yaml, and which validates nothing.
    """
    form = _map_children(schema, validating_form)
    form.pop("contentSchema", None)
    if not str(form.get("$ref", "#")).startswith("#"):
        del form["$ref"]
        form[UNKNOWN] = True
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(form.get(exclusive), bool) and form.pop(exclusive) and bound in form:
            form[exclusive] = form.pop(bound)
    if form.pop("nullable", False) is not True:
        return form
    if isinstance(form.get("type"), str):  # OpenAPI 3.0.3: it widens the type, and nothing else
        return form | {"type": [form["type"], "null"]}
    return {"anyOf": [form, {"type": "null"}]}


def _map_children(
    schema: Mapping[str, JSON], change: Callable[[Mapping[str, JSON]], dict[str, JSON]]
) -> dict[str, JSON]:
    form = dict(schema)
    for key in _SINGLES:
        if isinstance(form.get(key), Mapping):
            form[key] = change(form[key])
    for key in _LISTS:
        if isinstance(form.get(key), list):
            form[key] = [change(item) if isinstance(item, Mapping) else item for item in form[key]]
    for key in ("properties", "$defs", "definitions"):
        if isinstance(form.get(key), Mapping):
            form[key] = {
                name: change(item) if isinstance(item, Mapping) else item for name, item in form[key].items()
            }
    return form


def branches(schema: Mapping[str, JSON]) -> Iterator[Mapping[str, JSON]]:
    """The schema itself and, depth first, every branch of its allOf, anyOf and oneOf."""
    yield schema
    for key in _LISTS:
        for item in schema.get(key) or ():
            if isinstance(item, Mapping):
                yield from branches(item)


def media_types(schema: Mapping[str, JSON]) -> tuple[str, ...]:
    """Every contentMediaType of the schema and its branches, in order; the first is the default."""
    names = (branch.get("contentMediaType") for branch in branches(schema))
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))


def described(spec: InputSpec) -> Mapping[str, JSON]:
    """The schema of an input for a process description: a raster as a branch for each media type that is read."""
    if spec.shorthand != "raster":
        return spec.schema
    return {
        "oneOf": [{**spec.schema, "contentMediaType": name} for name in (*media_types(spec.schema), *RASTERS)]
    }


def offered_types(schema: Mapping[str, JSON]) -> tuple[str, ...]:
    """The media types that a value of an output has, as far as its schema tells; empty is any."""
    stated = media_types(schema)
    if stated:
        return stated
    if always_binary_items(schema):
        of_items = media_types(schema["items"])  # by itself a list of files is one of links
        return (*of_items, "application/json") if of_items else ()
    types = [name for branch in branches(schema) for name in types_of(branch)]
    if may_be_binary(schema) or not types:
        return ()
    return tuple(dict.fromkeys("text/plain" if name == "string" else "application/json" for name in types))


def always_binary(schema: Mapping[str, JSON]) -> bool:
    """Whether every value is binary: inline as base64, else a file."""
    if is_encoded(schema):
        return True
    if any(isinstance(part, Mapping) and always_binary(part) for part in schema.get("allOf") or ()):
        return True
    choices = [schema[key] for key in ("anyOf", "oneOf") if schema.get(key)]
    return any(all(isinstance(item, Mapping) and always_binary(item) for item in items) for items in choices)


def may_be_binary(schema: Mapping[str, JSON]) -> bool:
    """Whether the schema or one of its branches is binary, so that a value may be a file of bytes."""
    return any(map(is_encoded, branches(schema)))


def always_binary_items(schema: Mapping[str, JSON]) -> bool:
    """Whether a value is a list of binary values, each a file."""
    items = schema.get("items")
    return schema.get("type") == "array" and isinstance(items, Mapping) and always_binary(items)


def types_of(schema: Mapping[str, JSON]) -> tuple[str, ...]:
    """The JSON types that the schema names itself; empty is any."""
    types = schema.get("type") or ()
    return (types,) if isinstance(types, str) else tuple(types)


def is_encoded(schema: Mapping[str, JSON]) -> bool:
    """Whether the schema itself, not a branch of it, speaks of bytes, which JSON carries as base64.

    ``byte`` is OpenAPI 3.0's word for base64 (the data types of its specification).
    """
    return schema.get("contentEncoding") in ("base64", "binary") or schema.get("format") == "byte"


def default_of(schema: Mapping[str, JSON]) -> tuple[JSON, ...]:
    """The default, as a tuple of none or one, since None may be a default."""
    return (deepcopy(schema["default"]),) if "default" in schema else ()
