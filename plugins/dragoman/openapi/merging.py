"""Takes the paths of another OpenAPI document into ours, so that no reference leaves it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from dragoman.openapi.components import Object, ref

if TYPE_CHECKING:
    from dragoman.model.process import JSON

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
PREFIX: Final = "host"
"""Goes before the names of components that came along."""

PERMISSIVE: Final[Object] = {
    "description": "An answer that is described elsewhere.",
    "content": {"*/*": {"schema": {}}},
}
HOLDERS: Final[Mapping[str, str]] = {
    "parameters": "parameters",
    "responses": "responses",
    "headers": "headers",
    "examples": "examples",
    "requestBodies": "requestBodies",
    "requestBody": "requestBodies",
}
"""Members whose references are no schemas, and the group of components that these point to."""

EMPTY: Final[Mapping[str, Object]] = {
    "schemas": {},
    "responses": PERMISSIVE,
    "headers": {"schema": {}},
    "examples": {},
    "requestBodies": {"content": {"*/*": {"schema": {}}}},
}
"""What stands for a component that cannot be had."""


def merge(document: dict[str, JSON], extra: Mapping[str, JSON]) -> dict[str, JSON]:
    """``document`` with the paths of ``extra`` that it has not.

    ``extra`` is a document, or its paths alone. The components that its paths need come along under names of
    their own; a reference to elsewhere, or to nothing, becomes something that allows anything. Operations
    whose operationId is taken lose theirs.
    """
    paths = extra.get("paths", extra)
    move = _Move(document, extra.get("components") or {})
    taken = {operation.get("operationId") for _, _, operation in operations(document)}
    for path, item in paths.items():
        if path in document["paths"] or not isinstance(item, Mapping):
            continue
        moved = move.within(item, "schemas", path)
        for _, _, operation in operations({"paths": {path: moved}}):
            if operation.get("operationId") in taken:
                operation.pop("operationId", None)
            taken.add(operation.get("operationId"))
        document["paths"][path] = moved
    return document


def operations(document: Mapping[str, JSON]) -> list[tuple[str, str, dict[str, JSON]]]:
    """Every operation with its path and method."""
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


class _Move:
    """Copies values into a document, with the components they refer to."""

    def __init__(self, document: dict[str, JSON], components: Mapping[str, JSON]) -> None:
        self._target = document["components"]
        self._components = components

    def within(self, value: JSON, group: str, path: str) -> JSON:
        """A copy of ``value``, in which references point to components of the target.

        ``group`` is the kind of component that a reference right here points to.
        """
        if isinstance(value, list):
            return [self.within(item, group, path) for item in value]
        if not isinstance(value, Mapping):
            return value
        if isinstance(value.get("$ref"), str):
            return self._reference(value["$ref"], group, path)
        return {str(key): self.within(item, _group(str(key), group), path) for key, item in value.items()}

    def _reference(self, reference: str, group: str, path: str) -> Object:
        match = re.fullmatch(r"#/components/([A-Za-z]+)/([A-Za-z0-9._-]+)", reference)
        members = self._components.get(match[1]) if match else None
        if match and isinstance(members, Mapping) and match[2] in members:
            return self._taken(match[1], match[2], members[match[2]], path)
        name = re.sub(r"\.(ya?ml|json)$", "", re.split(r"[#/]", reference)[-1]) or "unknown"
        if group == "parameters":
            location = {"in": "path", "required": True} if f"{{{name}}}" in path else {"in": "query"}
            return {"name": name, **location, "schema": {}}
        return dict(EMPTY.get(group, {}))

    def _taken(self, group: str, name: str, component: JSON, path: str) -> Object:
        """A reference to a component that came along, once."""
        own = f"{PREFIX}.{name}"
        members = self._target.setdefault(group, {})
        if own not in members:
            members[own] = {}
            members[own] = self.within(component, group, path)
        return ref(group, own)


def _group(key: str, group: str) -> str:
    """The kind of component that a reference in the value of a member points to.

    Within responses, headers and the like the members are named by their author until one of OpenAPI's own;
    so are the members of ``properties``.
    """
    if group == "names":
        return "schemas"
    if key in HOLDERS:
        return HOLDERS[key]
    if key == "properties":
        return "names"
    return group if group != "schemas" and key not in ("content", "schema") else "schemas"
