"""From the core to the wire: processes, jobs and lists of them as OGC documents (18-062r2). Pure."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from dragoman.adapters.ogc.conformance import CLASSES
from dragoman.adapters.ogc.results_documents import media_type_of, output_url, results_type, wanted
from dragoman.errors import DragomanError
from dragoman.model.status import JobStatus
from dragoman.packages.digest import short
from dragoman.schemas.forms import described
from dragoman.web.links import Link, link, self_links, url

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dragoman.model.job import Job
    from dragoman.model.process import JSON, InputSpec, OutputSpec, Process
    from dragoman.web.reserved_inputs import ReservedInput

REL: Final = "http://www.opengis.net/def/rel/ogc/1.0/"
EXCEPTIONS: Final = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
OPENAPI: Final = "application/vnd.oai.openapi+json;version=3.0"

OGC_CODES: Final = frozenset(
    {
        "no-such-process",
        "no-such-job",
        "result-not-ready",
        "no-such-output",
        "result-not-available",
        "invalid-query-parameter-value",
    }
)
"""Codes of our errors for which OGC has an exception type: three of 1.0, three of the 2.0 draft."""


def exception_type(error: BaseException) -> str:
    """The ``type`` of a problem: OGC's URI where there is one."""
    if isinstance(error, DragomanError) and error.code in OGC_CODES:
        return EXCEPTIONS + error.code
    return "about:blank"


def time_text(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def summary(process: Process, base: str, *, form: str = "json") -> dict[str, JSON]:
    """processSummary.yaml."""
    here = url(base, "processes", process.id)
    document: dict[str, JSON] = {"id": process.id, "version": process.version}
    document |= _described(process)
    document["jobControlOptions"] = [f"{mode}-execute" for mode in process.modes] + ["dismiss"]
    document["outputTransmission"] = ["value", "reference"]
    document["links"] = [
        *self_links(here, form=form, title=process.title or process.id),
        link(url(base, "processes", process.id, "execution"), REL + "execute", title="Execute"),
        *(dict(own) for own in process.links),
    ]
    return document


def description(
    process: Process, base: str, *, form: str = "json", reserved: Sequence[ReservedInput] = ()
) -> dict[str, JSON]:
    """process.yaml: the summary with inputs and outputs, in their declared order, ``reserved`` inputs behind them."""
    document = summary(process, base, form=form)
    links = document.pop("links")
    others = [each.spec(process) for each in reserved if each.id not in process.inputs]
    document["inputs"] = {spec.id: _input(spec) for spec in (*process.inputs.values(), *others)}
    document["outputs"] = {name: _output(spec) for name, spec in process.outputs.items()}
    document |= {name: member for name, member in process.more.items() if name not in document}
    document["links"] = links
    return document


def _described(part: Process | InputSpec | OutputSpec) -> dict[str, JSON]:
    """descriptionType.yaml; what is empty is left out."""
    members = {
        "title": part.title,
        "description": part.description,
        "keywords": list(part.keywords),
        "metadata": [dict(item) for item in part.metadata],
    }
    return {name: value for name, value in members.items() if value}


def _input(spec: InputSpec) -> dict[str, JSON]:
    most = "unbounded" if spec.max_occurs is None else spec.max_occurs
    return _described(spec) | {"schema": described(spec), "minOccurs": spec.min_occurs, "maxOccurs": most}


def _output(spec: OutputSpec) -> dict[str, JSON]:
    return _described(spec) | {"schema": spec.schema}


def status_info(job: Job, base: str, *, form: str = "json", listed: bool = False) -> dict[str, JSON]:
    """statusInfo.yaml with the 2.0 draft's keys beside those of 1.0; nothing in it is null.

    A job that is ``listed`` comes without its request, which the media type of its results depends on.
    """
    failed = job.failure.detail if job.failure is not None else ""
    members = {
        "jobID": job.id,
        "id": job.id,
        "processID": job.process_id,
        "processVersion": job.process_version,
        "processDigest": short(job.runtime.digest) or None,
        "type": "process",
        "processingEntityType": "ogc-api-processes",
        "status": str(job.status.in_part_1),
        "message": failed or job.message or None,
        "created": time_text(job.created),
        "started": time_text(job.started) if job.started else None,
        "finished": time_text(job.finished) if job.finished else None,
        "updated": time_text(job.updated),
        "progress": 100 if job.status is JobStatus.SUCCESSFUL else max(0, min(100, job.progress)),
        "links": _job_links(job, base, form, "" if listed else results_type(job)),
    }
    return {name: value for name, value in members.items() if value is not None}


def _job_links(job: Job, base: str, form: str, type_of_results: str) -> list[Link]:
    here = url(base, "jobs", job.id)
    links = self_links(here, form=form, title="This job")
    if not job.status.finished:
        links.append(link(here, "monitor", title="State of the job"))
    if job.status is JobStatus.SUCCESSFUL:
        links.append(link(f"{here}/results", REL + "results", type_of_results, "Results"))
        links += [
            link(output_url(job, output, base), "item", media_type_of(output), f"Output {output.id}")
            for output in wanted(job)
        ]
    links.append(link(url(base, "jobs"), "up", title="All jobs"))
    return links


def removed_info(job: Job, base: str) -> dict[str, JSON]:
    """The status of a job that has just been removed, which has nothing left to link to."""
    removed = job.evolve(failure=None, message="The job and its results were removed.")
    return status_info(removed, base) | {"links": [link(url(base, "jobs"), "up", title="All jobs")]}


def landing(title: str, text: str, base: str, more: Sequence[Link], *, form: str = "json") -> dict[str, JSON]:
    """landingPage.yaml."""
    here = f"{base}/"
    document: dict[str, JSON] = {"title": title}
    if text:
        document["description"] = text
    document["links"] = [
        *self_links(here, form=form, title="This page"),
        link(url(base, "openapi", query=[("f", "json")]), "service-desc", OPENAPI, "The API as OpenAPI 3.0"),
        link(url(base, "openapi", query=[("f", "html")]), "service-doc", "text/html", "The API as a page"),
        link(url(base, "conformance"), REL + "conformance", title="Conformance classes"),
        link(url(base, "conformance"), "conformance", title="Conformance classes"),
        link(url(base, "processes"), REL + "processes", title="Processes"),
        link(url(base, "jobs"), REL + "job-list", title="Jobs"),
        *more,
    ]
    return document


def conformance(others: Sequence[str] = ()) -> dict[str, JSON]:
    """confClasses.yaml; ``others`` are the classes of what else the host serves."""
    return {"conformsTo": list(dict.fromkeys((*CLASSES, *others)))}
