"""From the core to the wire: the state of a job, where its results lie, and the outputs themselves. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from dragoman.errors import NoSuchOutput
from dragoman.model.status import JobStatus
from dragoman.schemas.media_types import kind_of
from dragoman.web.links import url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.adapters.pesto.contract import Contract
    from dragoman.model.job import Job, Output
    from dragoman.model.process import JSON
    from dragoman.web.result_values import Load

WORDS: Final[Mapping[JobStatus, str]] = {
    JobStatus.CREATED: "ACCEPTED",
    JobStatus.ACCEPTED: "ACCEPTED",
    JobStatus.RUNNING: "RUNNING",
    JobStatus.SUCCESSFUL: "DONE",
    JobStatus.FAILED: "FAILED",
    JobStatus.DISMISSED: "CANCELLED",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One result as it is fetched by itself: an output, or one image of a list."""

    output: Output
    """The output, or the image."""
    index: int | None = None
    """Of the image in the list ``output_id``, from 0."""
    output_id: str


def job_url(job: Job, root: str, *segments: str) -> str:
    """A URL of the job; ``root`` is the URL before ``/api/v1``."""
    return url(f"{root}/api/v1/jobs", job.id, *segments)


def status(job: Job, root: str) -> dict[str, JSON]:
    """The state of a job, with what it says of itself; once it is done, a link to its results instead."""
    message = job.failure.detail if job.failure is not None else job.message
    done = job.status is JobStatus.SUCCESSFUL
    document: dict[str, JSON] = {
        "status": WORDS[job.status],
        "progress": 100 if done else max(0, min(100, job.progress)),
    }
    if done:
        document["link"] = job_url(job, root, "results")
    elif message:
        document["message"] = message
    return document


def results(job: Job, contract: Contract, root: str) -> dict[str, JSON]:
    """Where each output lies; of a list of images each, in order. What is null, or deleted, has no place."""
    document: dict[str, JSON] = {}
    for output in job.outputs.values():
        if is_list(output, contract):
            document[output.id] = [
                job_url(job, root, "results", f"{output.id}{index}")
                for index, item in enumerate(output.items)
                if _is_there(item)
            ]
        elif _is_there(output):
            document[output.id] = job_url(job, root, "results", output.id)
    return document


def is_list(output: Output, contract: Contract) -> bool:
    """Whether an output is a list of images, each fetched by itself; an empty one has the value []."""
    declared = contract.kind(output.id) == "images"
    return bool(output.items) or (output.file is None and output.value is not None and declared)


def part(job: Job, contract: Contract, result_id: str) -> Part:
    """What ``results`` gave that name to; raises NoSuchOutput, also for what is deleted."""
    output = job.outputs.get(result_id)
    if output is not None and not is_list(output, contract) and _is_there(output):
        return Part(output=output, output_id=output.id)
    for each in job.outputs.values():
        index = _index(result_id, each.id)
        if index is not None and is_list(each, contract) and index < len(each.items):
            item = each.items[index]
            if _is_there(item):
                return Part(output=item, index=index, output_id=each.id)
    raise NoSuchOutput(f"job '{job.id}' has no result '{result_id[:100]}' (any more)")


def _is_there(output: Output) -> bool:
    """Whether there is anything to fetch: neither null nor deleted."""
    return output.file is not None or output.value is not None


def _index(result_id: str, list_id: str) -> int | None:
    """The 7 of ``tiles7``, for the list ``tiles``."""
    number = result_id.removeprefix(list_id)
    written = result_id.startswith(list_id) and number.isascii() and number.isdecimal() and len(number) < 10
    return int(number) if written and number == str(int(number)) else None


def form(part: Part, contract: Contract) -> Literal["binary", "text", "json"]:
    """How a result is sent by itself: a string or a number as text, a file as its bytes, the rest as JSON."""
    output = part.output
    if output.file is not None and kind_of(output.media_type) == "binary":
        return "binary"
    of_list = part.index is not None and kind_of(output.media_type) == "text"
    return "text" if of_list or contract.kind(part.output_id) == "text" else "json"


def outputs(job: Job, contract: Contract, load: Load) -> dict[str, JSON]:
    """The outputs themselves, as the answer of a stateless process: images as base64."""
    return {output.id: value(output, contract, load) for output in job.outputs.values()}


def value(output: Output, contract: Contract, load: Load) -> JSON:
    """One output in a document."""
    if is_list(output, contract):
        return [load(item) for item in output.items if _is_there(item)]
    return output.value if output.file is None else load(output)
