"""Jobs and their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.pesto import documents
from dragoman.errors import NoSuchOutput, ResultNotReady
from dragoman.model.job import JobQuery
from dragoman.model.status import JobStatus
from dragoman.web import execution
from dragoman.web.file_responses import file_response
from dragoman.web.responses import data_response, harden, json_bytes, json_response, sorted_json
from dragoman.web.result_values import loader

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.pesto.contract import Contract
    from dragoman.adapters.pesto.surface import Surface
    from dragoman.model.job import Job
    from dragoman.web.call import Call

ALL: Final = 10**9
"""Jobs in a list, which has no pages in PESTO."""


def listing(api: Surface, call: Call, contract: Contract) -> Response:
    """GET /jobs: an object, the link to the state of each job by its id."""
    page = api.jobs.find(JobQuery(process_ids=(contract.process.id,), limit=ALL), call.principal)
    return json_response({job.id: {"link": documents.job_url(job, call.base, "status")} for job in page.jobs})


def status(api: Surface, call: Call, contract: Contract, job_id: str) -> Response:
    """GET /jobs/{id}/status."""
    return json_response(documents.status(api.job(call, contract, job_id), call.base))


def results(api: Surface, call: Call, contract: Contract, job_id: str) -> Response:
    """GET /jobs/{id}/results: where each lies; a failed job's own error."""
    job = _with_results(api, call, contract, job_id)
    return json_response(documents.results(job, contract, call.base))


def result(api: Surface, call: Call, contract: Contract, job_id: str, result_id: str) -> Response:
    """GET /jobs/{id}/results/{key}."""
    job = _with_results(api, call, contract, job_id)
    part = documents.part(job, contract, result_id)
    form, output = documents.form(part, contract), part.output
    if form == "binary":
        return file_response(api.jobs.content(job, output), output.media_type.split(";", 1)[0].strip())
    content = output.value if output.file is None else loader(api.jobs, job)(output)
    if form == "json":
        return data_response(sorted_json(content), "application/json")
    data = content.encode("utf-8", errors="replace") if isinstance(content, str) else json_bytes(content)
    response = data_response(data, "text/plain; charset=utf-8")
    harden(response)
    return response


def forget(api: Surface, call: Call, contract: Contract, job_id: str, result_id: str) -> Response:
    """DELETE /jobs/{id}/results/{key}: as often as one likes."""
    job = api.job(call, contract, job_id)
    try:
        part = documents.part(job, contract, result_id)
    except NoSuchOutput:
        return json_response({})
    api.jobs.remove_output(job.id, part.output_id, call.principal, part.index)
    return json_response({})


def dismiss(api: Surface, call: Call, contract: Contract, job_id: str) -> Response:
    """DELETE /jobs/{id}: stop a job; remove one that has come to its end already, as OGC's clients do."""
    job = api.job(call, contract, job_id)
    ended = execution.cancel(api.jobs, job.id, call.principal)
    return json_response(documents.status(ended.job, call.base))


def _with_results(api: Surface, call: Call, contract: Contract, job_id: str) -> Job:
    """The job, if its results can be had; raises as JobService.results."""
    job = api.job(call, contract, job_id)
    if job.status is JobStatus.DISMISSED:
        raise ResultNotReady(f"job '{job_id}' was cancelled; it has no results")
    return api.jobs.results(job.id, call.principal)
