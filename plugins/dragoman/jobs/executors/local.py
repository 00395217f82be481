"""The Executor on the embedded engine: finds the supervisor of this HOME, or starts it, and asks it."""

from __future__ import annotations

import os
import threading
import time
import weakref
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from dragoman.errors import NoSuchJob, Unavailable
from dragoman.jobs.executors.exchange import Silence, exchange
from dragoman.jobs.executors.supervisor_link import SupervisorLink
from dragoman.jobs.host_id import known_host_id
from dragoman.jobs.log_spools import LogSpools
from dragoman.jobs.rendezvous import file_identity
from dragoman.jobs.supervisor_requests import (
    AskGuest,
    Changed,
    Dismiss,
    FiguresAre,
    GuestAnswer,
    Health,
    JobIs,
    KeepSha256,
    ReadFigures,
    Refused,
    Remove,
    RemoveOutput,
    Submit,
    Wait,
)
from dragoman.workers.framing import Disconnected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragoman.jobs.engine_figures import EngineFigures
    from dragoman.jobs.engine_settings import EngineSettings
    from dragoman.jobs.rendezvous import FileIdentity
    from dragoman.jobs.supervisor_requests import Reply, Request
    from dragoman.model.job import Job
    from dragoman.model.process import JSON
    from dragoman.workers.framing import Channel

PROBE = 2.0
"""Seconds in which the engine must say that it is well."""


