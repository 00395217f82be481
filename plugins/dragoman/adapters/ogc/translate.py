"""From the wire to the core: an execute request (OGC 18-062r2, execute.yaml) becomes a JobRequest. Pure.

What an input's value is on the wire: ``schemas/ogc_values.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from dragoman.errors import (
    InputError,
    InputProblem,
    InvalidInputs,
    InvalidRenderer,
    InvalidRequest,
    NoSuchOutput,
)
from dragoman.maps.renderers import MIN_MAX, parse_renderer
from dragoman.model.job import InputValue, JobRequest, OutputRequest, Subscriber
from dragoman.schemas.forms import offered_types
from dragoman.schemas.media_types import accepted
from dragoman.schemas.messages import cut, shown
from dragoman.schemas.ogc_values import input_values
from dragoman.schemas.value_check import check_of
from dragoman.sources.precheck import check_web_href
from dragoman.web.reserved_inputs import replicas_of, split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.model.process import JSON, InputSpec, Mode, OutputSpec, Process
    from dragoman.model.renderer import Renderer
    from dragoman.sources.policy import SourcePolicy
    from dragoman.web.prefer import Preferences
    from dragoman.web.reserved_inputs import ReservedInput

_SUBSCRIBER: Final = ("successUri", "inProgressUri", "failedUri", "successUrl")
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


def execute_request(
    body: JSON, process: Process, policy: SourcePolicy, reserved: Sequence[ReservedInput] = ()
) -> JobRequest:
    """The request as the core understands it; unknown members are ignored (execute.yaml is open).

    A member that is null counts as left out wherever it may be left out: clients that are generated for Java send
    every member they know, and R sends NULL so, and an empty list of outputs as ``[]``. The ``reserved`` inputs are
    taken of every process that does not declare them.

    Raises InvalidRequest, NoSuchOutput, or InvalidInputs that names every input whose form is wrong; whether
    the values fit their schemas is for the job service.
    """
    if not isinstance(body, dict):
        raise InvalidRequest(
            "the body is not a JSON object; allowed: {inputs, outputs, response, subscriber}"
        )
    members, about_the_run = split(_object(body, "inputs"), process, reserved)
    outputs = {} if body.get("outputs") == [] else _object(body, "outputs")
    return JobRequest(
        inputs=_inputs(members, process),
        reserved=about_the_run,
        outputs=_outputs(outputs, process),
        publish=_publish(outputs),
        replicas=replicas_of(about_the_run, reserved),
        response=_response(body.get("response")),
        subscriber=_subscriber(_object(body, "subscriber"), policy),
    )


def _object(body: Mapping[str, JSON], name: str) -> Mapping[str, JSON]:
    """A member that is an object; an absent one, or null, is empty."""
    member: JSON = body.get(name)
    if member is None:
        return {}
    if not isinstance(member, dict):
        raise InvalidRequest(f"'{name}' is not a JSON object")
    return member


def _response(response: JSON) -> Literal["raw", "document"]:
    if response is None or response == "raw":
        return "raw"
    if response == "document":
        return "document"
    raise InvalidRequest(f"'response': got {shown(response)}; allowed: raw, document")


def _inputs(members: Mapping[str, JSON], process: Process) -> dict[str, tuple[InputValue, ...]]:
    inputs: dict[str, tuple[InputValue, ...]] = {}
    problems: list[InputProblem] = []
    for input_id, wire in members.items():
        if input_id not in process.inputs:
            inputs[input_id] = (InputValue(value=wire),) if process.takes_undeclared else _UNREAD
            continue
        if wire is None and _left_out(process.inputs[input_id]):
            continue
        try:
            inputs[input_id] = input_values(input_id, wire, process.inputs[input_id])
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InvalidInputs(problems)
    return inputs


def _left_out(spec: InputSpec) -> bool:
    """Whether null stands for no value: where the input is optional, and null is none of its values."""
    return spec.min_occurs == 0 and bool(check_of(spec.schema).findings(None))


def _outputs(members: Mapping[str, JSON], process: Process) -> dict[str, OutputRequest] | None:
    """The outputs asked for; none named is all of them (version 1.0)."""
    unknown = [name for name in members if name not in process.outputs]
    if unknown:
        names = ", ".join(f"'{name[:100]}'" for name in unknown[:20])
        raise NoSuchOutput(f"unknown output {names}; allowed: {', '.join(process.outputs)}")
    return {name: _output(name, wire, process) for name, wire in members.items()} or None


def _output(output_id: str, wire: JSON, process: Process) -> OutputRequest:
    name = cut(output_id)
    if wire is None:
        return OutputRequest()
    if not isinstance(wire, dict):
        raise InvalidRequest(f"output '{name}' is not a JSON object; allowed: {{format, transmissionMode}}")
    format_ = {} if wire.get("format") is None else wire["format"]
    media_type = format_.get("mediaType") if isinstance(format_, dict) else format_
    if not isinstance(format_, dict) or not isinstance(media_type, str | None):
        raise InvalidRequest(f"output '{name}': 'format' is not understood; allowed: {{mediaType}}")
    offered = _offered(process.outputs[name])
    if media_type and offered and not accepted(media_type, offered):
        raise InvalidRequest(
            f"output '{name}': got the media type {media_type[:100]!r}; allowed: {', '.join(offered)}"
        )
    return OutputRequest(
        media_type=media_type, transmission=_transmission(name, wire.get("transmissionMode"))
    )


def _publish(outputs: Mapping[str, JSON]) -> dict[str, Renderer]:
    """The outputs that are to be map services: their ``publish`` is true, or a renderer. Ours, not OGC's."""
    wishes: dict[str, Renderer] = {}
    for output_id, wire in outputs.items():
        wish = wire.get("publish") if isinstance(wire, dict) else None
        if wish is None or wish is False:
            continue
        try:
            wishes[output_id] = MIN_MAX if wish is True else parse_renderer(wish, words=True)
        except InvalidRenderer as error:
            told = f"{error.detail}; or true" if not error.place else error.detail
            raise InvalidRequest(f"output '{cut(output_id)}': 'publish': {told}") from error
    return wishes


