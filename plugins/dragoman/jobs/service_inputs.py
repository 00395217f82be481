"""Inputs that are steps of map services: looked up when a job is made, for whoever makes it."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from dragoman.errors import MOST_PROBLEMS, InputProblem, InvalidInputs, InvalidRequest
from dragoman.maps.references import is_service, resolve_reference

if TYPE_CHECKING:
    from dragoman.maps.references import Services
    from dragoman.model.job import InputValue, JobRequest
    from dragoman.model.principal import Principal


def with_service_steps(
    request: JobRequest, services: Services, principal: Principal, job_id: str
) -> JobRequest:
    """The request of a new job with each reference to a map service resolved, and its file held for the job.

    Raises InvalidInputs that names every wrong one, and then holds nothing. One that was resolved before, of a job
    that is run again, is looked up anew: services come and go.
    """
    if not any(_refers(value) for values in request.inputs.values() for value in values):
        return request
    problems: list[InputProblem] = []

    def resolved(input_id: str, value: InputValue) -> InputValue:
        if not _refers(value):
            return value
        try:
            step = resolve_reference(str(value.href), services, principal)
        except InvalidRequest as error:
            problems.append(InputProblem(input_id=input_id, message=error.detail))
            return value
        return replace(value, service=step)

    inputs = {
        input_id: tuple(resolved(input_id, value) for value in values)
        for input_id, values in request.inputs.items()
    }
    if problems:
        raise InvalidInputs(problems[:MOST_PROBLEMS], more=len(problems[MOST_PROBLEMS:]))
    numbers = count()
    held = {
        input_id: tuple(
            value
            if value.service is None
            else replace(value, service=services.hold(job_id, next(numbers), value.service))
            for value in values
        )
        for input_id, values in inputs.items()
    }
    return replace(request, inputs=held)


def _refers(value: InputValue) -> bool:
    return value.href is not None and is_service(value.href)
