"""ncdjango's jobs: ``POST /geoprocessing/rest/jobs/``, and ``GET`` of one by its uuid; with and without the slash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dragoman.adapters.ncdjango import job_documents, job_translate
from dragoman.adapters.ncdjango.settings import NAME
from dragoman.errors import DragomanError, NotFound, ResultNotAvailable
from dragoman.jobs.submission import Submission
from dragoman.schemas.media_types import is_json
from dragoman.web import execution
from dragoman.web.request_form import FORMS, body_members
from dragoman.web.responses import json_response
from dragoman.web.result_values import loader

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ncdjango.surface import Surface
    from dragoman.model.job import Job, Output
    from dragoman.model.process import JSON
    from dragoman.web.call import Call
    from dragoman.web.services import Services
    from dragoman.web.surface import Route

JOBS: Final = "/geoprocessing/rest"
"""The root below which errors are worded as those of jobs."""
LIST_ALLOWED: Final = "POST, OPTIONS"
JOB_ALLOWED: Final = "GET, HEAD, OPTIONS"
ENDS_SOON: Final = 0.05
"""Seconds that POST waits for the end of its job, where calls may wait: a small raster is made and published in 0.03.

ncdjango's clients ask for the job right after POST, and then once a second: what has ended by then they have at once.
"""
MOST_READ: Final = 256 * 1024
"""Bytes of a JSON file that is looked into for an array of few values."""


def job_routes(_services: Services) -> tuple[Route, ...]:
    """All of them."""
    return (
        (f"{JOBS}/jobs", "jobs", {"POST": create, "OPTIONS": list_options}),
        (f"{JOBS}/jobs/<job_id>", "job", {"GET": status, "OPTIONS": job_options}),
    )


def create(api: Surface, call: Call) -> Response:
    """POST: a registered job with its inputs, as JSON or as a form; 201 with the job, which may have ended."""
    jobs = api.own.jobs
    fields = job_translate.fields_of(body_members(), jobs)
    registered = jobs[fields.job]
    api.jobs.check_permission(registered.process_id, call.principal)
    process = api.services.catalogue.visible_to(call.principal).get(registered.process_id)
    request = job_translate.job_request(fields, registered, process)
    submission = Submission(dialect=NAME, wait=ENDS_SOON)
    job = execution.run(api.services, call.principal, registered.process_id, request, submission)
    return _answer(api, call, job, 201, LIST_ALLOWED)


def status(api: Surface, call: Call, job_id: str) -> Response:
    """GET: any job of the caller, of whatever dialect."""
    return _answer(api, call, api.jobs.status(job_id, call.principal), 200, JOB_ALLOWED)


def list_options(_api: Surface, _call: Call) -> Response:
    """OPTIONS of the list."""
    return _described("Processing Job List", LIST_ALLOWED)


def job_options(_api: Surface, _call: Call, job_id: str) -> Response:
    """OPTIONS of a job, whether it is there or not."""
    return _described("Processing Job Instance", JOB_ALLOWED)


def _described(name: str, allowed: str) -> Response:
    """What Django REST framework tells of a view."""
    parses = ["application/json", *FORMS]
    document = {"name": name, "description": "", "renders": ["application/json"], "parses": parses}
    return _with_allow(json_response(document), allowed)


def _answer(api: Surface, call: Call, job: Job, code: int, allowed: str) -> Response:
    document = job_documents.job_document(
        job, _inputs(api, job), job_documents.outputs_text(job, call.base, _reader(api, job))
    )
    return _with_allow(json_response(document, code), allowed)


def _with_allow(response: Response, allowed: str) -> Response:
    response.headers["Allow"] = allowed
    return response


def _inputs(api: Surface, job: Job) -> str:
    """The text of a job's inputs; of those that have not been kept, ``{}``."""
    try:
        specs = api.services.catalogue.get(job.process_id).inputs
    except DragomanError:  # it is not served any more
        specs = {}
    try:
        inputs = api.jobs.inputs(job) if job.request.spooled else job.request.inputs
    except NotFound:
        inputs = {}
    return job_documents.inputs_text(job, inputs, specs)


def _reader(api: Surface, job: Job) -> Any:
    load = loader(api.jobs, job)

    def read(output: Output) -> JSON:
        """The content of a small JSON file; None of any other."""
        if not is_json(output.media_type) or (output.size or 0) > MOST_READ:
            return None
        try:
            return load(output)
        except ResultNotAvailable:
            return None

    return read
