"""/jobs/{jobID}/results: the table of the contract (ogc.md), for sync executions and finished jobs alike.

raw, one by value         200, its own media type
raw, several              200 multipart/related; a part by reference is empty, a list of files is a part each;
                          as a document where the request asks for JSON and nothing else, and not for each by value
raw, all by reference     204 with Link headers
document                  200 JSON: value, qualified value or link for each
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

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
from dragoman.adapters.ogc.surface import links_of
from dragoman.errors import ResultNotAvailable
from dragoman.model.status import JobStatus
from dragoman.schemas.media_types import kind_of
from dragoman.web.file_responses import Part, file_response, multipart_response
from dragoman.web.links import url
from dragoman.web.negotiation import wants_only_json
from dragoman.web.responses import data_response, empty_response, harden, json_response

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flask import Response

    from dragoman.adapters.ogc.surface import Surface
    from dragoman.model.job import Job, Output
    from dragoman.model.process import JSON
    from dragoman.web.call import Call

PAGE_BYTES: Final = 1024**2
"""Bytes of a JSON or text file up to which a page shows its content."""


def of_job(api: Surface, call: Call, job_id: str) -> Response:
    """GET /jobs/{jobID}/results, all of them or those named by ``outputs``."""
    job = api.jobs.results(job_id, call.principal)
    names = queries.words(call.arguments, "outputs")
    return respond(api, call, job, [api.jobs.output(job, name) for name in names] or None)


def of_output(api: Surface, call: Call, job_id: str, output_id: str) -> Response:
    """GET /jobs/{jobID}/results/{outputID}: the output itself; its page only where ``f=html`` says so.

    A browser that follows a link to a raster wants the raster.
    """
    job = api.jobs.results(job_id, call.principal)
    output = api.jobs.output(job, output_id)
    if call.form == "html" and "f" in call.arguments:
        return _page(api, call, job, [output])
    return _itself(api, call, job, output)


def of_item(api: Surface, call: Call, job_id: str, output_id: str, index: int) -> Response:
    """GET /jobs/{jobID}/results/{outputID}/{index}: one file, from 0, of an output that is a list of files."""
    job = api.jobs.results(job_id, call.principal)
    return _itself(api, call, job, api.jobs.item(job, output_id, index))


def respond(api: Surface, call: Call, job: Job, outputs: Sequence[Output] | None = None) -> Response:
    """The results of a job in the form its request asked for.

    Raises the job's own error if it failed, ResultNotReady if it has no results, ResultNotAvailable once they
    are deleted.
    """
    if job.status is not JobStatus.SUCCESSFUL:
        job = api.jobs.results(job.id, call.principal)
    outputs = outputs or wanted(job)
    if not outputs:
        raise ResultNotAvailable(f"job '{job.id}' has no results any more")
    if call.form == "html":
        return _page(api, call, job, outputs)
    if job.request.response == "document":
        return json_response(results_document(job, outputs, call.base, api.loader(job)))
    return _raw(api, call, job, outputs)


def _raw(api: Surface, call: Call, job: Job, outputs: Sequence[Output]) -> Response:
    by_value = [output for output in outputs if transmission(job, output) != "reference"]
    if not by_value:
        return _links(call, job, outputs)
    if len(outputs) == 1 and not outputs[0].items:
        return _itself(api, call, job, outputs[0])
    if not api.habits.pages or _as_document(call, job, by_value):
        return json_response(results_document(job, outputs, call.base, api.loader(job)))
    return multipart_response(
        [part for each in outputs for part in _parts(api, call, job, each, each in by_value)]
    )


def _as_document(call: Call, job: Job, by_value: Sequence[Output]) -> bool:
    """Whether several raw outputs are sent as one document: to who asks by ``f``, or accepts nothing but JSON.

    Not to who accepts nothing but JSON and asks for each output by transmissionMode ``value``: that answer has to be
    multipart (18-062r2, /req/core/job-creation-sync-raw-value-multi).
    """
    form = call.arguments.get("f", [None])[0]
    if not wants_only_json(form, call.headers.get("Accept", "")):
        return False
    return form is not None or any(transmission(job, output) != "value" for output in by_value)


def _itself(api: Surface, call: Call, job: Job, output: Output) -> Response:
    if output.file is not None:
        return file_response(api.jobs.content(job, output), output.media_type)
    if output.items:
        return json_response(item_links(job, output, call.base))
    media_type, data = native(output)
    response = data_response(data, media_type)
    harden(response)
    return response


def _parts(api: Surface, call: Call, job: Job, output: Output, here: bool) -> Iterator[Part]:
    """The part of an output, one for each file of a list; ``here``: with its content."""
    if not here:
        location = output_url(job, output, call.base)
        yield Part(id=output.id, media_type=media_type_of(output), location=location)
    elif output.items:
        for index, item in enumerate(output.items):
            if item.file is not None:
                file = api.jobs.content(job, item)
                yield Part(id=f"{output.id}/{index}", media_type=item.media_type, content=file)
    elif output.file is not None:
        content = api.jobs.content(job, output)
        yield Part(id=output.id, media_type=output.media_type, content=content)
    else:
        media_type, data = native(output)
        yield Part(id=output.id, media_type=media_type, content=data)


def _links(call: Call, job: Job, outputs: Sequence[Output]) -> Response:
    """204; the relation of each link is the output's id, since nothing else tells them apart."""
    response = empty_response()
    for output in outputs:
        href = output_url(job, output, call.base)
        name = quote(output.id, safe="!#$&+-.^_`|~:")
        response.headers.add("Link", f'<{href}>; rel="{name}"; type="{_quotable(media_type_of(output))}"')
    return response


def _quotable(media_type: str) -> str:
    """A media type as it may stand inside quotes."""
    return media_type.replace("\\", "").replace('"', "'")


def _page(api: Surface, call: Call, job: Job, outputs: Sequence[Output]) -> Response:
    """The results as a page: small ones in it, binary ones as links."""
    document: dict[str, JSON] = {}
    for output in outputs:
        if output.items:
            document[output.id] = item_links(job, output, call.base)
            continue
        readable = output.file is None or kind_of(output.media_type) != "binary"
        if readable and (output.size or 0) <= PAGE_BYTES:
            document |= results_document(job, [output], call.base, api.loader(job))
        else:
            document[output.id] = {"href": output_url(job, output, call.base), "type": media_type_of(output)}
    here = url(call.base, "jobs", job.id, "results")
    title = f"Results of job {job.id}"
    return api.answer(call, "results", document, title=title, links=links_of(call, here), job_id=job.id)
