"""The request of a task's job, once its assets are there: the files, and what its client said of each."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from dragoman.jobs.engine.live_task import stored_name
from dragoman.jobs.json_codec import dump_inputs
from dragoman.jobs.submission import INLINE_REQUEST
from dragoman.model.job import InputValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.jobs.engine.run_files import RunFiles
    from dragoman.model.job import Job, JobRequest
    from dragoman.model.task import Asset, TaskPlan


def request_of(job: Job, plan: TaskPlan, assets: Sequence[Asset]) -> JobRequest:
    """The request of a job that was being put together, with its assets as further inputs, in order."""
    files = tuple(InputValue(kept=stored_name(each), media_type=each.media_type or None) for each in assets)
    inputs = {**job.request.inputs, plan.assets_input: files}
    if plan.attributes_input is not None:
        objects = [{**each.attributes, "file_name": each.file_name} for each in assets]
        values = [objects] if plan.attributes_listed else objects
        inputs[plan.attributes_input] = tuple(InputValue(value=value) for value in values)
    return replace(job.request, inputs=inputs)


def spooled(job_id: str, request: JobRequest, files: RunFiles) -> JobRequest:
    """The request, with inputs too large for the store kept beside it; raises OSError."""
    text = json.dumps(dump_inputs(request.inputs))
    if len(text) <= INLINE_REQUEST:
        return request
    files.results.save_request(job_id, text)
    return replace(request, inputs={}, spooled=True)
