"""What the provenance of an execution tells, gathered; hashes of files are worked out once."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from dragoman.adapters.ccp.members import output_files, output_member
from dragoman.adapters.ccp.provenance import ProvenFile, ProvenInput, inline_sha256, provenance
from dragoman.errors import NotFound
from dragoman.model.job import InputValue

if TYPE_CHECKING:
    from dragoman.adapters.ogc.surface import Surface
    from dragoman.model.job import Job, Output
    from dragoman.model.principal import Principal


def proven(api: Surface, principal: Principal, job: Job, form: Literal["json", "xml"]) -> bytes:
    """The provenance of a job that the caller has been given."""
    return provenance(job, _inputs(api, job), _outputs(api, principal, job), form)


def _inputs(api: Surface, job: Job) -> list[ProvenInput]:
    known: list[ProvenInput] = []
    fetched = api.jobs.input_hashes(job)
    with suppress(NotFound):  # they were not kept: what is left is told
        for input_id, values in api.jobs.inputs(job).items():
            for place, value in enumerate(values):
                kept = fetched.get(input_id, {}).get(place)
                sha256 = kept if value.by_reference else inline_sha256(value.value)
                known.append(ProvenInput(input_id=input_id, value=value, sha256=sha256))
    for input_id, sent in job.request.reserved.items():
        value = InputValue(value=sent)
        known.append(ProvenInput(input_id=input_id, value=value, sha256=inline_sha256(sent)))
    return known


def _outputs(api: Surface, principal: Principal, job: Job) -> list[ProvenFile]:
    files: list[ProvenFile] = []
    for name, output in output_files(job).items():
        member = output_member(name, output, lambda each: api.jobs.content(job, each))
        sha256 = (
            hashlib.sha256(member.content).hexdigest()
            if isinstance(member.content, bytes)
            else api.jobs.output_sha256(job.id, output.id, principal, _place(job, output))
        )
        files.append(
            ProvenFile(
                output_id=output.id,
                name=name,
                media_type=member.media_type,
                size=member.size,
                sha256=sha256,
            )
        )
    return files


def _place(job: Job, output: Output) -> int | None:
    """Which file of a list it is; None: it is an output by itself."""
    items = job.outputs[output.id].items
    return next((place for place, item in enumerate(items) if item is output), None)
