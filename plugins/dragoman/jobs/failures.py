"""What a client may know of an error, and the error that a failed job ended with."""

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
from dragoman.jobs.path_redaction import hide_paths
from dragoman.model.job import Job, JobFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILURES: Final[Mapping[str, type[DragomanError]]] = {
    cls.code: cls for cls in (AlgorithmError, OutputError, TimedOut, OutOfMemory, WorkerLost)
}

MAX_TEXT: Final = 4000
"""Characters of a failure or a message that clients are told; the job's log keeps all."""


def describe_failure(error: BaseException) -> JobFailure:
    """The failure of a job whose run raised this error: the message without local paths, never a traceback."""
    if isinstance(error, InvalidInputs):
        problems = tuple((_text(each.input_id), _public(each.message)) for each in error.problems)
        return JobFailure(code=error.code, detail=_public(error.detail), problems=problems)
    if isinstance(error, MemoryError):
        return JobFailure(code=OutOfMemory.code, detail="the job ran out of memory")
    if isinstance(error, DragomanError):
        return JobFailure(code=error.code, detail=_public(error.detail))
    text = _public(error)
    name = type(error).__name__
    return JobFailure(code=AlgorithmError.code, detail=f"{name}: {text}" if text else name)


def failure_of(job: Job) -> DragomanError:
    """The error that a failed job ended with: InvalidInputs where the caller was at fault."""
    failure = job.failure or JobFailure(code=AlgorithmError.code, detail=job.message)
    if failure.callers_fault:
        return InvalidInputs(InputProblem(input_id=i, message=m) for i, m in failure.problems)
    return FAILURES.get(failure.code, AlgorithmError)(failure.detail)


def shortened(text: str) -> str:
    """The text, at most MAX_TEXT characters of it."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # an author's own __str__ may raise anything
        return "its message cannot be shown"


def _public(value: object) -> str:
    """The text of a value with local paths hidden, shortened; what is cut ends in an ellipsis."""
    text = _text(value)
    searched = text[: 2 * MAX_TEXT]  # the search for paths takes time
    return shortened(hide_paths(searched).strip() + ("" if searched == text else "…"))
