"""How a task ended, in the proposal's words: what kind of result it has, and what is to be said of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.model.status import JobStatus
from dragoman.schemas.media_types import essence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragoman.jobs.task_service import TaskView
    from dragoman.model.job import Job, Output
    from dragoman.model.task import Asset

ENDED: Final = "COMPLETED"
DISMISSED: Final = "the task was cancelled"
PAGE: Final = "text/html"


def result_type(view: TaskView) -> str:
    """JSON, STREAM or WEBSITE; a task that failed has a JSON result that says so."""
    if view.job.status is not JobStatus.SUCCESSFUL:
        return "JSON"
    wanted = view.task.plan.result_type
    if wanted == "WEBSITE" and page_of(view.job) is None:
        wanted = "auto"
    if wanted != "auto":
        return wanted
    outputs = list(view.job.outputs.values())
    return "JSON" if len(outputs) == 1 and is_value(outputs[0]) else "STREAM"


def is_value(output: Output) -> bool:
    """Whether an output is one JSON value, rather than a file or files."""
    return output.file is None and not output.items


def files_of(job: Job) -> Iterator[Output]:
    """Every output that is a file, those of lists singly; deleted ones are left out."""
    for output in job.outputs.values():
        for each in output.items or (output,):
            if each.file is not None:
                yield each


def page_of(job: Job) -> Output | None:
    """The page of a website: the first file that is one."""
    return next((each for each in files_of(job) if essence(each.media_type) == PAGE), None)


def reason_of(job: Job) -> str:
    """Why a task that has ended has no result; empty where it has one."""
    if job.status is JobStatus.DISMISSED:
        return DISMISSED
    return job.failure.detail if job.failure is not None else ""


def message_of(view: TaskView, failed: Sequence[Asset]) -> str | None:
    """What is said of a task beside its state: why it failed, or which files it does without; None: nothing."""
    reason = reason_of(view.job)
    if reason or not view.tally.failed:
        return reason or None
    named = "; ".join(f"{asset.file_name}: {asset.reason}" for asset in failed)
    more = view.tally.failed - len(failed)
    rest = f"; and {more} more" if more else ""
    return f"{view.tally.failed} of {view.tally.announced} assets could not be had: {named}{rest}"
