"""What a failed job ended with, as the error that was raised in its run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.errors import (
    AlgorithmError,
    DragomanError,
    InputProblem,
    InvalidInputs,
    OutOfMemory,
    OutputError,
    TimedOut,
    WorkerLost,
)
from dragoman.model.job import Job, JobFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILURES: Final[Mapping[str, type[DragomanError]]] = {
    cls.code: cls for cls in (AlgorithmError, OutputError, TimedOut, OutOfMemory, WorkerLost)
}


def failure_of(job: Job) -> DragomanError:
    """The error that a failed job ended with: InvalidInputs where the caller was at fault."""
    failure = job.failure or JobFailure(code=AlgorithmError.code, detail=job.message)
    if failure.callers_fault:
        return InvalidInputs(InputProblem(input_id=i, message=m) for i, m in failure.problems)
    return FAILURES.get(failure.code, AlgorithmError)(failure.detail)
