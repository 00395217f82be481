"""A pool without processes: its workers are born, speak and die when the test says so."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any

from dragoman.errors import Unavailable
from dragoman.jobs.engine.job_workers import Key
from dragoman.jobs.stores.sql import SqlStore
from dragoman.model.job import Job
from dragoman.model.worker import WorkerIdentity
from dragoman.workers.pool import Kind, Pool
from dragoman.workers.worker import Ending, Worker


@dataclass
class FakeProcess:
    """As much of a process as the engine looks at."""

    pid: int
    exitcode: int | None = None

    def join(self, timeout: float | None = None) -> None:
        """It has ended."""


@dataclass(eq=False, kw_only=True)
class FakeWorker(Worker[Key, Job]):
    """Keeps what it is told."""

    other_end: socket.socket
    """The process's end of the connection: closed, it has hung up."""
    told: list[Any] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)
    frozen: bool = False
    """Whether its process does nothing any more, and has not read its task."""

    def send(self, message: Any) -> None:
        self.told.append(message)

    def deaf(self, checks: int) -> bool:
        """See ``frozen``."""
        self.checks = self.checks + 1 if self.frozen else 0
        return self.checks >= checks

    def begin_end(self, reason: Ending) -> None:
        self.ending = self.ending or reason
        self.signals.append("TERM")

    def kill(self) -> None:
        self.signals.append("KILL")
        self.kill_at = None

    def kill_rest(self) -> None:
        self.signals.append("REST")


class FakePool(Pool[Key, Job]):
    """The real accounting of slots, over fake workers."""

    def __init__(self, warm: int = 2) -> None:
        self.workers: set[Worker[Key, Job]] = set()
        self.ordered: list[FakeWorker] = []
        self._kind = Kind(main=_no_process, setup=lambda key: key, warm=warm)
        self.short = False
        """Whether there are no descriptors for another worker."""

    def order(self, key: Key, task: Job) -> FakeWorker | None:
        if self.short:
            return None
        ours, theirs = socket.socketpair()
        worker = FakeWorker(key=key, socket=ours, other_end=theirs, task=task)
        self.workers.add(worker)
        self.ordered.append(worker)
        return worker

    def close(self) -> None:
        for worker in self.ordered:
            worker.socket.close()
            worker.other_end.close()


def _no_process(_sock: socket.socket, _setup: Any) -> None:
    raise AssertionError


def bear(worker: FakeWorker, number: int) -> None:
    """Give it a process, as the birth thread does before it announces it."""
    worker.process = FakeProcess(pid=900_000 + number)  # type: ignore[assignment]  # as much as is looked at
    worker.identity = WorkerIdentity(host="h", boot_id="b", pid=900_000 + number, start_time=number)


class FlakyStore(SqlStore):
    """A store that takes no writes while it is ``away``, and does them but cannot say so while it is ``mute``."""

    away = False
    mute = False

    def _check(self) -> None:
        if self.away:
            raise Unavailable("the job store cannot be used: Test")

    def add(self, job: Job, *, queue_limit: int | None = None) -> Job:
        self._check()
        return super().add(job, queue_limit=queue_limit)

    def claim(self, job_id: str, worker: WorkerIdentity, lease: float) -> Job | None:
        self._check()
        return super().claim(job_id, worker, lease)

    def transition(self, job_id: str, target: Any, *, token: str | None = None, **changes: Any) -> Job:
        self._check()
        done = super().transition(job_id, target, token=token, **changes)
        if self.mute:
            raise Unavailable("the job store cannot be used: Test")
        return done

    def report(self, job_id: str, token: str, **changes: Any) -> bool:
        self._check()
        return super().report(job_id, token, **changes)
