"""From the wire to the core: the fields of a request become a JobRequest. Pure.

``inputs`` is an object, a JSON text of one, or a JSON text of such a text: what ncdjango's clients send, and what its
documentation does. Values are cleaned as ncdjango's parameters clean theirs (its ``params.py``), by their schemas.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dragoman.adapters.ncdjango.field_errors import FieldErrors
from dragoman.maps.job_services import PUBLISHED
from dragoman.maps.renderers import MIN_MAX
from dragoman.model.job import InputValue, JobRequest, OutputRequest
from dragoman.schemas.file_values import NotJsonText, parse_json
from dragoman.schemas.forms import always_binary, branches, media_types, types_of
from dragoman.schemas.media_types import essence
from dragoman.schemas.messages import shown
from dragoman.schemas.value_check import check_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragoman.adapters.ncdjango.registered_jobs import RegisteredJob
    from dragoman.model.process import JSON, InputSpec, Process

REQUIRED: Final = "This field is required."
INVALID_JSON: Final = "Invalid input JSON"
NO_JOB: Final = "Invalid job name"
SERVICE: Final = "service://"
REFERENCES: Final = "service://name, service://name:variable@seconds, or the URL of a raster"
MOST_KEPT: Final = 32 * 1024
"""Characters of ``inputs`` as they were sent that are kept to be told again; longer ones are told as they were read."""
MOST_OF_A_NUMBER: Final = 40


class _Wrong(Exception):
    """A value is not what its field takes; the text says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The fields of a request."""

    job: str
    inputs: Mapping[str, JSON]
    sent: str
    """``inputs`` as text, as it was sent."""


def fields_of(body: JSON, known: Mapping[str, object]) -> Fields:
    """The fields of a body, of a job that is registered; raises FieldErrors."""
    if not isinstance(body, dict):
        raise FieldErrors(
            {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {type(body).__name__}."]}
        )
    problems: dict[str, list[str]] = {}
    job = body.get("job")
    if message := _wrong_job(body, known):
        problems["job"] = [message]
    inputs: Mapping[str, JSON] = {}
    if "inputs" not in body:
        problems["inputs"] = [REQUIRED]
    else:
        try:
            inputs = _inputs(body["inputs"])
        except _Wrong as error:
            problems["inputs"] = [str(error)]
    if problems:
        raise FieldErrors(problems)
    sent = body["inputs"]
    return Fields(job=str(job), inputs=inputs, sent=sent if isinstance(sent, str) else json.dumps(sent or {}))


def _wrong_job(body: Mapping[str, JSON], known: Mapping[str, object]) -> str:
    job = body.get("job")
    if "job" not in body:
        return REQUIRED
    if job is None:
        return "This field may not be null."
    if isinstance(job, bool) or not isinstance(job, str | int | float):
        return "Not a valid string."
    if not str(job).strip():
        return "This field may not be blank."
    return "" if str(job) in known else NO_JOB


def _inputs(sent: JSON) -> Mapping[str, JSON]:
    """The object in it; raises _Wrong, whose text is the field's error."""
    value = sent
    for _ in range(2):  # a text in a text: what DRF's form parsing makes of the documented client
        if not isinstance(value, str):
            break
        if not value.strip():
            return {}
        try:
            value = parse_json(value)
        except NotJsonText:
            raise _Wrong(INVALID_JSON) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Wrong(f"{INVALID_JSON}: {shown(value)}; allowed: an object with the inputs by name")
    return value


def job_request(fields: Fields, job: RegisteredJob, process: Process) -> JobRequest:
    """The request as the core understands it; raises FieldErrors for inputs that are missing or no reference."""
    missing = [
        name for name, spec in process.inputs.items() if spec.min_occurs > 0 and name not in fields.inputs
    ]
    if missing:
        raise FieldErrors({"non_field_errors": [f"Missing task inputs: {','.join(missing)}"]})
    problems: list[str] = []
    inputs: dict[str, tuple[InputValue, ...]] = {}
    for name, wire in fields.inputs.items():
        spec = process.inputs.get(name)
        try:
            inputs[name] = (InputValue(value=wire),) if spec is None else _values(spec, wire)
        except _Wrong as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise FieldErrors({"inputs": problems})
    publish = dict.fromkeys(_rasters(process), job.renderer or MIN_MAX) if job.publish else {}
    notes = {"job": fields.job, **({"inputs": fields.sent} if len(fields.sent) <= MOST_KEPT else {})}
    return JobRequest(
        inputs={name: values for name, values in inputs.items() if values},
        outputs={name: OutputRequest(as_lists=name not in publish) for name in process.outputs},
        publish=publish,
        publish_rasters_alone=bool(publish),
        notes=notes,
    )


