"""The states of a job and the only ways between them.

created ──► accepted ──► running ──► successful
   │          │  ▲         │ │ └───► failed
   │          │  └─────────┘ │
   │          │   run again  │
   ├──────────┼──────────────┴─────► dismissed
   └──────────┴────────────────────► failed   (cannot be put together, or started)
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from dragoman.errors import IllegalTransition


class JobStatus(StrEnum):
    """OGC 18-062r2, statusCode, and ``created`` of the draft of Part 4."""

    CREATED = "created"
    """Is being put together: kept, but nothing waits to run it until it is accepted."""
    ACCEPTED = "accepted"
    """Committed to the store; waits for a worker, for the first time or again."""
    RUNNING = "running"
    """A worker has it."""
    SUCCESSFUL = "successful"
    """Every declared output is there."""
    FAILED = "failed"
    """``Job.failure`` says why."""
    DISMISSED = "dismissed"
    """Cancelled: nothing of it runs, and its files are gone."""

    @property
    def in_part_1(self) -> JobStatus:
        """The state as OGC's Part 1, and every dialect without ``created``, words it: accepted."""
        return JobStatus.ACCEPTED if self is JobStatus.CREATED else self

    @property
    def finished(self) -> bool:
        """Whether the job has come to its end."""
        return self in FINISHED


PART_1 = tuple(status for status in JobStatus if status.in_part_1 is status)
"""The states that OGC's Part 1 has a word for."""

FINISHED = frozenset({JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.DISMISSED})

TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.CREATED: frozenset({JobStatus.ACCEPTED, JobStatus.DISMISSED, JobStatus.FAILED}),
    JobStatus.ACCEPTED: frozenset({JobStatus.RUNNING, JobStatus.DISMISSED, JobStatus.FAILED}),
    JobStatus.RUNNING: frozenset(
        {JobStatus.ACCEPTED, JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.DISMISSED}
    ),
    JobStatus.SUCCESSFUL: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.DISMISSED: frozenset(),
}


def sources(target: JobStatus) -> frozenset[JobStatus]:
    """The states from which ``target`` may be reached."""
    return frozenset(status for status, targets in TRANSITIONS.items() if target in targets)


def check_transition(current: JobStatus, target: JobStatus) -> None:
    """Raise IllegalTransition unless ``current`` may become ``target``."""
    if target not in TRANSITIONS[current]:
        raise IllegalTransition(f"a job that is {current} cannot become {target}")
