"""Jobs as JSON and back: for the store's columns and for the wire to the supervisor.

``load_*(dump_*(x)) == x`` for every value object; tested by property.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dragoman.maps.renderers import dump_renderer, parse_renderer
from dragoman.maps.service_codec import dump_service, load_service
from dragoman.model.job import (
    InputValue,
    Job,
    JobFailure,
    JobRequest,
    Output,
    OutputRequest,
    Replicas,
    Subscriber,
)
from dragoman.model.principal import Principal
from dragoman.model.process import JSON, Runtime
from dragoman.model.roi import Band, Roi
from dragoman.model.service_step import ServiceStep
from dragoman.model.status import JobStatus
from dragoman.model.worker import WorkerIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dragoman.model.map_service import MapService
    from dragoman.model.renderer import Renderer


def dump_inputs(inputs: Mapping[str, tuple[InputValue, ...]]) -> JSON:
    """Inputs as JSON; members that are None are left out."""
    return {input_id: [_dump_value(value) for value in values] for input_id, values in inputs.items()}


def load_inputs(data: JSON) -> dict[str, tuple[InputValue, ...]]:
    """The inverse of dump_inputs."""
    return {input_id: tuple(map(_load_value, values)) for input_id, values in data.items()}


def _load_value(data: dict[str, JSON]) -> InputValue:
    step = data.get("service")
    return InputValue(**(data if step is None else {**data, "service": ServiceStep(**step)}))


def dump_request(request: JobRequest) -> JSON:
    """A request as JSON."""
    return {"inputs": dump_inputs(request.inputs), **_dump_wishes(request)}


def _dump_wishes(request: JobRequest) -> dict[str, JSON]:
    """All of a request but its inputs."""
    return {
        "outputs": None
        if request.outputs is None
        else {output_id: _dump_output_request(wanted) for output_id, wanted in request.outputs.items()},
        "response": request.response,
        "subscriber": request.subscriber and _present(_shallow(request.subscriber)),
        "roi": request.roi and asdict(request.roi),
        "spooled": request.spooled,
        **({"publish": _dump_publish(request.publish)} if request.publish else {}),
        **({"publish_rasters_alone": True} if request.publish_rasters_alone else {}),
        **({"notes": dict(request.notes)} if request.notes else {}),
        **({"repeats": request.repeats} if request.repeats else {}),
        **({"reserved": dict(request.reserved)} if request.reserved else {}),
        **({"replicas": _shallow(request.replicas)} if request.replicas else {}),
    }


def load_request(data: JSON) -> JobRequest:
    """The inverse of dump_request."""
    outputs, subscriber = data["outputs"], data["subscriber"]
    return JobRequest(
        inputs=load_inputs(data["inputs"]),
        outputs=None
        if outputs is None
        else {name: OutputRequest(**wanted) for name, wanted in outputs.items()},
        response=data["response"],
        subscriber=None if subscriber is None else Subscriber(**subscriber),
        publish=_load_publish(data.get("publish", {})),
        publish_rasters_alone=data.get("publish_rasters_alone", False),
        roi=_load_roi(data.get("roi")),
        notes=data.get("notes", {}),
        repeats=data.get("repeats"),
        reserved=data.get("reserved", {}),
        replicas=_load_replicas(data.get("replicas")),
        spooled=data["spooled"],
    )


def request_text(request: JobRequest, inputs: str | None = None) -> str:
    """A request as JSON text, which is made once; ``inputs`` is that of ``dump_inputs``, if it was made already."""
    if request.text is None:
        if inputs is None:
            inputs = json.dumps(dump_inputs(request.inputs))
        wishes = json.dumps(_dump_wishes(request))
        object.__setattr__(request, "text", f'{{"inputs": {inputs}, {wishes[1:]}')
    assert request.text is not None
    return request.text


def read_request(text: str) -> JobRequest:
    """The inverse of request_text; the request keeps its text."""
    request = load_request(json.loads(text))
    object.__setattr__(request, "text", text)
    return request


def dump_principal(principal: Principal) -> JSON:
    """A principal as JSON."""
    data = {"id": principal.id, "roles": sorted(principal.roles), "admin": principal.admin}
    return {**data, "scopes": sorted(principal.scopes)} if principal.scopes else data


def load_principal(data: JSON) -> Principal:
    """The inverse of dump_principal; rows of versions before scopes have none."""
    scopes = frozenset(data.get("scopes", ()))
    return Principal(id=data["id"], roles=frozenset(data["roles"]), scopes=scopes, admin=data["admin"])


def dump_outputs(outputs: Mapping[str, Output]) -> JSON:
    """Outputs as JSON, in order."""
    return [_dump_output(output) for output in outputs.values()]


def load_outputs(data: JSON) -> dict[str, Output]:
    """The inverse of dump_outputs."""
    return {item["id"]: _load_output(item) for item in data}


class KeptOutputs(dict[str, Output]):
    """Outputs that were read from JSON text, with that text: whoever writes them again need not make it."""

    text: str


def outputs_text(outputs: Mapping[str, Output]) -> str:
    """Outputs as JSON text."""
    return outputs.text if isinstance(outputs, KeptOutputs) else json.dumps(dump_outputs(outputs))


def read_outputs(text: str) -> dict[str, Output]:
    """The inverse of outputs_text."""
    outputs = KeptOutputs(load_outputs(json.loads(text)))
    outputs.text = text
    return outputs


def dump_failure(failure: JobFailure | None) -> JSON:
    """A failure as JSON."""
    return failure and _shallow(failure)


def load_failure(data: JSON) -> JobFailure | None:
    """The inverse of dump_failure."""
    if data is None:
        return None
    problems = tuple((input_id, message) for input_id, message in data["problems"])
    return JobFailure(code=data["code"], detail=data["detail"], problems=problems)


def dump_runtime(runtime: Runtime) -> JSON:
    """A runtime as JSON."""
    return _shallow(runtime)


def load_runtime(data: JSON) -> Runtime:
    """The inverse of dump_runtime; takes what was written before there were forms of package as well."""
    return Runtime(**current_runtime(data))


def current_runtime(data: dict[str, JSON]) -> dict[str, JSON]:
    """A stored runtime as it is written today, whatever it was written as.

    Before there were forms of package it was ``{kind, location, loader, digest, memory_limit}``, in which location
    was a folder (``package``), or JSON in a string: folder and profiles (``pesto``), a definition (``processor``).
    """
    if "kind" not in data:
        return data
    kept: dict[str, JSON] = {name: data[name] for name in ("digest", "memory_limit") if name in data}
    if data["kind"] == "processor":
        return {"form": "processor", "options": json.loads(data["location"]), **kept}
    if data["kind"] == "package":
        return {"form": "native", "folder": data["location"], "entry": data.get("loader", ""), **kept}
    location = json.loads(data["location"])
    options = {"profiles": location["profiles"]} if location["profiles"] else {}
    return {
        "form": data["kind"],
        "folder": location["folder"],
        "entry": data.get("loader", ""),
        "options": options,
        **kept,
    }


def dump_worker(worker: WorkerIdentity | None) -> JSON:
    """A worker's identity as JSON."""
    return worker and _shallow(worker)