def _offered(spec: OutputSpec) -> tuple[str, ...]:
    """The media types of an output, or of the items of a list, which by itself is JSON; empty is any."""
    types = offered_types(spec.item.schema)
    return (*types, "application/json") if types and spec.repeatable else types


def _transmission(name: str, mode: JSON) -> Literal["value", "reference"] | None:
    if mode is None:
        return None
    if mode == "value":
        return "value"
    if mode == "reference":
        return "reference"
    raise InvalidRequest(f"output '{name}': 'transmissionMode': got {shown(mode)}; allowed: value, reference")


def _subscriber(members: Mapping[str, JSON], policy: SourcePolicy) -> Subscriber | None:
    members = {name: member for name, member in members.items() if member is not None}
    if not members:
        return None
    if members.keys().isdisjoint(_SUBSCRIBER):
        raise InvalidRequest(f"subscriber: got {shown(members)}; allowed: {', '.join(_SUBSCRIBER[:3])}")
    return Subscriber(
        success_uri=_uri(members, "successUri", policy)
        or _uri(members, "successUrl", policy),  # execute.yaml itself spells it both ways
        in_progress_uri=_uri(members, "inProgressUri", policy),
        failed_uri=_uri(members, "failedUri", policy),
    )


def _uri(members: Mapping[str, JSON], name: str, policy: SourcePolicy) -> str | None:
    """Where to send a message; a host that would be refused then is refused now."""
    value = members.get(name)
    if value is None:
        return None
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        fine = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fine = False
    if not fine:
        raise InvalidRequest(f"subscriber: '{name}' is not an absolute http or https URL")
    try:
        check_web_href(str(value), policy)
    except InvalidRequest as error:
        raise InvalidRequest(f"subscriber: '{name}': {error.detail}") from error
    return str(value)
