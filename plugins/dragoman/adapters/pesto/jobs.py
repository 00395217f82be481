"""Jobs and their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.pesto import documents
from dragoman.errors import IllegalTransition, NoSuchOutput, ResultNotReady
from dragoman.model.job import JobQuery
from dragoman.model.status import JobStatus
from dragoman.web.auth import principal
from dragoman.web.file_responses import file_response
from dragoman.web.responses import data_response, harden, json_bytes, json_response, sorted_json
from dragoman.web.result_values import loader

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.pesto.contract import Contract
    from dragoman.adapters.pesto.surface import Surface
    from dragoman.model.job import Job

ALL: Final = 10**9
"""Jobs in a list, which has no pages in PESTO."""


def listing(api: Surface, contract: Contract) -> Response:
    """GET /jobs: an object, the link to the state of each job by its id."""
    page = api.jobs.find(JobQuery(process_ids=(contract.process.id,), limit=ALL), principal())
    root = api.root
    return json_response({job.id: {"link": documents.job_url(job, root, "status")} for job in page.jobs})


def status(api: Surface, contract: Contract, job_id: str) -> Response:
    """GET /jobs/{id}/status."""
    return json_response(documents.status(api.job(contract, job_id), api.root))


def results(api: Surface, contract: Contract, job_id: str) -> Response:
    """GET /jobs/{id}/results: where each lies; a failed job's own error."""
    job = _with_results(api, contract, job_id)
    return json_response(documents.results(job, contract, api.root))


def result(api: Surface, contract: Contract, job_id: str, result_id: str) -> Response:
    """GET /jobs/{id}/results/{key}."""
    job = _with_results(api, contract, job_id)
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


def forget(api: Surface, contract: Contract, job_id: str, result_id: str) -> Response:
    """DELETE /jobs/{id}/results/{key}: as often as one likes."""
    job = api.job(contract, job_id)
    try:
        part = documents.part(job, contract, result_id)
    except NoSuchOutput:
        return json_response({})
    api.jobs.remove_output(job.id, part.output_id, principal(), part.index)
    return json_response({})


def dismiss(api: Surface, contract: Contract, job_id: str) -> Response:
    """DELETE /jobs/{id}: stop a job; remove one that has come to its end already, as OGC's clients do."""
    job, who = api.job(contract, job_id), principal()
    try:
        document = documents.status(api.jobs.dismiss(job.id, who), api.root)
    except IllegalTransition:
        gone = api.jobs.remove(job.id, who)
        document = documents.status(gone.evolve(status=JobStatus.DISMISSED, failure=None), api.root)
    return json_response(document)


def _with_results(api: Surface, contract: Contract, job_id: str) -> Job:
    """The job, if its results can be had; raises as JobService.results."""
    job = api.job(contract, job_id)
    if job.status is JobStatus.DISMISSED:
        raise ResultNotReady(f"job '{job_id}' was cancelled; it has no results")
    return api.jobs.results(job.id, principal())
