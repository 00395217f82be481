"""An input's value as OGC 18-062r2 writes it (execute.yaml): over HTTP and in a package's examples alike. Pure.

{href, type}                          a reference
{value, mediaType, encoding, schema}  a qualified value
anything else                         the value itself, a bbox or a bare object included
a list of these                       several values, where the input may be repeated
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.errors import InputError
from dragoman.model.job import InputValue
from dragoman.schemas.forms import branches
from dragoman.schemas.value_check import check_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.model.job import JobRequest, OutputRequest, Subscriber
    from dragoman.model.process import JSON, InputSpec

_REFERENCE: Final = frozenset(
    {"href", "rel", "type", "hreflang", "title", "length", "mediaType", "encoding", "schema"}
)
_QUALIFIED: Final = frozenset({"value", "mediaType", "encoding", "schema"})


def input_values(input_id: str, wire: JSON, spec: InputSpec | None) -> tuple[InputValue, ...]:
    """The value, or values, of one input; raises InputError. ``spec`` is None for an unknown input."""
    return tuple(input_value(input_id, item, spec) for item in listed(wire, spec))


def listed(wire: JSON, spec: InputSpec | None) -> Sequence[JSON]:
    """The values that the wire value holds: its members, where it is a list for an input that may be repeated."""
    several = isinstance(wire, list) and spec is not None and spec.repeatable and not _one_array(wire, spec)
    return [_one_form(item, spec) for item in (wire if several else [wire])]


def _one_array(wire: list[JSON], spec: InputSpec) -> bool:
    """Whether a list given for a repeatable input of arrays is one bare array, not a list of them."""
    if spec.schema.get("type") != "array":
        return False
    return not all(isinstance(item, list) or _is_wrapped(item, spec) for item in wire)


def _is_wrapped(wire: JSON, spec: InputSpec | None) -> bool:
    return isinstance(wire, dict) and (_is_reference(wire, spec) or _is_qualified(wire, spec))


def _is_reference(wire: Mapping[str, JSON], spec: InputSpec | None) -> bool:
    """By its members; an object with an ``href`` of its own stays bare where it is as its schema declares."""
    if "href" not in wire or not wire.keys() <= _REFERENCE:
        return False
    return spec is None or not _declares(spec, "href") or (_is_url(wire["href"]) and not _is_own(wire, spec))


def _is_own(wire: Mapping[str, JSON], spec: InputSpec) -> bool:
    """Whether the object has no member but those that its schema declares, and all that this requires."""
    return all(_declares(spec, name) for name in wire) and not check_of(spec.schema).findings(wire)


def _is_url(href: JSON) -> bool:
    return isinstance(href, str) and ("://" in href or href.startswith("data:"))


def _is_qualified(wire: Mapping[str, JSON], spec: InputSpec | None) -> bool:
    """By the standard an object is always qualified; one with a ``value`` of its own may stay bare."""
    if "value" not in wire or not wire.keys() <= _QUALIFIED:
        return False
    return isinstance(wire["value"], dict) or not _declares(spec, "value")


def _one_form(wire: JSON, spec: InputSpec | None) -> JSON:
    """The value without the members of forms that it does not have, null or empty.

    Java's resttemplate and Rust make one class of all forms, and send members of each.
    """
    if not isinstance(wire, dict) or not {"href", "value"} <= wire.keys() or _declares(spec, "href"):
        return wire
    if wire["href"]:
        if wire["value"] not in (None, ""):
            return wire
        return {name: item for name, item in wire.items() if item is not None and name != "value"}
    bare = wire["value"] is None
    kept = {
        name: item
        for name, item in wire.items()
        if name != "href" and (item is not None or (bare and _declares(spec, name)))
    }
    return kept or {"value": None}


def _declares(spec: InputSpec | None, name: str) -> bool:
    """Whether the input's own schema has a property of that name."""
    return spec is not None and any(
        name in (branch.get("properties") or ()) for branch in branches(spec.schema)
    )


def input_value(input_id: str, wire: JSON, spec: InputSpec | None) -> InputValue:
    """One value; raises InputError where a member of a reference or of a qualified value is of the wrong kind."""
    if not isinstance(wire, dict) or not _is_wrapped(wire, spec):
        return InputValue(value=_with_crs(wire, spec))
    media_type = _text(input_id, wire, "mediaType")
    encoding = _text(input_id, wire, "encoding")
    if _is_reference(wire, spec):
        href = _text(input_id, wire, "href")
        if not href:
            raise InputError(input_id, "'href' is empty; allowed: a URL")
        stated = _text(input_id, wire, "type") or media_type
        return InputValue(href=href, media_type=stated, encoding=encoding, schema=wire.get("schema"))
    value = _with_crs(wire["value"], spec)
    return InputValue(value=value, media_type=media_type, encoding=encoding, schema=wire.get("schema"))


def _with_crs(value: JSON, spec: InputSpec | None) -> JSON:
    """The value; a bounding box whose ``crs`` is null has left it out."""
    if not isinstance(value, dict) or value.get("crs", "") is not None or spec is None:
        return value
    if all(branch.get("format") != "ogc-bbox" for branch in branches(spec.schema)):
        return value
    return {name: member for name, member in value.items() if name != "crs"}


def _text(input_id: str, wire: Mapping[str, JSON], name: str) -> str | None:
    value = wire.get(name)
    if value is None and name != "href":
        return None
    if not isinstance(value, str):
        raise InputError(input_id, f"'{name}' is not a string")
    return value


def request_document(request: JobRequest, specs: Mapping[str, InputSpec]) -> dict[str, JSON]:
    """A request that means the same, as execute.yaml writes it; raises ValueError for one that crops images."""
    if request.roi is not None:
        raise ValueError("a request of OGC cannot crop images")
    inputs: JSON = {name: _wire(values, specs.get(name)) for name, values in request.inputs.items()}
    document: dict[str, JSON] = {"inputs": inputs}
    if request.outputs is not None:
        document["outputs"] = {name: _wire_output(asked) for name, asked in request.outputs.items()}
    if request.response != "raw":
        document["response"] = request.response
    if request.subscriber is not None:
        document["subscriber"] = _wire_subscriber(request.subscriber)
    return document


def _wire(values: tuple[InputValue, ...], spec: InputSpec | None) -> JSON:
    """One value as such, several as a list; one that is a list itself is not to be taken for several."""
    wires = [_wire_value(value) for value in values]
    several = len(wires) != 1 or (isinstance(wires[0], list) and spec is not None and spec.repeatable)
    return wires if several else wires[0]


def _wire_value(value: InputValue) -> JSON:
    about = {"encoding": value.encoding, "schema": value.schema}
    if value.by_reference:
        return _present({"href": value.href, "type": value.media_type, **about})
    about = _present({"mediaType": value.media_type, **about})
    ambiguous = isinstance(value.value, dict) and not {"href", "value"}.isdisjoint(value.value)
    return {"value": value.value, **about} if about or ambiguous else value.value


def _wire_output(asked: OutputRequest) -> dict[str, JSON]:
    wanted = {"mediaType": asked.media_type} if asked.media_type else None
    return _present({"format": wanted, "transmissionMode": asked.transmission})


def _wire_subscriber(subscriber: Subscriber) -> dict[str, JSON]:
    return _present(
        {
            "successUri": subscriber.success_uri,
            "inProgressUri": subscriber.in_progress_uri,
            "failedUri": subscriber.failed_uri,
        }
    )


def _present(members: dict[str, JSON]) -> dict[str, JSON]:
    return {name: member for name, member in members.items() if member is not None}
