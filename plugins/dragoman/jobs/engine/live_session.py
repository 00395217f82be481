"""A dataset session as the supervisor has it in memory: its row, who waits for it, and what is ready."""

from __future__ import annotations

import os
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

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


@dataclass(eq=False, slots=True, kw_only=True)
class LiveSession:
    """A session that has been asked for since the supervisor began."""

    session: DatasetSession
    configuration: SessionConfiguration
    opened: bool = False
    """Whether the present loader has it, or is going to be told."""
    new: Answer | None = None
    """Who waits for the session to be made."""
    waiters: deque[Waiter] = field(default_factory=deque)
    ready: dict[int, str] = field(default_factory=dict)
    """The file of each batch that can be handed out."""
    failed: dict[int, DatasetError] = field(default_factory=dict)
    """Why a batch cannot be made."""
    handed: deque[float] = field(default_factory=lambda: deque(maxlen=50))
    """Monotonic times of the last batches handed out."""

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

    def discard_ready(self) -> None:
        """Delete what is ready."""
        for path in self.ready.values():
            discard(path)
        self.ready.clear()


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


def discard(path: str) -> None:
    """Delete the file of a batch."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def _waiting_for(live: LiveSession) -> str:
    if live.over():
        return "nothing: the dataset is at its end"
    failure = live.failed.get(live.session.position)
    if failure is not None:
        return f"the client, to ask again: {failure.detail}"
    if live.ready and not live.waiters:
        return "the client: batches are ready"
    return "the loader: batches are being made" if live.opened else "the client: nothing has been asked for"
