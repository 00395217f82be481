"""A server process's hold on the engine: one connection to the supervisor, open as long as it is needed.

While there is one the supervisor lives. When it ends, the thread that holds it sees to the next: the jobs must go
on without a request. That thread alone looks for supervisors and starts them; requests wait for what comes of it,

searching ──► held ──► searching ...     requests wait      │ are served
    └───────► failed ──► held ...        and while ``failed`` they are refused at once, until one is found
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from dragoman.errors import Unavailable
from dragoman.jobs.executors.supervisor_start import LOOK, PATIENCE, SupervisorFinder, ask
from dragoman.jobs.supervisor_requests import Health
from dragoman.workers.framing import Channel, Disconnected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.jobs.engine_settings import EngineSettings
    from dragoman.jobs.supervisor_requests import Reply

LOGGER = logging.getLogger(__name__)

REST = 1.0
"""Seconds from a search that failed to the next."""
WAIT = PATIENCE + 2.0
"""Seconds that a request waits at most: a search that fails says so earlier."""
LATE = "the supervisor does not answer in time"
BUSY = "the engine is being started, and as many requests as may wait for it do; try again"


class SupervisorLink:
    """Safe for threads; after a fork the child calls ``after_fork``."""

    def __init__(
        self, settings: EngineSettings, command: Sequence[str], max_waiting: int | None = None
    ) -> None:
        self._settings = settings
        self._command = command
        self._max_waiting = max_waiting
        """Threads that may wait while there is no supervisor, so that others are left for what needs none."""
        self._waiting = 0
        self._lock = threading.Lock()
        self._keeper: _LinkThread | None = None

    def start(self) -> None:
        """Hold a supervisor of this very build and these settings; an older one is replaced."""
        with self._lock:
            old, self._keeper = self._keeper, self._new_keeper(replace=True)
            new = self._keeper
        try:
            new.await_hold(time.monotonic() + WAIT)
        finally:
            if old is not None:
                old.close()  # only now: a supervisor that nobody holds would end

    def connect(self, patience: float = WAIT, *, resumed: bool = False) -> Channel:
        """A new connection to the supervisor that is held here.

        Raises Unavailable: if none comes up, when the one search for it ends, whoever waits; then at once until
        there is one. At once as well if ``max_waiting`` threads wait already; not for a call that is ``resumed``,
        which was served before and has its thread anyway.
        """
        deadline = time.monotonic() + patience
        while True:
            keeper = self._kept()
            self._await_hold(keeper, deadline, resumed=resumed)
            sock = keeper.visit(max(LOOK, deadline - time.monotonic()))
            if sock is not None:
                return Channel(sock)
            if time.monotonic() >= deadline:  # it ends, and takes its time
                raise Unavailable(LATE)
            time.sleep(LOOK)

    def _await_hold(self, keeper: _LinkThread, deadline: float, *, resumed: bool) -> None:
        if keeper.searching:
            with self._lock:
                if self._max_waiting is not None and self._waiting >= self._max_waiting and not resumed:
                    raise Unavailable(BUSY)
                self._waiting += 1
            try:
                keeper.await_hold(deadline)
            finally:
                with self._lock:
                    self._waiting -= 1
        else:
            keeper.await_hold(deadline)

    def health(self, seconds: float) -> Reply | None:
        """What the engine says within this time of how it is; None if it says nothing."""
        deadline = time.monotonic() + seconds
        try:
            channel = self.connect(seconds)
        except Unavailable:
            return None
        channel.socket.settimeout(max(LOOK, deadline - time.monotonic()))
        try:
            return ask(channel, Health())
        except Disconnected:
            return None
        finally:
            channel.close()

    def close(self) -> None:
        """Let go; any number of times. The next ``connect`` takes hold again."""
        with self._lock:
            keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.close()

    def after_fork(self) -> None:
        """In the child: the threads, and whoever had the lock, have stayed with the parent."""
        self._lock, self._waiting = threading.Lock(), 0
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.abandon()

    def _kept(self) -> _LinkThread:
        with self._lock:
            if self._keeper is None:
                self._keeper = self._new_keeper()
            return self._keeper

    def _new_keeper(self, *, replace: bool = False) -> _LinkThread:
        return _LinkThread(SupervisorFinder(self._settings, self._command), replace=replace)


class _LinkThread:
    """One thread that finds a supervisor, holds it, and finds the next, until it is closed."""

    def __init__(self, election: SupervisorFinder, *, replace: bool) -> None:
        self._election = election
        self._replace = replace
        self._closed = threading.Event()
        self._changed = threading.Condition()
        self._held: Channel | None = None
        self._failure = ""
        """Why there is none; empty while one is held or searched."""
        threading.Thread(target=self._keep, name="presence", daemon=True).start()

    @property
    def searching(self) -> bool:
        """Whether none is held, and the search for one has not failed."""
        return self._held is None and not self._failure

    def await_hold(self, deadline: float) -> None:
        """Return once a supervisor is held; raises Unavailable if that has failed, or is not by the deadline."""
        with self._changed:
            left = max(0.0, deadline - time.monotonic())
            if not self._changed.wait_for(lambda: self._held is not None or self._failure, left):
                raise Unavailable(LATE)
            if self._failure:
                raise Unavailable(self._failure)

    def visit(self, seconds: float) -> socket.socket | None:
        """Another connection to where one is held, even if the note that led there is gone with HOME; or None."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(seconds)
        try:
            with self._changed:
                address = self._held.socket.getpeername() if self._held is not None else ""
            sock.connect(address)
        except OSError:
            sock.close()
            return None
        sock.settimeout(None)
        return sock

    def close(self) -> None:
        """Let go, and end the thread; whoever waits is refused."""
        with self._changed:
            self._closed.set()
            if self._held is not None:
                self._held.close()
            self._become(None, "the server process has let go of the engine")

    def abandon(self) -> None:
        """Close what a fork has copied; the parent's connection stays as it is."""
        if self._held is not None:
            self._held.socket.close()

    def _keep(self) -> None:
        while not self._closed.is_set():
            try:
                channel = self._election.find(self._closed, replace=self._replace)
            except Unavailable as error:
                self._fail(error)
                self._closed.wait(REST)
                continue
            self._replace = False
            self._hold(channel)

    def _fail(self, error: Unavailable) -> None:
        with self._changed:
            if self._closed.is_set():
                return
            if error.detail != self._failure:  # once for each outage
                LOGGER.error("%s", error.detail, extra={"action": "elect"})
            self._become(None, error.detail)

    def _hold(self, channel: Channel) -> None:
        """Until the supervisor ends, or this is closed."""
        with self._changed:
            if self._closed.is_set():
                channel.close()
                return
            self._become(channel, "")
        with suppress(Disconnected):
            channel.receive()
        channel.close()
        with self._changed:
            if not self._closed.is_set():
                self._become(None, "")

    def _become(self, held: Channel | None, failure: str) -> None:
        self._held, self._failure = held, failure
        self._changed.notify_all()
