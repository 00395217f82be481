"""A dataset session as the supervisor has it in memory: its row, who waits for it, and what is ready."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dragoman.datasets.batch_files import discard
from dragoman.datasets.configuration import is_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.datasets.configuration import SessionConfiguration
    from dragoman.errors import DatasetError
    from dragoman.jobs.engine.guests import Answer
    from dragoman.model.dataset_session import DatasetSession
    from dragoman.model.process import JSON

RECENT: Final = 60.0
"""Seconds over which the rate of a session is measured."""


@dataclass(eq=False, slots=True, kw_only=True)
class Waiter:
    """Somebody who waits for a batch."""

    answer: Answer
    gone: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a batch cannot be made."""

    error: DatasetError
    deadly: bool = False
    """Whether its making killed loaders, and nobody has been told: it is not tried again unasked."""


@dataclass(eq=False, slots=True, kw_only=True)
class LiveSession:
    """A session that has been asked for since the supervisor began."""

    session: DatasetSession
    configuration: SessionConfiguration
    opened: bool = False
    """Whether the present loader has it, or is going to be told."""
    opening: bool = False
    """Whether the loader was told, and has not said that it is open."""
    openings: int = 0
    """How often a loader has died while it opened this session, since it could last be opened."""
    asked: float = field(default_factory=time.monotonic)
    """Monotonic time at which somebody asked for it last."""
    new: Answer | None = None
    """Who waits for the session to be made."""
    waiters: deque[Waiter] = field(default_factory=deque)
    ready: dict[int, str] = field(default_factory=dict)
    """The file of each batch that can be handed out."""
    failed: dict[int, Failure] = field(default_factory=dict)
    """Batches that cannot be made, by number."""
    handed: deque[float] = field(default_factory=lambda: deque(maxlen=50))
    """Monotonic times of the last batches handed out."""

    @property
    def body_size(self) -> int:
        """Bytes of each batch; 0 until that is known."""
        return int(self.session.description.get("body_size", 0))

    def over(self) -> bool:
        """Whether there is no further batch."""
        records = int(self.session.description["record_count"])
        return is_over(self.configuration, records, self.session.position)

    def next_unready(self) -> int:
        """The number of the first batch that is to be made."""
        number = self.session.position
        while number in self.ready:
            number += 1
        return number

    def add_ready(self, number: int, path: str) -> None:
        """Keep a batch to be handed out; one that has been handed out already is not needed twice."""
        if number < self.session.position or number in self.ready:
            discard(path)
        else:
            self.ready[number] = path
            self.failed.pop(number, None)


def state_of(live: LiveSession) -> JSON:
    """Where a session is, and who waits for whom: what people ask for when training is slow."""
    session, description = live.session, live.session.description
    recent = [moment for moment in live.handed if time.monotonic() - moment < RECENT]
    seconds = recent[-1] - recent[0] if len(recent) > 1 else 0.0
    return {
        "position": session.position,
        "epoch": session.position * live.configuration.batch_size // int(description["record_count"]),
        "batch_count": description["batch_count"],
        "batches_per_second": round((len(recent) - 1) / seconds, 2) if seconds else 0.0,
        "waiting_for": _waiting_for(live),
        "manifest_records": description["manifest_records"],
    }


def _waiting_for(live: LiveSession) -> str:
    if live.over():
        return "nothing: the dataset is at its end"
    failure = live.failed.get(live.session.position)
    if failure is not None:
        return f"the client, to ask again: {failure.error.detail}"
    if live.ready and not live.waiters:
        return "the client: batches are ready"
    return "the loader: batches are being made" if live.opened else "the client: nothing has been asked for"
