"""JSON Schema (2020-12, or with the OGC fields) as a schema of OpenAPI 3.0.3, which knows less.

What 3.0 cannot say is loosened, never tightened: a value that meets the schema meets its 3.0 form.
No ``$ref`` is left: local ones are written out, all others allow anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dragoman.model.process import JSON

type Schema = dict[str, JSON]

KEPT: Final = frozenset(
    {
        "description",
        "default",
        "example",
        "enum",
        "format",
        "pattern",
        "multipleOf",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "required",
        "nullable",
        "readOnly",
        "writeOnly",
        "deprecated",
        "externalDocs",
        "xml",
        "type",
        "items",
        "properties",
        "additionalProperties",
        "not",
        "allOf",
        "anyOf",
        "oneOf",
    }
)
"""The keywords of a 3.0.3 schema object that are kept, as are ``x-`` members.

``title`` is not: generators make it the name of a class. It goes before the description. Nor is ``uniqueItems``:
they make a set of it, which forgets the order, and of a list of words Java (native) that does not compile.
"""

MAX_DEPTH: Final = 32
"""Levels, local references included, below which anything is allowed: a recursive schema has no end."""


def to_oas30(schema: JSON) -> Schema:
    """The 3.0.3 form of a whole schema; local references are resolved against it."""
    return _Conversion(schema).convert(schema, MAX_DEPTH)


def describe(title: JSON, description: JSON) -> str:
    """Title and description in one."""
    words = [text.strip() for text in (title, description) if isinstance(text, str) and text.strip()]
    return ": ".join(dict.fromkeys(words))


def in_union(form: Schema) -> Schema:
    """A form as one of several: base64 is a plain string there, which Java generators can compile."""
    return {key: value for key, value in form.items() if (key, value) != ("format", "byte")}


class _Conversion:
    """One schema on its way; holds the root that its local references point into."""

    def __init__(self, root: JSON) -> None:
        self._root = root

    def convert(self, schema: JSON, depth: int) -> Schema:
        if schema is False:
            return {"not": {}}
        if not isinstance(schema, Mapping) or depth == 0:
            return {}
        if "$ref" in schema:
            return self.convert(self._resolved(schema), depth - 1)
        form = {key: value for key, value in schema.items() if key in KEPT or key.startswith("x-")}
        if words := describe(schema.get("title"), schema.get("description")):
            form["description"] = words
        if _is_bbox(form):
            return _bbox(form)
        self._children(form, depth - 1)
        _arrays(schema, form, self, depth - 1)
        _values(schema, form)
        boolean_bounds(form)
        _content(schema, form)
        if "patternProperties" in schema or form.get("additionalProperties") in (True, {}):
            form.pop("additionalProperties", None)
        _types(form)
        _numbers(form)
        return form

    def _resolved(self, schema: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """The schema with its reference written out; what stands beside the reference is kept."""
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        reference = schema["$ref"]
        target: JSON = self._root
        if not isinstance(reference, str) or not reference.startswith("#"):
            return beside
        for segment in reference.removeprefix("#").split("/")[1:]:
            key = segment.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, Mapping) else None
        if not isinstance(target, Mapping):
            return beside
        return {"allOf": [target], **beside} if beside else target

    def _children(self, form: Schema, depth: int) -> None:
        """Convert what lies within, in place."""
        for key in ("allOf", "anyOf", "oneOf"):
            if key in form:
                form[key] = [in_union(self.convert(item, depth)) for item in form[key]]
        for key in ("items", "not"):
            if key in form and not isinstance(form[key], list):
                form[key] = self.convert(form[key], depth)
        if isinstance(form.get("properties"), Mapping):
            members = form["properties"].items()
            form["properties"] = {name: self.convert(item, depth) for name, item in members}
        if isinstance(form.get("additionalProperties"), Mapping):
            form["additionalProperties"] = self.convert(form["additionalProperties"], depth)
        if not form.get("required", True) or isinstance(form.get("required"), bool):
            del form["required"]


def _arrays(schema: Mapping[str, JSON], form: Schema, conversion: _Conversion, depth: int) -> None:
    """Tuples as lists of any of their members; 3.0 wants ``items`` in every array."""
    places = schema.get("prefixItems")
    if places is None and isinstance(schema.get("items"), list):
        places = schema["items"]
        form.pop("items")
    if places is not None:
        branches = [conversion.convert(place, depth) for place in places]
        rest = schema.get("items", True)
        if rest is False:
            form.setdefault("maxItems", len(places))
        elif not isinstance(rest, list):
            branches.append(conversion.convert(rest, depth))
        form["items"] = {"anyOf": branches} if branches else {}
    types = schema.get("type")
    if types == "array" or (isinstance(types, list) and "array" in types):
        form.setdefault("items", {})


def _values(schema: Mapping[str, JSON], form: Schema) -> None:
    """``const`` as an enumeration, the first of ``examples`` as the example."""
    if "const" in schema:
        form["enum"] = [schema["const"]]
    examples = schema.get("examples")
    if isinstance(examples, list) and examples:
        form.setdefault("example", examples[0])
    if "enum" in form and None in form["enum"]:
        form["nullable"] = True


def boolean_bounds(schema: Schema) -> None:
    """Write numeric exclusive bounds, in place, as 3.0 has them: a limit, and that it is excluded."""
    for bound, tighter in (("minimum", max), ("maximum", min)):
        exclusive = f"exclusive{bound.capitalize()}"
        limit = schema.get(exclusive)
        if limit is None or isinstance(limit, bool):
            continue
        schema[bound] = tighter(limit, schema.get(bound, limit))
        if schema[bound] == limit:
            schema[exclusive] = True
        else:
            del schema[exclusive]


def _content(schema: Mapping[str, JSON], form: Schema) -> None:
    """Media types, which 3.0 cannot state within a schema: base64 as ``byte``, the rest as extensions."""
    if schema.get("contentEncoding") in ("base64", "binary"):
        form.setdefault("format", "byte")
    if isinstance(schema.get("contentMediaType"), str):
        form["x-content-media-type"] = schema["contentMediaType"]


def _is_bbox(form: Schema) -> bool:
    parts = form.get("allOf") or ()
    return any(isinstance(part, Mapping) and part.get("format") == "ogc-bbox" for part in parts)


def _bbox(form: Schema) -> Schema:
    """OGC's bounding box as one schema of an object: some generators can merge no ``allOf``, nor a ``oneOf`` of sizes.

    The two sizes are said in words, and ``crs`` has no default: in the types of some it were required then.
    """
    corners: Schema = {
        "type": "array",
        "items": {"type": "number", "format": "double"},
        "minItems": 4,
        "maxItems": 6,
        "description": "4 numbers, or 6 with heights.",
    }
    crs: Schema = {"type": "string", "description": "A CRS; CRS84 (longitude, latitude) where none is named."}
    kept = {key: value for key, value in form.items() if key in ("description", "nullable")}
    return {"type": "object", **kept, "required": ["bbox"], "properties": {"bbox": corners, "crs": crs}}


def _numbers(form: Schema) -> None:
    """How exact a number is; without that, some languages keep seven digits of a coordinate, or 31 bits."""
    if form.get("type") == "number":
        form.setdefault("format", "double")
    elif form.get("type") == "integer":
        form.setdefault("format", "int64")


def _types(form: Schema) -> None:
    """Lists of types as alternatives, ``null`` as ``nullable``."""
    types = form.get("type")
    if types == "null":
        del form["type"]
        form |= {"nullable": True, "enum": [None]}
    if not isinstance(types, list):
        return
    nullable = {"nullable": True} if "null" in types else {}
    names = [name for name in types if name != "null"]
    del form["type"]
    if len(names) == 1:
        form |= {"type": names[0], **nullable}
    elif names:
        items = {"items": form.pop("items", {})}
        branches = [{"type": name, **(items if name == "array" else {}), **nullable} for name in names]
        for branch in branches:
            _numbers(branch)
        form["allOf"] = [*form.get("allOf", []), {"anyOf": branches}]
