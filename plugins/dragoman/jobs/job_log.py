"""The log of a job as one text: what its ended runs printed, then what the present one has printed so far."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from dragoman.jobs.ports import Executor, ResultStore
    from dragoman.model.job import Job

PART: Final = 1024**2
"""Bytes of a log that are given at once."""


def log_part(job: Job, offset: int, results: ResultStore, executor: Executor) -> bytes:
    """At most PART bytes of it from ``offset`` on.

    The ended runs are read first: what the present one printed is out of its worker's file before it is in their
    log, so a run that ends meanwhile is missing for a moment, and never there twice.
    """
    ended = results.log(job.id)
    size = ended.size if ended is not None else 0
    part = b""
    if ended is not None and offset < size:
        with closing(ended.blocks(offset, min(size, offset + PART))) as blocks:
            part = b"".join(blocks)
    if job.status is JobStatus.RUNNING and len(part) < PART:
        part += executor.printed(job, max(0, offset - size), PART - len(part))
    return part
