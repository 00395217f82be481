"""PESTO's schemas are draft 6, and checked without formats; our validator speaks 2020-12. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dragoman.model.process import JSON

_SCHEMA: Final = ("additionalItems", "additionalProperties", "contains", "items", "not", "propertyNames")
_SCHEMAS: Final = ("allOf", "anyOf", "items", "oneOf")
_NAMED: Final = ("definitions", "dependencies", "patternProperties", "properties")


def modern(schema: JSON) -> JSON:
    """The same schema for a validator of 2020-12, and nothing said of formats; truth values stay as they are."""
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:  # beside it nothing else counts
        return {"$ref": schema["$ref"]}
    form = {key: _child(key, value) for key, value in schema.items() if key != "format"}
    rest = form.pop("additionalItems", None)
    if isinstance(form.get("items"), list):
        form["prefixItems"] = form.pop("items")
        if rest is not None:
            form["items"] = rest
        if not form["prefixItems"]:  # 2020-12 wants one at least
            del form["prefixItems"]
    return form | _dependent(form.pop("dependencies", None))


def _child(key: str, value: JSON) -> JSON:
    if key in _SCHEMAS and isinstance(value, list):
        return [modern(item) for item in value]
    if key in _NAMED and isinstance(value, dict):
        return {name: modern(item) for name, item in value.items()}
    return modern(value) if key in _SCHEMA else value


def _dependent(dependencies: JSON) -> dict[str, JSON]:
    """``dependencies``, which 2020-12 has in two: names that are required, and schemas."""
    if not isinstance(dependencies, dict):
        return {}
    names = {name: value for name, value in dependencies.items() if isinstance(value, list)}
    schemas = {name: value for name, value in dependencies.items() if not isinstance(value, list)}
    return {"dependentRequired": names, "dependentSchemas": schemas}
