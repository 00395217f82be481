"""From the wire to the core: an execute request (OGC 18-062r2, execute.yaml) becomes a JobRequest. Pure.

An input's value on the wire is one of

    {href, type}                          a reference
    {value, mediaType, encoding, schema}  a qualified value
    anything else                         the value itself, a bbox or a bare object included
    a list of these                       several values, where the input may be repeated
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from dragoman.errors import InputError, InputProblem, InvalidInputs, InvalidRequest
from dragoman.model.job import InputValue, JobRequest, OutputRequest, Subscriber
from dragoman.packages.mediatypes import accepted
from dragoman.packages.schema import branches, media_types
from dragoman.packages.wording import cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON, InputSpec, Mode, Process
    from dragoman.web.prefer import Preferences

_REFERENCE: Final = frozenset(
    {"href", "rel", "type", "hreflang", "title", "length", "mediaType", "encoding", "schema"}
)
_QUALIFIED: Final = frozenset({"value", "mediaType", "encoding", "schema"})
_KEY_LENGTH: Final = 255
_UNREAD: Final = (InputValue(),)
"""Stands for what an undeclared input holds: it is refused by its name, and there may be very many of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How an execution is answered."""

    mode: Mode
    wait: int | None
    """Seconds to wait for the end before answering with the job instead; None is as long as it takes."""
    applied: str = ""
    """The preference that a 201 honours (Preference-Applied); empty is none."""


def plan(modes: tuple[Mode, ...], prefer: Preferences) -> Plan:
    """Synchronous, unless the process cannot, or it can be otherwise and the client would rather not wait."""
    if "sync" not in modes:
        return Plan(mode="async", wait=0, applied="respond-async" if prefer.respond_async else "")
    if "async" not in modes:
        return Plan(mode="sync", wait=None)
    mode: Mode = "async" if prefer.respond_async else "sync"
    if prefer.wait is not None:
        applied = "respond-async" if prefer.respond_async else f"wait={prefer.wait}"
        return Plan(mode=mode, wait=prefer.wait, applied=applied)
    if prefer.respond_async:
        return Plan(mode=mode, wait=0, applied="respond-async")
    return Plan(mode=mode, wait=None)


def idempotency_key(header: str | None) -> str | None:
    """The key of a repeatable execution; raises InvalidRequest for one that cannot be kept."""
    if header is None:
        return None
    key = header.strip()
    if not key or len(key) > _KEY_LENGTH or not key.isprintable():
        raise InvalidRequest(f"Idempotency-Key: allowed are 1 to {_KEY_LENGTH} printable characters")
    return key


def execute_request(body: JSON, process: Process) -> JobRequest:
    """The request as the core understands it.

    Raises InvalidRequest, or InvalidInputs that names every input whose form is wrong; whether the values fit
    their schemas is for the job service.
    """
    if not isinstance(body, dict):
        raise InvalidRequest(
            "the body is not a JSON object; allowed: {inputs, outputs, response, subscriber}"
        )
    return JobRequest(
        inputs=_inputs(_object(body, "inputs"), process),
        outputs=_outputs(_object(body, "outputs"), process),
        response=_response(body.get("response", "raw")),
        subscriber=_subscriber(_object(body, "subscriber")),
    )


def _object(body: Mapping[str, JSON], name: str) -> Mapping[str, JSON]:
    """A member that is an object; an absent one is empty."""
    member: JSON = body.get(name, {})
    if not isinstance(member, dict):
        raise InvalidRequest(f"'{name}' is not a JSON object")
    return member


def _response(given: JSON) -> Literal["raw", "document"]:
    if given == "raw":
        return "raw"
    if given == "document":
        return "document"
    raise InvalidRequest("'response' is not known; allowed: raw, document")


def _inputs(given: Mapping[str, JSON], process: Process) -> dict[str, tuple[InputValue, ...]]:
    inputs: dict[str, tuple[InputValue, ...]] = {}
    problems: list[InputProblem] = []
    for input_id, wire in given.items():
        if input_id not in process.inputs:
            inputs[input_id] = _UNREAD
            continue
        try:
            inputs[input_id] = input_values(input_id, wire, process.inputs[input_id])
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InvalidInputs(problems)
    return inputs


def input_values(input_id: str, wire: JSON, spec: InputSpec | None) -> tuple[InputValue, ...]:
    """The value, or values, of one input; raises InputError. ``spec`` is None for an unknown input."""
    if isinstance(wire, list) and spec is not None and spec.repeatable and not _one_array(wire, spec):
        return tuple(_input_value(input_id, item, spec) for item in wire)
    return (_input_value(input_id, wire, spec),)


def _one_array(wire: list[JSON], spec: InputSpec) -> bool:
    """Whether a list given for a repeatable input of arrays is one bare array, not a list of them."""
    if spec.schema.get("type") != "array":
        return False
    return not all(isinstance(item, list) or _is_wrapped(item, spec) for item in wire)


def _is_wrapped(wire: JSON, spec: InputSpec | None) -> bool:
    return isinstance(wire, dict) and (_is_reference(wire, spec) or _is_qualified(wire, spec))


def _is_reference(wire: Mapping[str, JSON], spec: InputSpec | None) -> bool:
    return "href" in wire and wire.keys() <= _REFERENCE and not _declares(spec, "href")


def _is_qualified(wire: Mapping[str, JSON], spec: InputSpec | None) -> bool:
    """By the standard an object is always qualified; one with a ``value`` of its own may stay bare."""
    if "value" not in wire or not wire.keys() <= _QUALIFIED:
        return False
    return isinstance(wire["value"], dict) or not _declares(spec, "value")


def _declares(spec: InputSpec | None, name: str) -> bool:
    """Whether the input's own schema has a property of that name."""
    return spec is not None and any(
        name in (branch.get("properties") or ()) for branch in branches(spec.schema)
    )


