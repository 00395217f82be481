"""The one line of the log on each job's end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.packages.digest import short

if TYPE_CHECKING:
    from dragoman.model.job import Job

MOST: Final = 200
"""Characters of why it failed."""


def ending(job: Job) -> str:
    """How a job ended: state, process, owner, seconds that it waited and ran, its last run, and why if it failed."""
    begun = job.started or job.finished or job.updated
    waited, ran = begun - job.created, (job.finished or job.updated) - begun
    words = [
        f"job {job.id} {job.status}: {job.process_id} {_version(job)}",
        f"{job.mode} for {job.principal.id}",
        f"waited {waited.total_seconds():.1f} s",
        f"ran {ran.total_seconds():.1f} s",
        f"run {job.attempts}",
    ]
    if job.failure is not None:
        words.append(f"{job.failure.code}: {' '.join(job.failure.detail.split())[:MOST]}")
    return ", ".join(words)


def _version(job: Job) -> str:
    digest = job.runtime.digest
    return f"{job.process_version} ({short(digest)})" if digest else job.process_version
