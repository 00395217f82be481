"""Warm worker processes of one kind, each for one key: born when needed, kept while few, ended in time.

A process may have several pools, of jobs and of map pictures, say. They share its one forkserver; each has a main
function, modules to preload and tasks of its own. ``watch`` has their events noticed.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dragoman.workers.descriptors import Shortage, beyond_reserve
from dragoman.workers.wear import is_lack
from dragoman.workers.worker import TERM_TIMEOUT, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.workers.forkserver import Birth, Forkserver, Main


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind[Key]:
    """What the workers of one pool are."""

    main: Main
    """What each of them runs, as long as it lives: a function that can be pickled."""
    setup: Callable[[Key], Any]
    """Makes the main function's second argument for a key; what it makes is pickled."""
    preload: tuple[str, ...] = ()
    """Modules that the forkserver imports, so that no worker waits for them."""
    warm: int
    """Idle workers that are kept, of all keys together."""
    grace: Callable[[Key], float] = lambda _key: TERM_TIMEOUT
    """Seconds that a worker of a key has to clean up in before it is killed."""


class Pool[Key, Task]:
    """The workers of one kind. A task may have several of them: order, or begin it with, as many as it needs."""

    def __init__(
        self,
        kind: Kind[Key],
        forkserver: Forkserver,
        announce: Callable[[Pool[Any, Any], Worker[Any, Any]], None],
    ) -> None:
        self.workers: set[Worker[Key, Task]] = set()
        self._kind = kind
        self._forkserver = forkserver
        self._announce = announce
        """Called in the birth thread with each worker that is born."""
        self._shortage = Shortage("no worker can be started")

    @property
    def busy(self) -> int:
        """Slots in use: workers that have a task, or were ordered for one."""
        return sum(worker.task is not None for worker in self.workers)

    def idle(self, key: Key) -> Worker[Key, Task] | None:
        """An idle worker of that key, the one used last; none that has hung up, though its death may not be known."""
        idle = [w for w in self.workers if w.key == key and w.ready and w.task is None and not w.ending]
        idle.sort(key=lambda worker: worker.idle_since, reverse=True)
        return next((worker for worker in idle if worker.connected()), None)

    def order(self, key: Key, task: Task) -> Worker[Key, Task] | None:
        """A new worker for a task; its birth is announced when the task can be begun.

        None where hardly any descriptors are left, which is logged once: to be tried again at the next tick.
        """
        pair = _connection()
        if pair is None:
            self._shortage.begin()
            return None
        self._shortage.end()
        ours, theirs = pair
        worker = Worker[Key, Task](key=key, socket=ours, task=task, grace=self._kind.grace(key))
        self.workers.add(worker)
        setup = partial(self._kind.setup, key)
        born = partial(self._born, worker)
        self._forkserver.fork(self._kind.main, theirs, setup, born, worker.reconnect)
        return worker

    def tick(self) -> None:
        """End the workers whose time is up, and kill those that have not ended: to be called some 20 times a second."""
        now = time.monotonic()
        for worker in list(self.workers):
            if worker.kill_at is not None and now >= worker.kill_at:
                worker.kill()
            if not worker.ending and (why := worker.overdue()):
                worker.begin_end(why)

    def retire(self) -> None:
        """End the idle workers that are outdated, and those beyond ``warm``, the least recently used first.

        To be called when no task waits.
        """
        if len(self.workers) <= self._kind.warm and not any(worker.outdated for worker in self.workers):
            return  # soon, since this is asked after whatever happens in the process
        idle = [worker for worker in self.workers if worker.task is None and not worker.ending]
        idle.sort(key=lambda worker: (not worker.outdated, worker.idle_since))
        outdated = sum(worker.outdated for worker in idle)
        for worker in idle[: max(outdated, len(idle) - self._kind.warm)]:
            worker.begin_end("retired")

    def forget(self, worker: Worker[Key, Task]) -> None:
        """Close what is left of a dead worker."""
        self.workers.discard(worker)
        worker.socket.close()
        if worker.process is not None:
            worker.process.join(0)

    def close(self) -> None:
        """Kill every worker."""
        for worker in list(self.workers):
            worker.kill()

    def _born(self, worker: Worker[Key, Task], birth: Birth) -> None:
        worker.be_born(birth)
        self._announce(self, worker)


def _connection() -> tuple[socket.socket, socket.socket] | None:
    """Both ends; None rather than the last descriptors that there are."""
    try:
        ours, theirs = socket.socketpair()
    except OSError as error:
        if is_lack(error):
            return None
        raise
    if beyond_reserve(max(ours.fileno(), theirs.fileno())):
        ours.close()
        theirs.close()
        return None
    return ours, theirs
