"""How to run a process from a terminal: a request that fits its description, as a curl command."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from dragoman.model.process import JSON

BY_TYPE: Mapping[str, JSON] = {"string": "text", "number": 1.5, "integer": 1, "boolean": True, "object": {}}
PLACEHOLDER = {"href": "https://example.org/input"}


def request_of(description: Mapping[str, JSON]) -> dict[str, JSON]:
    """An execute request with a value for every input that must be given."""
    declared = description.get("inputs") or {}
    required = {name: spec for name, spec in declared.items() if _required(spec)}
    return {"inputs": {name: _value_of(spec) for name, spec in required.items()}}


def curl(base_url: str, process_id: str, request: JSON, *, asynchronous: bool = False) -> str:
    """The command that sends ``request``; safe to paste into a POSIX shell."""
    url = f"{base_url.rstrip('/')}/processes/{quote(process_id, safe='', errors='replace')}/execution"
    prefer = ["  -H 'Prefer: respond-async'"] if asynchronous else []
    lines = [
        f"curl -X POST {shlex.quote(url)}",
        "  -H 'Content-Type: application/json'",
        *prefer,
        f"  -d {shlex.quote(json.dumps(request, ensure_ascii=False))}",
    ]
    return " \\\n".join(lines)


def _required(spec: JSON) -> bool:
    return not isinstance(spec, Mapping) or spec.get("minOccurs", 1) != 0


def _value_of(spec: JSON) -> JSON:
    """One plausible value, or as many as the input needs."""
    if not isinstance(spec, Mapping):
        return "text"
    value = _from_schema(spec.get("schema"))
    least = spec.get("minOccurs", 1)
    return [value] * least if isinstance(least, int) and 1 < least <= 100 else value


def _from_schema(schema: JSON) -> JSON:
    """The schema's own suggestion, else a value of its type."""
    if not isinstance(schema, Mapping):
        return "text"
    for word in ("example", "default", "const"):
        if word in schema:
            return schema[word]
    for word in ("examples", "enum"):
        if isinstance(schema.get(word), Sequence) and schema[word]:
            return schema[word][0]
    return _by_type(schema)


def _by_type(schema: Mapping[str, JSON]) -> JSON:
    branches = [
        branch
        for word in ("oneOf", "anyOf", "allOf")
        for branch in schema.get(word) or ()
        if isinstance(branch, Mapping)
    ]
    if any("contentMediaType" in one for one in (schema, *branches)):
        return PLACEHOLDER
    if any(one.get("format") == "ogc-bbox" for one in (schema, *branches)):
        return {"bbox": [5.9, 45.8, 10.5, 47.8]}
    word = schema.get("type")
    if isinstance(word, str):
        return [_from_schema(schema.get("items"))] if word == "array" else BY_TYPE.get(word, "text")
    return _from_schema(branches[0]) if branches else "text"
