"""How one mount of the OGC resources differs from the standard's own; CCP is OGC with other habits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.model.job import Job, JobQuery
    from dragoman.model.process import JSON, Process


def as_it_is(job: Job) -> Job:
    """The job unchanged."""
    return job


def query_as_it_is(query: JobQuery) -> JobQuery:
    """The query unchanged."""
    return query


def body_as_it_is(body: JSON, process: Process) -> JSON:
    """The body of an execution unchanged."""
    return body


def document_as_it_is(document: dict[str, JSON]) -> dict[str, JSON]:
    """The API document unchanged."""
    return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What may differ; the defaults are OGC's."""

    name: str = "ogc"
    """What its jobs are marked with; one mount of each name."""
    prefix: str = ""
    """The path that its resources lie below; it words every error there."""
    always_async: bool = False
    """Whether an execution is answered with the job (201) at once, whatever Prefer or the process says."""
    pages: bool = True
    """Whether Accept and ``f`` may ask for a page; if not, every document is JSON and neither counts."""
    reads_as: Callable[[Job], Job] = as_it_is
    """The job whose state and message a client is told in place of the real one's."""
    asks: Callable[[JobQuery], JobQuery] = query_as_it_is
    """The jobs that a list is to show, given those that a client asked for in the words of ``reads_as``."""
    body: Callable[[JSON, Process], JSON] = body_as_it_is
    """The body of an execution in OGC's form, given what clients of this mount send."""
    shows_reserved: bool = False
    """Whether the description of a process tells of the inputs that every process takes."""
    api_document: Callable[[dict[str, JSON]], dict[str, JSON]] = document_as_it_is
    """The API document of this mount, given OGC's."""


STANDARD: Final = Habits()
"""Those of OGC API - Processes at the root."""
