"""/jobs/{jobID}/results: the table of the contract (ogc.md), for sync executions and finished jobs alike.

raw, one by value         200, its own media type
raw, several              200 multipart/related; a part by reference is empty, a list of files is a part each
raw, all by reference     204 with Link headers
document                  200 JSON: value, qualified value or link for each
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from flask import Response, request

from dragoman.adapters.ogc import queries
from dragoman.adapters.ogc.results_documents import (
    item_links,
    media_type_of,
    native,
    output_url,
    results_document,
    transmission,
    wanted,
)
from dragoman.adapters.ogc.surface import check_job_id
from dragoman.errors import ResultNotAvailable
from dragoman.model.status import JobStatus
from dragoman.web.auth import principal
from dragoman.web.file_responses import Part, file_response, multipart_response
from dragoman.web.links import url
from dragoman.web.responses import data_response, empty_response, harden, json_response
from dragoman.web.result_values import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragoman.adapters.ogc.surface import Surface
    from dragoman.model.job import Job, Output
    from dragoman.model.process import JSON

PAGE_BYTES: Final = 1024**2
"""Bytes of a JSON or text file up to which a page shows its content."""


def of_job(api: Surface, job_id: str) -> Response:
    """GET /jobs/{jobID}/results, all of them or those named by ``outputs``."""
    api.form()
    check_job_id(job_id)
    job = api.jobs.results(job_id, principal())
    names = queries.words(request.args.to_dict(flat=False), "outputs")
    return respond(api, job, [api.jobs.output(job, name) for name in names] or None)


def of_output(api: Surface, job_id: str, output_id: str) -> Response:
    """GET /jobs/{jobID}/results/{outputID}: the output itself; its page only where ``f=html`` says so.

    A browser that follows a link to a raster wants the raster.
    """
    form = api.form()
    check_job_id(job_id)
    job = api.jobs.results(job_id, principal())
    output = api.jobs.output(job, output_id)
    if form == "html" and "f" in request.args:
        return _page(api, job, [output])
    return _itself(api, job, output)


def of_item(api: Surface, job_id: str, output_id: str, index: int) -> Response:
    """GET /jobs/{jobID}/results/{outputID}/{index}: one file, from 0, of an output that is a list of files."""
    api.form()
    check_job_id(job_id)
    job = api.jobs.results(job_id, principal())
    return _itself(api, job, api.jobs.item(job, output_id, index))


def respond(api: Surface, job: Job, outputs: Sequence[Output] | None = None) -> Response:
    """The results of a job in the form its request asked for.

    Raises the job's own error if it failed, ResultNotReady if it has no results, ResultNotAvailable once they
    are deleted.
    """
    if job.status is not JobStatus.SUCCESSFUL:
        job = api.jobs.results(job.id, principal())
    outputs = outputs or wanted(job)
    if not outputs:
        raise ResultNotAvailable(f"job '{job.id}' has no results any more")
    if api.form() == "html":
        return _page(api, job, outputs)
    if job.request.response == "document":
        return json_response(results_document(job, outputs, api.base, api.loader(job)))
    return _raw(api, job, outputs)


def _raw(api: Surface, job: Job, outputs: Sequence[Output]) -> Response:
    by_value = [output for output in outputs if transmission(job, output) != "reference"]
    if not by_value:
        return _links(api, job, outputs)
    if len(outputs) == 1 and not outputs[0].items:
        return _itself(api, job, outputs[0])
    return multipart_response([part for each in outputs for part in _parts(api, job, each, each in by_value)])


def _itself(api: Surface, job: Job, output: Output) -> Response:
    if output.file is not None:
        return file_response(api.jobs.content(job, output), output.media_type)
    if output.items:
        return json_response(item_links(job, output, api.base))
    media_type, data = native(output)
    response = data_response(data, media_type)
    harden(response)
    return response


def _parts(api: Surface, job: Job, output: Output, here: bool) -> Iterator[Part]:
    """The part of an output, one for each file of a list; ``here``: with its content."""
    if not here:
        location = output_url(job, output, api.base)
        yield Part(id=output.id, media_type=media_type_of(output), location=location)
    elif output.items:
        for index, item in enumerate(output.items):
            if item.file is not None:
                file = api.jobs.content(job, item)
                yield Part(id=f"{output.id}/{index}", media_type=item.media_type, content=file)
    else:
        content = api.jobs.content(job, output) if output.file is not None else native(output)[1]
        yield Part(id=output.id, media_type=media_type_of(output), content=content)


def _links(api: Surface, job: Job, outputs: Sequence[Output]) -> Response:
    """204; the relation of each link is the output's id, since nothing else tells them apart."""
    response = empty_response()
    for output in outputs:
        href = output_url(job, output, api.base)
        name = quote(output.id, safe="!#$&+-.^_`|~:")
        response.headers.add("Link", f'<{href}>; rel="{name}"; type="{_quotable(media_type_of(output))}"')
    return response


def _quotable(media_type: str) -> str:
    """A media type as it may stand inside quotes."""
    return media_type.replace("\\", "").replace('"', "'")


def _page(api: Surface, job: Job, outputs: Sequence[Output]) -> Response:
    """The results as a page: small ones in it, binary ones as links."""
    document: dict[str, JSON] = {}
    for output in outputs:
        if output.items:
            document[output.id] = item_links(job, output, api.base)
            continue
        readable = output.file is None or kind_of(output.media_type) != "binary"
        if readable and (output.size or 0) <= PAGE_BYTES:
            document |= results_document(job, [output], api.base, api.loader(job))
        else:
            document[output.id] = {"href": output_url(job, output, api.base), "type": media_type_of(output)}
    here = url(api.base, "jobs", job.id, "results")
    title = f"Results of job {job.id}"
    return api.answer("results", document, title=title, links=api.links(here), job_id=job.id)
