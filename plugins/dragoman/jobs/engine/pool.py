"""The supervisor's view of its workers: born from a forkserver, kept warm, ended with all they started.

starting ──► idle ◄──► busy ──► ending ──► (gone)
               └────────────────────────────►
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from dragoman.jobs.engine import worker
from dragoman.model.process import Runtime
from dragoman.workers import process_tree
from dragoman.workers.framing import FrameReader, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from multiprocessing.context import ForkServerProcess

    import psutil

    from dragoman.jobs.engine.worker import WorkerSetup
    from dragoman.model.job import Job
    from dragoman.model.worker import WorkerIdentity

TERM_TIMEOUT = 0.2
"""Seconds between SIGTERM and SIGKILL."""

UNTOLD = 255
"""The exit code that multiprocessing gives a process whose forkserver has died."""
NURSERY_TIMEOUT = 0.2
"""Seconds to wait for the end of a forkserver that seems to have died."""

type Key = tuple[str, Runtime]
"""A worker belongs to one process and one version of its code for life."""


@dataclass(eq=False, kw_only=True)
class Worker:
    """One worker process and what it is doing."""

    key: Key
    process: ForkServerProcess | None = None
    """None until it is born."""
    socket: socket.socket
    reader: FrameReader = field(default_factory=FrameReader)
    identity: WorkerIdentity | None = None
    ready: bool = False
    """Whether its birth has been announced: a process may be there a moment before that."""
    job: Job | None = None
    """What it runs; a worker with a job holds a slot."""
    claimed: bool = False
    """Whether the job has been claimed for it and it was told to run."""
    deadline: float | None = None
    """Monotonic time by which the job must end."""
    idle_since: float = 0.0
    ending: str = ""
    """Why it is being ended: ``dismissed``, ``timed-out``, ``stopped``, ``retired``; empty while it may go on."""
    kill_at: float | None = None
    """Monotonic time of the SIGKILL to come."""
    tree: list[psutil.Process] = field(default_factory=list)
    """What was below it when its end began."""

    nursery: WorkerIdentity | None = None
    """The forkserver that it was born from, and dies with."""

    def orphaned(self) -> bool:
        """Whether it died only because its forkserver did: then nobody was left to say how it ended.

        A worker that gives this very exit code by itself has a forkserver that lives on.
        """
        if self.nursery is None or self.process is None or self.process.exitcode != UNTOLD:
            return False
        deadline = time.monotonic() + NURSERY_TIMEOUT  # its files close a moment before it is dead
        while (lives := process_tree.lives(self.nursery)) and time.monotonic() < deadline:
            time.sleep(0.01)
        return not lives

    def tell(self, message: Any) -> None:
        """Send it a message; a worker that cannot take it is about to be found dead."""
        with suppress(OSError):
            self.socket.sendall(encode(message))

    def heard(self) -> list[Any] | None:
        """The messages that have come; None if there is nothing, and nothing will come."""
        try:
            data = self.socket.recv(262_144, socket.MSG_DONTWAIT)
            return self.reader.feed(data) if data else None
        except (OSError, ValueError):
            return None

    def begin_end(self, reason: str) -> None:
        """SIGTERM to it and all below it; SIGKILL follows after TERM_TIMEOUT."""
        self.ending = self.ending or reason
        if self.process is None or self.process.pid is None or self.kill_at is not None:
            return
        self.tree = process_tree.descendants(self.process.pid)
        process_tree.send(self.tree, signal.SIGTERM)
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGTERM)
        self.kill_at = time.monotonic() + TERM_TIMEOUT

    def kill(self) -> None:
        """SIGKILL to it, its group and all below it."""
        if self.process is None or self.process.pid is None:
            return
        self.tree += process_tree.descendants(self.process.pid)
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.kill_rest()
        self.kill_at = None

    def kill_rest(self) -> None:
        """SIGKILL to what it has left behind."""
        if self.process is not None and self.process.pid is not None:
            process_tree.kill_group(self.process.pid)
        process_tree.send(self.tree, signal.SIGKILL)


class Pool:
    """Workers by key; at most ``warm`` of them idle."""

    def __init__(
        self, *, warm: int, setup: Callable[[Key], WorkerSetup], born: Callable[[Worker], None]
    ) -> None:
        self.workers: set[Worker] = set()
        self._warm = warm
        self._setup = setup
        self._born = born
        self._orders: SimpleQueue[tuple[Worker, socket.socket] | None] = SimpleQueue()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["dragoman.jobs.engine.preload"])
        forkserver.ensure_running()  # here, in the main thread: the kernel ties its death to this very thread
        threading.Thread(target=self._bear, daemon=True).start()

    @property
    def busy(self) -> int:
        """Slots in use: workers that have a job, or were ordered for one."""
        return sum(worker.job is not None for worker in self.workers)

    def idle(self, key: Key) -> Worker | None:
        """An idle worker of that key, the one used last."""
        idle = [w for w in self.workers if w.key == key and w.ready and w.job is None and not w.ending]
        return max(idle, key=lambda w: w.idle_since, default=None)

    def order(self, key: Key, job: Job) -> Worker:
        """A new worker for a job; ``born`` is called, in the birth thread, when it can be told to run."""
        ours, theirs = socket.socketpair()
        new = Worker(key=key, socket=ours, job=job)
        self.workers.add(new)
        self._orders.put((new, theirs))
        return new

    def surplus(self) -> Iterable[Worker]:
        """Idle workers beyond ``warm``, the least recently used first."""
        idle = sorted((w for w in self.workers if w.job is None and not w.ending), key=lambda w: w.idle_since)
        return idle[: max(0, len(idle) - self._warm)]

    def forget(self, gone: Worker) -> None:
        """A dead worker's last traces."""
        self.workers.discard(gone)
        gone.socket.close()
        if gone.process is not None:
            gone.process.join(0)

    def reap_orphans(self) -> None:
        """Kill and collect whatever dead workers left to this process."""
        with _nursery()._lock:  # a forkserver that is just being started is no orphan
            process_tree.reap_orphans(process_tree.helpers())

    def close(self) -> None:
        """Kill every worker and the forkserver."""
        self._orders.put(None)
        for each in list(self.workers):
            each.kill()
        pid = _nursery()._forkserver_pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _bear(self) -> None:
        """The birth thread: the first fork waits for the preload, and the supervisor must not."""
        while (order := self._orders.get()) is not None:
            new, theirs = order
            process = self._context.Process(
                target=worker.main, args=(theirs, self._setup(new.key)), daemon=False
            )
            try:
                process.start()
            except (OSError, EOFError) as error:
                if isinstance(
                    error, ChildProcessError
                ):  # multiprocessing waits for one that is gone for good
                    _nursery()._forkserver_pid = None
                time.sleep(0.2)  # the forkserver was killed: it is started again by the next attempt
                self._orders.put(order)
                continue
            theirs.close()
            new.process = process
            assert process.pid is not None
            new.identity = process_tree.identity(process.pid)
            new.nursery = process_tree.identity(
                _nursery()._forkserver_pid
            )  # of this very start: here alone it is done
            self._born(new)


def _nursery() -> Any:
    """multiprocessing's forkserver; it offers no other way to know its pid."""
    return forkserver._forkserver
