"""Jobs on the wire. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from dragoman.maps.job_services import is_map, parts_of, service_name
from dragoman.model.status import JobStatus
from dragoman.packages.outputs.listing import LISTED
from dragoman.web.links import url
from dragoman.web.responses import finite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from dragoman.model.job import InputValue, Job, Output
    from dragoman.model.process import JSON, InputSpec

WORDS: Final[Mapping[JobStatus, str]] = {
    JobStatus.CREATED: "pending",
    JobStatus.ACCEPTED: "pending",
    JobStatus.RUNNING: "started",
    JobStatus.SUCCESSFUL: "success",
    JobStatus.FAILED: "failure",
    JobStatus.DISMISSED: "revoked",
}
"""What each state is called, as Celery has it."""

type Read = Callable[[Output], JSON]
"""Reads an output that is a JSON file."""


def job_document(job: Job, inputs: str, outputs: str) -> dict[str, JSON]:
    """The job; ``inputs`` and ``outputs`` are texts that hold JSON, as ncdjango's documentation shows them."""
    document: dict[str, JSON] = {
        "uuid": job.id,
        "job": job.request.notes.get("job", job.process_id),
        "created": _time(job.created),
        "status": WORDS[job.status],
        "inputs": inputs,
        "outputs": outputs,
    }
    if job.status is JobStatus.FAILED:
        document["message"] = job.failure.detail if job.failure else job.message
    return document


def _time(moment: datetime) -> str:
    """UTC with microseconds, which are left out where there are none."""
    return moment.isoformat().replace("+00:00", "Z")


def inputs_text(
    job: Job, inputs: Mapping[str, tuple[InputValue, ...]], specs: Mapping[str, InputSpec]
) -> str:
    """The inputs as they were sent; of a job of another dialect as ncdjango would have been sent them."""
    kept = job.request.notes.get("inputs")
    if isinstance(kept, str):
        return kept
    return json.dumps({name: _sent(values, specs.get(name)) for name, values in inputs.items()})


def _sent(values: tuple[InputValue, ...], spec: InputSpec | None) -> JSON:
    listed = [each.value if each.href is None else each.href for each in values]
    return listed if len(listed) != 1 or (spec is not None and spec.repeatable) else listed[0]


def outputs_text(job: Job, base: str, read: Read) -> str:
    """The outputs as text: ``{}`` before there are any."""
    if job.status is not JobStatus.SUCCESSFUL:
        return "{}"
    outputs = {name: _output(job, output, base, read) for name, output in job.outputs.items()}
    return json.dumps(finite(outputs))


def _output(job: Job, output: Output, base: str, read: Read) -> JSON:
    """A service's name where it is published; its values where they are few; else where it can be had."""
    where = url(base, "jobs", job.id, "results", output.id)
    published = output.id in job.request.publish
    if output.items:
        return [
            service_name(job.id, part) if published and is_map(item) else _item(item, f"{where}/{place}")
            for place, (part, item) in enumerate(parts_of(output))
        ]
    if published and is_map(output):
        return service_name(job.id, output.id)
    if output.file is None:
        return output.value if _count(output.value) < LISTED else where
    if output.lists is not None:
        return output.lists
    content = read(output)
    return where if content is None or _count(content) >= LISTED else content


def _item(item: Output, where: str) -> JSON:
    """One raster of a list: its values where they are few; else where it can be had."""
    return where if item.lists is None else item.lists


def _count(value: JSON) -> int:
    """The values in nested lists; anything else is one."""
    return sum(map(_count, value)) if isinstance(value, list) else 1
