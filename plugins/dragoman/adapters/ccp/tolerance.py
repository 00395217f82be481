"""What R makes of JSON (jsonlite with ``auto_unbox``, httr's ``compact``), turned back into what was meant. Pure.

Only where a value does not fit its schema as it was sent: a scalar where a list is meant is a list of one, a text
that is a number is that number, and ``{}`` is null. What then fits no better stays as it was, so that a refusal
names what the client sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dragoman.schemas.forms import branches
from dragoman.schemas.value_check import check_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON, InputSpec, Process

ARCHIVE: Final = "output"
"""The output that CCP's documented request asks of any method: the archive."""
MOST_OF_A_NUMBER: Final = 40
"""Characters."""
_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?", re.ASCII)


def tolerated(body: JSON, process: Process) -> JSON:
    """The body of an execution in OGC's form."""
    if not isinstance(body, dict):
        return body
    members = {name: member for name, member in body.items() if member not in ({}, None)}
    inputs, outputs = members.get("inputs"), members.get("outputs")
    if isinstance(inputs, dict):
        meant_inputs = {name: _input(wire, process.inputs.get(name)) for name, wire in inputs.items()}
        members["inputs"] = {
            name: wire
            for name, wire in meant_inputs.items()
            if wire is not None or _takes_null(process, name)
        }
    if isinstance(outputs, dict) and ARCHIVE not in process.outputs:
        members["outputs"] = {name: wish for name, wish in outputs.items() if name != ARCHIVE}
    return members


def _takes_null(process: Process, name: str) -> bool:
    return name in process.inputs and fits(None, process.inputs[name].schema)


def _input(wire: JSON, spec: InputSpec | None) -> JSON:
    """One input as it was meant; null is one that was left out."""
    if spec is None:
        return None if wire == {} else wire
    if spec.repeatable and isinstance(wire, list):
        if spec.schema.get("type") == "array" and not any(isinstance(item, list | dict) for item in wire):
            return _value(wire, spec)  # one array, or of several arrays of one each
        return [_value(item, spec) for item in wire]
    return _value(wire, spec)


def _value(wire: JSON, spec: InputSpec) -> JSON:
    if isinstance(wire, dict) and "href" in wire:
        return wire
    if isinstance(wire, dict) and "value" in wire:
        return {**wire, "value": meant(wire["value"], spec.schema)}
    return meant(wire, spec.schema)


def meant(value: JSON, schema: Mapping[str, JSON]) -> JSON:
    """The value as it fits the schema, if one of R's habits is what keeps it from that; else as it is."""
    if fits(value, schema):
        return value
    if value == {}:
        return None
    for branch in branches(schema):
        candidate = _candidate(value, branch)
        if fits(candidate, schema):
            return candidate
    return value


def fits(value: JSON, schema: Mapping[str, JSON]) -> bool:
    """Whether a value is what a schema says."""
    return not check_of(schema).findings(value)


def _candidate(value: JSON, schema: Mapping[str, JSON]) -> JSON:
    """What may have been meant by a value that does not fit, by the type that the schema names."""
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items")
        several = value if isinstance(value, list) else [value]
        return [meant(item, items) for item in several] if isinstance(items, dict) else several
    if kind == "object" and isinstance(value, dict):
        properties = schema.get("properties") or {}
        return {
            name: meant(member, properties[name]) if isinstance(properties.get(name), dict) else member
            for name, member in value.items()
        }
    if kind in ("integer", "number") and isinstance(value, str):
        return _number(value.strip())
    return value


def _number(text: str) -> JSON:
    """The number that a text is; the text itself where it is none."""
    if len(text) > MOST_OF_A_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