class LocalExecutor:
    """See ``dragoman.jobs.ports.Executor``. Safe for threads, and across a fork.

    ``command`` starts a supervisor that reads its pickled EngineSettings from standard input. While one is being
    started, or does not answer, up to ``max_waiting`` threads wait for it, and others are refused at once; None: all
    wait.
    """

    def __init__(
        self, settings: EngineSettings, command: Sequence[str], *, max_waiting: int | None = None
    ) -> None:
        self._link = SupervisorLink(settings, command, max_waiting)
        self._home = settings.home
        self._spools = LogSpools(settings.home)
        self._lock = threading.Lock()
        self._idle: list[Channel] = []
        self._max_waiting = max_waiting
        self._silence = Silence(max_waiting)
        self._home_identity: FileIdentity | None = None
        """Which folder HOME was at the first request."""
        os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    def start(self) -> None:
        """Have a supervisor of this very build and these settings; an older one is replaced."""
        self._link.start()
        self._check_home()

    def submit(
        self, job: Job, wait: float | None = 0.0, abandoned: Callable[[], bool] = lambda: False
    ) -> Job:
        """See the port."""
        deadline = _deadline(wait)
        try:
            reply = self._ask(Submit(job=job, wait=wait), abandoned=abandoned)
        except Disconnected:
            return self._resubmit(job, deadline, abandoned)
        return job if reply is None else _job(reply, job)

    def wait(self, job_id: str, timeout: float | None) -> Job:
        """See the port."""
        waited = self._wait(job_id, _deadline(timeout))
        assert waited is not None
        return waited

    def _wait(
        self, job_id: str, deadline: float | None, abandoned: Callable[[], bool] = lambda: False
    ) -> Job | None:
        while True:
            try:
                request = Wait(job_id=job_id, timeout=_left(deadline))
                reply = self._ask(request, resumed=True, abandoned=abandoned)
            except Disconnected:  # the supervisor died: the next one goes on with the job
                continue
            return None if reply is None else _job(reply)

    def dismiss(self, job_id: str) -> Job:
        """See the port."""
        return _job(self._ask_again(Dismiss(job_id=job_id)))

    def remove(self, job_id: str) -> None:
        """See the port."""
        self._ask_again(Remove(job_id=job_id))

    def remove_output(self, job_id: str, output_id: str, item: int | None = None) -> None:
        """See the port."""
        self._ask_again(RemoveOutput(job_id=job_id, output_id=output_id, item=item))

    def printed(self, job: Job, offset: int, limit: int) -> bytes:
        """See the port; no engine is asked, nor started."""
        if job.worker is None or job.worker.host != known_host_id(self._home):
            return b""
        return self._spools.read(job.worker.pid, offset, limit)

    def keep_sha256(self, job_id: str, output_id: str, sha256: str, item: int | None = None) -> None:
        """See the port."""
        self._ask_again(KeepSha256(job_id=job_id, output_id=output_id, sha256=sha256, item=item))

    def ask_guest(self, guest: str, body: JSON, abandoned: Callable[[], bool] = lambda: False) -> JSON:
        """See the port."""
        try:
            reply = self._ask(AskGuest(guest=guest, body=body), abandoned=abandoned)
        except Disconnected as error:
            raise Unavailable("the engine died while it was asked; try again", retry_after=1) from error
        return reply.body if isinstance(reply, GuestAnswer) else None

    def alive(self) -> bool:
        """See the port; within PROBE seconds."""
        reply = self._link.ask_soon(Health(), PROBE)
        if isinstance(reply, Refused):
            raise reply.error
        if reply is None and file_identity(self._home) is None:
            raise Unavailable("HOME is gone, and with it the way to the engine")
        self._check_home()
        return reply is not None

    def figures(self) -> EngineFigures:
        """See the port; within PROBE seconds."""
        reply = self._link.ask_soon(ReadFigures(), PROBE)
        if not isinstance(reply, FiguresAre):
            raise Unavailable("the engine does not answer in time")
        return reply.figures

    def close(self) -> None:
        """See the port."""
        with self._lock:
            idle, self._idle = self._idle, []
        for channel in idle:
            channel.close()
        self._link.close()

    # -- within ----------------------------------------------------------------------------------------

    def _ask_again(self, request: Request) -> Reply:
        """Ask, and once more of the next supervisor if one dies: for requests that may be repeated."""
        for _ in range(2):
            with suppress(Disconnected):
                reply = self._ask(request)
                assert reply is not None
                return reply
        raise Unavailable("the supervisor died twice while it was asked")

    def _ask(
        self, request: Request, *, resumed: bool = False, abandoned: Callable[[], bool] = lambda: False
    ) -> Reply | None:
        """One request, one reply; None once it is ``abandoned``.

        Raises the error that the reply holds, Unavailable if the engine is silent, or Disconnected if the supervisor
        died in between.
        """
        if not resumed:
            self._check_home()
            self._silence.admit()
        channel = self._channel(resumed=resumed)
        reply = None
        try:
            reply = exchange(channel, request, self._silence, abandoned=abandoned, resumed=resumed)
        finally:
            if reply is None:
                channel.close()
        if reply is not None and channel.socket.fileno() >= 0:
            with self._lock:
                self._idle.append(channel)
        if isinstance(reply, Refused):
            raise reply.error
        return reply

    def _check_home(self) -> None:
        """Refuse, by raising Unavailable, what would be accepted in another HOME than this process reads from."""
        now = file_identity(self._home)
        if self._home_identity is None:
            self._home_identity = now
        elif now is not None and now != self._home_identity:
            raise Unavailable("HOME is another folder than it was; restart the server")

    def _resubmit(self, job: Job, deadline: float | None, abandoned: Callable[[], bool]) -> Job:
        """A submission whose answer was lost: it was committed, or it can be made again under the same id."""
        try:
            return self._wait(job.id, deadline, abandoned) or job
        except NoSuchJob:
            pass
        try:
            reply = self._ask(Submit(job=job, wait=_left(deadline)), abandoned=abandoned)
        except Disconnected as error:
            raise Unavailable("the supervisor died twice while the job was being accepted") from error
        return job if reply is None else _job(reply, job)

    def _channel(self, *, resumed: bool) -> Channel:
        """An idle connection that still stands, or a new one."""
        with self._lock:
            while self._idle:
                channel = self._idle.pop()
                if channel.open():
                    return channel
                channel.close()
        return self._link.connect(resumed=resumed)  # without the lock: it may wait until a supervisor is up

    def _after_fork(self) -> None:
        """A forked server process must not share connections, or a lock that is held, with its parent."""
        self._lock = threading.Lock()
        self._idle = []
        self._silence = Silence(self._max_waiting)
        self._link.after_fork()


def _job(reply: Reply, sent: Job | None = None) -> Job:
    """The job that a reply tells of: its own, or the one that was sent and accepted."""
    if isinstance(reply, JobIs):
        return reply.job
    assert sent is not None
    return sent.evolve(**reply.changes) if isinstance(reply, Changed) else sent


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _forked(reference: weakref.ref[LocalExecutor]) -> None:
    executor = reference()
    if executor is not None:
        executor._after_fork()