def load_worker(data: JSON) -> WorkerIdentity | None:
    """The inverse of dump_worker."""
    return None if data is None else WorkerIdentity(**data)


def to_micros(moment: datetime | None) -> int | None:
    """UTC microseconds since 1970, exact; None stays None."""
    if moment is None:
        return None
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int | None) -> datetime | None:
    """The inverse of to_micros."""
    if micros is None:
        return None
    return EPOCH + timedelta(microseconds=micros)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PARTS: Mapping[str, tuple[Any, Any]] = {
    "runtime": (dump_runtime, load_runtime),
    "principal": (dump_principal, load_principal),
    "request": (dump_request, load_request),
    "worker": (dump_worker, load_worker),
    "outputs": (dump_outputs, load_outputs),
    "failure": (dump_failure, load_failure),
    "status": (str, JobStatus),
    **dict.fromkeys(("created", "started", "finished", "updated", "lease_until"), (to_micros, from_micros)),
}
"""Fields of Job that are not JSON already, with their two directions."""


def dump_fields(fields: Mapping[str, Any]) -> dict[str, JSON]:
    """Any fields of a job as JSON."""
    return {name: PARTS[name][0](value) if name in PARTS else value for name, value in fields.items()}


def load_fields(data: Mapping[str, JSON]) -> dict[str, Any]:
    """The inverse of dump_fields."""
    return {name: PARTS[name][1](value) if name in PARTS else value for name, value in data.items()}


def dump_job(job: Job) -> dict[str, JSON]:
    """A whole job as JSON."""
    return dump_fields({name: getattr(job, name) for name in Job.__slots__})


def load_job(data: Mapping[str, JSON]) -> Job:
    """The inverse of dump_job."""
    return Job(**load_fields(data))


def _dump_output_request(wanted: OutputRequest) -> JSON:
    data = _present(_shallow(wanted))
    return data if wanted.as_lists else {name: each for name, each in data.items() if name != "as_lists"}


def _dump_output(output: Output) -> JSON:
    data = {**_shallow(output), "items": [_dump_output(item) for item in output.items]}
    if output.lists is None:
        del data["lists"]
    return data


def _load_output(data: dict[str, JSON]) -> Output:
    items = tuple(_load_output(item) for item in data.get("items", ()))
    return Output(**{**data, "items": items})


def _dump_publish(publish: Mapping[str, Renderer]) -> JSON:
    return {output_id: dump_renderer(renderer) for output_id, renderer in publish.items()}


def _load_publish(data: JSON) -> dict[str, Renderer]:
    return {output_id: parse_renderer(renderer, words=True) for output_id, renderer in data.items()}


def dump_services(services: Iterable[MapService]) -> JSON:
    """Map services as JSON."""
    return [dump_service(service) for service in services]


def load_services(data: JSON) -> tuple[MapService, ...]:
    """The inverse of dump_services; raises ValueError for anything else."""
    return tuple(load_service(service) for service in data)


def _load_roi(data: JSON) -> Roi | None:
    if data is None:
        return None
    bands = {name: data[name] and Band(**data[name]) for name in ("lines", "columns")}
    return Roi(targets_in=tuple(data["targets_in"]), targets_out=tuple(data["targets_out"]), **bands)


def _load_replicas(data: JSON) -> Replicas | None:
    return data and Replicas(count=data["count"], variables=tuple(data["variables"]))


def _dump_value(value: InputValue) -> JSON:
    data = _present(_shallow(value))
    if value.service is not None:
        data["service"] = _present(_shallow(value.service))
    if not value.by_reference:
        data["value"] = value.value
    return data


def _shallow(value: Any) -> dict[str, JSON]:
    """The fields of a value object, without the deep copy that ``asdict`` makes, of many megabytes at times."""
    return {name: getattr(value, name) for name in type(value).__slots__}


def _present(data: dict[str, JSON]) -> dict[str, JSON]:
    return {name: value for name, value in data.items() if value is not None}