def _rasters(process: Process) -> list[str]:
    """The outputs that are rasters, or lists of such, or may be."""
    return [
        name
        for name, spec in process.outputs.items()
        if set(map(essence, media_types(spec.item.schema))) & set(PUBLISHED)
    ]


def _values(spec: InputSpec, wire: JSON) -> tuple[InputValue, ...]:
    """One value, or those of a list, of which a single one is a list of one."""
    if wire is None and spec.min_occurs == 0:
        return ()
    items = wire if spec.repeatable and isinstance(wire, list) else [wire]
    return tuple(_value(spec.schema, item) for item in items)


def _value(schema: Mapping[str, JSON], wire: JSON) -> InputValue:
    if isinstance(wire, str) and _is_reference(schema, wire):
        return InputValue(href=wire)
    if always_binary(schema):
        raise _Wrong(f"got {shown(wire)}; allowed: {REFERENCES}")
    return InputValue(value=cleaned(schema, wire))


def _is_reference(schema: Mapping[str, JSON], text: str) -> bool:
    """Whether a text stands for what it names: a file, or the numbers of a map service."""
    if any(always_binary(branch) for branch in branches(schema)):
        return "://" in text[:32]
    return text.startswith(SERVICE) and "array" in types_of(schema)


def cleaned(schema: Mapping[str, JSON], wire: JSON) -> JSON:
    """The value as ncdjango's parameter of that type makes it; as it is where that is no value of the type."""
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        candidates = (cleaned(choice, wire) for choice in choices if not always_binary(choice))
        fitting = (
            each
            for each, choice in zip(candidates, choices, strict=False)
            if not check_of(choice).findings(each)
        )
        return next(fitting, wire)
    types = types_of(schema)
    if len(types) != 1 or types[0] not in CLEANING:
        return wire
    return CLEANING[types[0]](schema, wire)


def _string(_schema: Mapping[str, JSON], wire: JSON) -> JSON:
    return str(wire) if isinstance(wire, int | float) and not isinstance(wire, bool) else wire


def _number(_schema: Mapping[str, JSON], wire: JSON) -> JSON:
    """A text that is a number; a whole one where it says so: "3.0" is 3."""
    number = _read_number(wire)
    if number is None:
        return wire
    whole = isinstance(wire, str) and math.isfinite(number) and number == int(number)
    return int(number) if whole else number


def _integer(_schema: Mapping[str, JSON], wire: JSON) -> JSON:
    """As int() does: towards zero; true is 1."""
    number = _read_number(wire)
    return wire if number is None or not math.isfinite(number) else int(number)


def _read_number(wire: JSON) -> float | None:
    if isinstance(wire, int | float):
        return int(wire) if isinstance(wire, bool) else wire
    if not isinstance(wire, str) or len(wire) > MOST_OF_A_NUMBER:
        return None
    try:
        number = float(wire)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _boolean(_schema: Mapping[str, JSON], wire: JSON) -> JSON:
    """Every text but "false" is true, an empty one aside."""
    return wire.lower() != "false" and bool(wire) if isinstance(wire, str) else bool(wire)


def _array(schema: Mapping[str, JSON], wire: JSON) -> JSON:
    """A single value is a list of one; items are cleaned."""
    items: Any = schema.get("items") or {}
    return [cleaned(items, item) for item in (wire if isinstance(wire, list) else [wire])]


CLEANING: Final[Mapping[str, Callable[[Mapping[str, JSON], JSON], JSON]]] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "array": _array,
}
"""By the type of a schema."""
