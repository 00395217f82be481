"""A job's request, to be sent again: as its client sent it, or else in the form of OGC 18-062r2 (execute.yaml)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from dragoman.errors import NoSuchJob, NotFound
from dragoman.jobs.json_codec import load_inputs
from dragoman.schemas.ogc_values import request_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.jobs.ports import ResultStore
    from dragoman.model.job import Job, JobRequest
    from dragoman.model.process import JSON, InputSpec


def sent_request(job: Job, results: ResultStore, specs: Mapping[str, InputSpec]) -> JSON:
    """The request of a job as ``JobStore.get`` gives it; raises NotFound where none can be had.

    ``specs`` are the inputs of its process, empty if that is not known any more.
    """
    text = job.request_as_sent
    if text is None:
        text = results.load_sent(job.id)
    if text is not None:
        return json.loads(text)
    return _in_ogc_form(job, results, specs)


def whole_request(job: Job, results: ResultStore) -> tuple[JobRequest, str | None]:
    """The request of a job to be run again, and its text as the client sent it, if that was kept.

    Raises NotFound where its inputs are not there any more.
    """
    text = job.request_as_sent if job.request_as_sent is not None else results.load_sent(job.id)
    return replace(_with_inputs(job, results), repeats=job.id), text


def _in_ogc_form(job: Job, results: ResultStore, specs: Mapping[str, InputSpec]) -> JSON:
    """What the core knows of the request: of another dialect, or from before requests were kept as sent."""
    request = job.request
    if request.roi is not None:
        raise NotFound(
            f"the request of job '{job.id}' crops its images, which OGC's form of a request cannot say"
        )
    return request_document(_with_inputs(job, results), specs)


def _with_inputs(job: Job, results: ResultStore) -> JobRequest:
    """The request with the inputs that lie beside the row; files that were gathered for it are not kept."""
    request = _loaded(job, results)
    if request.gathered:
        raise NotFound(f"the files that job '{job.id}' ran on were gathered for it alone, and are not kept")
    return request


def _loaded(job: Job, results: ResultStore) -> JobRequest:
    if not job.request.spooled:
        return job.request
    try:
        inputs = load_inputs(json.loads(results.load_request(job.id)))
    except NoSuchJob:
        raise NotFound(
            f"the request of job '{job.id}' is not there any more: it was too large to be kept when the job"
            " failed, and what its client sent was not kept either"
        ) from None
    return replace(job.request, inputs=inputs, spooled=False)
