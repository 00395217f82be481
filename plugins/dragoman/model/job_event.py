"""What happened to a job, and when: its history, which its own fields do not tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dragoman.model.worker import WorkerIdentity


class EventKind(StrEnum):
    """In one attempt each happens once at most, and in this order."""

    CREATED = "created"
    ACCEPTED = "accepted"
    RUNNING = "running"
    """A worker has claimed it."""
    REQUEUED = "requeued"
    """Its run ended through no fault of its own; it waits to run again."""
    SUCCESSFUL = "successful"
    FAILED = "failed"
    DISMISSED = "dismissed"


ORDER = {kind: number for number, kind in enumerate(EventKind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One of them."""

    kind: EventKind
    attempt: int
    """Runs begun so far, from 1; 0 is before the first."""
    moment: datetime
    """UTC and aware."""
    worker: WorkerIdentity | None = None
    """Who ran that attempt."""
    why: str = ""
    """Why it waits again; how it ended is told by the job itself."""

    @property
    def place(self) -> tuple[int, int]:
        """Sorts the events of one job as they happened."""
        return self.attempt, ORDER[self.kind]
