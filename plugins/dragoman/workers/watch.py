"""Has an event loop notice the births, messages and deaths of workers, and tells the owner of their pool."""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from dragoman.workers.worker import TERM_TIMEOUT, Worker

if TYPE_CHECKING:
    from dragoman.workers.forkserver import Forkserver
    from dragoman.workers.pool import Pool


class Owner[Key, Task](Protocol):
    """Who gives a pool's workers their tasks; all of it is called in the thread of the event loop."""

    def born(self, worker: Worker[Key, Task]) -> None:
        """A worker that was ordered can be sent its task."""

    def heard(self, worker: Worker[Key, Task], message: Any) -> None:
        """A worker has sent a message: JSON, in whatever state its process is."""

    def died(self, worker: Worker[Key, Task]) -> None:
        """A worker is dead, and so is all that it had started; to be forgotten by its pool."""


class WorkerWatch:
    """For one selector, whose events' data are functions of the event's mask; for any number of pools."""

    def __init__(self, selector: selectors.BaseSelector, forkserver: Forkserver) -> None:
        self._selector = selector
        self._forkserver = forkserver
        self._owners: dict[Pool[Any, Any], Owner[Any, Any]] = {}
        self._births: deque[tuple[Pool[Any, Any], Worker[Any, Any]]] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        selector.register(self._wake_in, selectors.EVENT_READ, self._woken)

    def tell[Key, Task](self, owner: Owner[Key, Task], pool: Pool[Key, Task]) -> None:
        """Tell ``owner`` of the pool's workers; to be said before the first is ordered."""
        self._owners[pool] = owner

    def announce(self, pool: Pool[Any, Any], worker: Worker[Any, Any]) -> None:
        """A worker is born; may be called in any thread."""
        self._births.append((pool, worker))
        self._wake_out.send(b"b")

    def _woken(self, _events: int) -> None:
        self._wake_in.recv(4096)
        while self._births:
            pool, worker = self._births.popleft()
            assert worker.process is not None
            owner = self._owners[pool]
            read = partial(self._read, owner, worker)
            self._selector.register(worker.socket, selectors.EVENT_READ, read)
            died = partial(self._died, owner, worker)
            self._selector.register(worker.process.sentinel, selectors.EVENT_READ, died)
            worker.ready = True
            if worker.ending:  # it was not needed any more
                worker.kill()
            else:
                owner.born(worker)

    def _read(self, owner: Owner[Any, Any], worker: Worker[Any, Any], _events: int) -> None:
        messages = worker.receive()
        if messages is None:
            self._selector.unregister(worker.socket)
            if worker.kill_at is None:  # it has died; if not, it cannot be of use any more
                worker.kill_at = time.monotonic() + TERM_TIMEOUT
            return
        for message in messages:
            owner.heard(worker, message)

    def _died(self, owner: Owner[Any, Any], worker: Worker[Any, Any], _events: int) -> None:
        assert worker.process is not None
        while worker.socket in self._selector.get_map():  # what it has sent comes first
            self._read(owner, worker, 0)
        self._selector.unregister(worker.process.sentinel)
        worker.process.join(1)
        worker.kill_rest()
        self._forkserver.reap_orphans()  # nothing of it is left when its owner is told
        owner.died(worker)
