"""A server process's link to the supervisor: one connection that stays open as long as the process needs it.

The supervisor lives while any server process is connected. When it dies, the link's thread finds or starts the next
one, so that jobs go on without a request. Only that thread searches; requests wait for the outcome of its search:

searching ──► connected ──► searching ...     requests wait │ are served
    └───────► failed ──► connected ...        and while ``failed`` they are refused at once

``LocalExecutor`` asks ``SupervisorLink`` for connections; its ``_LinkThread`` has a ``SupervisorFinder`` that starts
supervisors, and finds them at HOME's ``SupervisorSocket``.
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
from dragoman.workers.framing import Channel, Disconnected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.jobs.engine_settings import EngineSettings
    from dragoman.jobs.supervisor_requests import Reply, Request

LOGGER = logging.getLogger(__name__)

REST = 1.0
"""Seconds from a search that failed to the next."""
WAIT = PATIENCE + 2.0
"""Seconds that a request waits at most: a search that fails says so earlier."""
REFUSING = 5.0
"""Seconds at most that a supervisor which is there may refuse connections."""
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
        self._thread: _LinkThread | None = None

    def start(self) -> None:
        """Connect to a supervisor of this very build and these settings, and replace any other."""
        with self._lock:
            old, self._thread = self._thread, self._new_thread(replace=True)
            new = self._thread
        try:
            new.await_connected(time.monotonic() + WAIT)
        finally:
            if old is not None:
                old.close()  # only now: a supervisor without any connection would end

    def connect(self, patience: float = WAIT, *, resumed: bool = False) -> Channel:
        """A new connection to the supervisor that this process is linked to.

        Raises Unavailable: if none comes up, when the one search for it ends, whoever waits; then at once until
        there is one. At once as well if ``max_waiting`` threads wait already; not for a call that is ``resumed``,
        which was served before and has its thread anyway.
        """
        deadline = time.monotonic() + patience
        failing = 0.0
        while True:
            thread = self._current_thread()
            if thread.searching:
                failing = 0.0
            self._await_connected(thread, deadline, resumed=resumed)
            sock = thread.connect_again(max(LOOK, min(REFUSING, deadline - time.monotonic())))
            if sock is not None:
                return Channel(sock)
            now = time.monotonic()
            failing = failing or now
            if (
                now >= deadline or now - failing > REFUSING
            ):  # it ends, and takes its time, or takes nobody any more
                raise Unavailable(LATE)
            time.sleep(LOOK)

    def _await_connected(self, thread: _LinkThread, deadline: float, *, resumed: bool) -> None:
        if thread.searching:
            with self._lock:
                if self._max_waiting is not None and self._waiting >= self._max_waiting and not resumed:
                    raise Unavailable(BUSY)
                self._waiting += 1
            try:
                thread.await_connected(deadline)
            finally:
                with self._lock:
                    self._waiting -= 1
        else:
            thread.await_connected(deadline)

    def ask_soon(self, request: Request, seconds: float) -> Reply | None:
        """The supervisor's reply to a request that it answers at once; None if none comes within so many seconds."""
        deadline = time.monotonic() + seconds
        try:
            channel = self.connect(seconds)
        except Unavailable:
            return None
        channel.socket.settimeout(max(LOOK, deadline - time.monotonic()))
        try:
            return ask(channel, request)
        except Disconnected:
            return None
        finally:
            channel.close()

    def close(self) -> None:
        """Close the connection; any number of times. The next ``connect`` opens one again."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.close()

    def after_fork(self) -> None:
        """In the child: the threads, and whoever had the lock, have stayed with the parent."""
        self._lock, self._waiting = threading.Lock(), 0
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.abandon()

    def _current_thread(self) -> _LinkThread:
        with self._lock:
            if self._thread is None:
                self._thread = self._new_thread()
            return self._thread

    def _new_thread(self, *, replace: bool = False) -> _LinkThread:
        return _LinkThread(SupervisorFinder(self._settings, self._command), replace=replace)


class _LinkThread:
    """One thread that keeps a supervisor connected, one after the other, until it is closed."""

    def __init__(self, finder: SupervisorFinder, *, replace: bool) -> None:
        self._finder = finder
        self._replace = replace
        self._closed = threading.Event()
        self._changed = threading.Condition()
        self._held: Channel | None = None
        self._failure = ""
        """Why no supervisor is connected; empty while one is, or is searched."""
        threading.Thread(target=self._keep, name="supervisor-link", daemon=True).start()

    @property
    def searching(self) -> bool:
        """Whether no supervisor is connected, and the search for one has not failed."""
        return self._held is None and not self._failure

    def await_connected(self, deadline: float) -> None:
        """Return once a supervisor is connected; raises Unavailable if the search has failed, or at the deadline."""
        with self._changed:
            left = max(0.0, deadline - time.monotonic())
            if not self._changed.wait_for(lambda: self._held is not None or self._failure, left):
                raise Unavailable(LATE)
            if self._failure:
                raise Unavailable(self._failure)

    def connect_again(self, seconds: float) -> socket.socket | None:
        """Open another connection to the same socket address, without reading HOME; None if that fails."""
        try:
            sock = socket.socket(socket.AF_UNIX)
        except OSError:  # too many open files
            return None
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
        """Close the connection and end the thread; requests that wait are refused."""
        with self._changed:
            self._closed.set()
            if self._held is not None:
                self._held.close()
            self._become(None, "the server process has closed its link to the engine")

    def abandon(self) -> None:
        """Close what a fork has copied; the parent's connection stays as it is."""
        if self._held is not None:
            self._held.socket.close()

    def _keep(self) -> None:
        while not self._closed.is_set():
            try:
                channel = self._finder.find(self._closed, replace=self._replace)
            except Exception as error:  # without this thread the process would never find an engine again
                if not isinstance(error, Unavailable):
                    LOGGER.exception(
                        "the search for the engine failed; it goes on", extra={"action": "elect"}
                    )
                    error = Unavailable("the engine cannot be found; the server's log says why")
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