def _input_value(input_id: str, wire: JSON, spec: InputSpec | None) -> InputValue:
    if not isinstance(wire, dict) or not _is_wrapped(wire, spec):
        return InputValue(value=wire)
    media_type = _text(input_id, wire, "mediaType")
    encoding = _text(input_id, wire, "encoding")
    if _is_reference(wire, spec):
        href = _text(input_id, wire, "href")
        if not href:
            raise InputError(input_id, "'href' is empty; allowed: a URL")
        stated = _text(input_id, wire, "type") or media_type
        return InputValue(href=href, media_type=stated, encoding=encoding, schema=wire.get("schema"))
    return InputValue(
        value=wire["value"], media_type=media_type, encoding=encoding, schema=wire.get("schema")
    )


def _text(input_id: str, wire: Mapping[str, JSON], name: str) -> str | None:
    value = wire.get(name)
    if value is None and name != "href":
        return None
    if not isinstance(value, str):
        raise InputError(input_id, f"'{name}' is not a string")
    return value


def _outputs(given: Mapping[str, JSON], process: Process) -> dict[str, OutputRequest] | None:
    """The outputs asked for; none named is all of them (version 1.0)."""
    return {name: _output(name, wire, process) for name, wire in given.items()} or None


def _output(output_id: str, wire: JSON, process: Process) -> OutputRequest:
    name = cut(output_id)
    if not isinstance(wire, dict):
        raise InvalidRequest(f"output '{name}' is not a JSON object; allowed: {{format, transmissionMode}}")
    format_ = wire.get("format", {})
    media_type = format_.get("mediaType") if isinstance(format_, dict) else format_
    if not isinstance(format_, dict) or not isinstance(media_type, str | None):
        raise InvalidRequest(f"output '{name}': 'format' is not understood; allowed: {{mediaType}}")
    spec = process.outputs.get(output_id)
    offered = media_types(spec.schema) if spec is not None else ()
    if media_type and offered and not accepted(media_type, offered):
        raise InvalidRequest(
            f"output '{name}': got the media type {media_type[:100]!r}; allowed: {', '.join(offered)}"
        )
    return OutputRequest(
        media_type=media_type, transmission=_transmission(name, wire.get("transmissionMode"))
    )


def _transmission(name: str, given: JSON) -> Literal["value", "reference"] | None:
    if given is None:
        return None
    if given == "value":
        return "value"
    if given == "reference":
        return "reference"
    raise InvalidRequest(f"output '{name}': 'transmissionMode' is not known; allowed: value, reference")


def _subscriber(given: Mapping[str, JSON]) -> Subscriber | None:
    if not given:
        return None
    return Subscriber(
        success_uri=_uri(given, "successUri")
        or _uri(given, "successUrl"),  # execute.yaml itself spells it both ways
        in_progress_uri=_uri(given, "inProgressUri"),
        failed_uri=_uri(given, "failedUri"),
    )


def _uri(given: Mapping[str, JSON], name: str) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        fine = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fine = False
    if not fine:
        raise InvalidRequest(f"subscriber: '{name}' is not an absolute http or https URL")
    return str(value)
