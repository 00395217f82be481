"""Executions on the wire. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote

from dragoman.adapters.ccp.members import OUTPUT_ZIP, ZIP, output_files
from dragoman.adapters.ogc import describe
from dragoman.adapters.ogc.results_documents import native
from dragoman.web.links import link, url
from dragoman.web.responses import json_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.adapters.ogc.habits import Habits
    from dragoman.model.job import Job, Output
    from dragoman.model.process import JSON
    from dragoman.web.links import Link

DOCUMENTS: Final = ("request", "method", "infrastructure", "jobStatus")
"""The names of the metadata, each a JSON file."""
PROVENANCE: Final[Mapping[str, tuple[Literal["json", "xml"], str]]] = {
    "prov.json": ("json", "application/json"),
    "provo.xml": ("xml", "application/xml"),
}
"""The files of provenance: form and media type of each. They are made when they are asked for."""


def file_url(base: str, job_id: str, path: str) -> str:
    """Where a file of an execution is; its path's slashes stay."""
    return f"{url(base, 'executions', job_id)}/{quote(path, safe='/')}"


def listed(job: Job, base: str, habits: Habits) -> dict[str, JSON]:
    """An execution in the list."""
    return {
        "id": job.id,
        "jobID": job.id,
        "processID": job.process_id,
        "status": str(habits.reads_as(job).status.in_part_1),
        "created": describe.time_text(job.created),
        "links": [link(url(base, "executions", job.id), "item", title="This execution")],
    }


def detail(job: Job, base: str, habits: Habits, metadata: Mapping[str, JSON]) -> dict[str, JSON]:
    """An execution with all its files; ``metadata`` are its documents by name."""
    resources = [*_outputs(job, base), *_metadata(job, base, metadata)]
    return {
        "id": job.id,
        "jobID": job.id,
        "method": metadata["method"],
        "request": metadata["request"],
        "jobStatus": describe.status_info(habits.reads_as(job), base),
        "infrastructure": metadata["infrastructure"],
        "created": describe.time_text(job.created),
        "links": _links(job, base),
        "resources": resources,
    }


def _links(job: Job, base: str) -> list[Link]:
    here = url(base, "executions", job.id)
    links = [
        link(here, "self", title="This execution"),
        link(url(base, "jobs", job.id), "monitor", title="State of the job"),
        link(f"{here}/logs", "describedby", "text/plain", "What it printed"),
        link(url(base, "executions"), "up", title="All executions"),
    ]
    if job.outputs:
        links.append(link(file_url(base, job.id, f"outputs/{OUTPUT_ZIP}"), "enclosure", ZIP, "All outputs"))
    if job.status.finished:
        links.append(link(f"{here}/archive.zip", "archives", ZIP, "Outputs, metadata and log"))
    return links


def _outputs(job: Job, base: str) -> list[JSON]:
    resources = [
        _resource(job, base, f"outputs/{name}", *_size_and_type(output))
        for name, output in output_files(job).items()
    ]
    if job.outputs:
        resources.append(_resource(job, base, f"outputs/{OUTPUT_ZIP}", None, ZIP))
    return resources


def _size_and_type(output: Output) -> tuple[int | None, str]:
    if output.file is not None:
        return output.size, output.media_type
    media_type, data = native(output)
    return len(data), media_type


def _metadata(job: Job, base: str, metadata: Mapping[str, JSON]) -> list[JSON]:
    written = [
        _resource(job, base, f"metadata/{name}.json", len(json_bytes(metadata[name])), "application/json")
        for name in DOCUMENTS
        if metadata[name] is not None
    ]
    made = [
        _resource(job, base, f"metadata/{name}", None, kind) for name, (_form, kind) in PROVENANCE.items()
    ]
    return [*written, *made]


def _resource(job: Job, base: str, path: str, size: int | None, media_type: str) -> dict[str, JSON]:
    """A file; of one that is made when it is asked for, nobody knows the size yet."""
    resource = {"path": path, "href": file_url(base, job.id, path), "type": media_type}
    return resource if size is None else {**resource, "size": size}
