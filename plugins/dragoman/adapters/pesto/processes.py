"""What a process is, and running it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from dragoman.adapters.pesto import describe, documents, metrics, translate
from dragoman.adapters.pesto.openapi import document
from dragoman.jobs.submission import Submission
from dragoman.model.status import PART_1, JobStatus
from dragoman.openapi.files import to_yaml
from dragoman.openapi.security import security_of
from dragoman.web import execution
from dragoman.web.request_body import json_body
from dragoman.web.responses import data_response, json_response, sorted_json
from dragoman.web.result_values import loader

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.pesto.contract import Contract
    from dragoman.adapters.pesto.surface import Surface
    from dragoman.openapi.security import Security
    from dragoman.web.call import Call

TEXT: Final = "text/plain; charset=utf-8"


def describing(api: Surface, call: Call, contract: Contract) -> Response:
    """GET /describe."""
    return json_response(describe.describe(contract, call.base))


def health(api: Surface, call: Call, contract: Contract) -> Response:
    """GET /health."""
    return data_response(b"OK", TEXT)


def config(api: Surface, call: Call, contract: Contract) -> Response:
    """GET /config."""
    return json_response(describe.config(contract))


def version(api: Surface, call: Call, contract: Contract) -> Response:
    """GET /version."""
    return data_response(sorted_json(describe.version(contract)), "application/json")


def openapi(api: Surface, call: Call, contract: Contract) -> Response:
    """GET /openapi: the document of the dialect, with this process's address."""
    return data_response(_openapi(call.base, security_of(api.settings.auth)).encode(), TEXT)


@lru_cache(maxsize=16)
def _openapi(root: str, security: Security | None) -> str:
    return to_yaml(document(root, security))


def measure(api: Surface, call: Call, contract: Contract) -> Response:
    """GET /metrics."""
    by_status = api.jobs.counts(contract.process.id, call.principal)
    counts = {status: by_status[status] for status in PART_1}
    return data_response(*metrics.exposition(contract.process.id, counts))


def process(api: Surface, call: Call, contract: Contract) -> Response:
    """POST /process, POST /jobs: the outputs, or at once the link to the state of the job."""
    process_id, principal = contract.process.id, call.principal
    api.jobs.check_permission(process_id, principal)
    request = translate.job_request(json_body(any_type=True), contract)
    if contract.asynchronous:
        job = api.jobs.submit(process_id, request, principal, Submission(mode="async", dialect="pesto"))
        return json_response({"link": documents.job_url(job, call.base, "status")})
    submission = Submission(mode="sync", dialect="pesto", wait=None)
    job = execution.run(api.services, principal, process_id, request, submission)
    if job.status is not JobStatus.SUCCESSFUL:
        job = api.jobs.results(job.id, principal)  # raises the job's own error
    return json_response(documents.outputs(job, contract, loader(api.jobs, job)))
