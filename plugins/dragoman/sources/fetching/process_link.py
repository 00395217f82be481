"""The supervisor's link to one fetching process: what it was told to fetch, and what it has not read yet."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dragoman.sources.fetching.messages import Begin, Drop, dump
from dragoman.workers.framing import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.sources.fetching.messages import Fetched, FetchFailed, FetchTask, Order
    from dragoman.workers.worker import Worker

type FetcherWorker = Worker[str, str]


@dataclass(eq=False, slots=True, kw_only=True)
class Errand:
    """One file that somebody waits for."""

    ticket: int
    task: FetchTask
    on_done: Callable[[Fetched | FetchFailed], None]
    on_ended: Callable[[], None] | None = None
    """Of one that is cancelled: called once no file of it is written any more."""
    cancelled_at: float | None = None
    """Monotonic time."""
    overdue_at: float = 0.0
    """Monotonic time after which its process must hang."""
    deaths: int = 0
    """Processes that died while they fetched it."""


@dataclass(eq=False, slots=True, kw_only=True)
class ProcessLink:
    """One fetching process, and the errands that it is on."""

    worker: FetcherWorker
    errands: dict[int, Errand] = field(default_factory=dict)
    """By ticket."""
    idle_since: float = 0.0
    """Monotonic time at which it had none any more."""
    _unsent: bytearray = field(default_factory=bytearray)
    """Orders that wait for its birth, or until its socket takes them."""

    def begin(self, errand: Errand) -> None:
        """Have it fetch a file."""
        self.errands[errand.ticket] = errand
        task = errand.task
        self._tell(Begin(ticket=errand.ticket, url=task.url, target=str(task.target)))

    def drop(self, errand: Errand) -> None:
        """Have it end the transfer of a file."""
        self._tell(Drop(ticket=errand.ticket))

    def flush(self) -> None:
        """Send what it takes: one that hangs holds up nobody."""
        if self.worker.ready and self._unsent:
            with suppress(OSError):  # it is full; or dead, which is found out soon
                del self._unsent[: self.worker.socket.send(self._unsent, socket.MSG_DONTWAIT)]

    def _tell(self, order: Order) -> None:
        self._unsent += encode(dump(order))
        self.flush()
