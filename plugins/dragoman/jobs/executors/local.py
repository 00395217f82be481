"""The Executor on the embedded engine: finds the supervisor of this HOME, or starts it, and asks it."""

from __future__ import annotations

import fcntl
import logging
import os
import pickle
import socket
import subprocess
import threading
import time
import weakref
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from dragoman import errors
from dragoman.errors import DragomanError, NoSuchJob, Unavailable
from dragoman.jobs.codec import dump_job, load_job
from dragoman.jobs.meeting import LOCK, Meeting
from dragoman.jobs.wire import Channel, Disconnected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragoman.jobs.settings import EngineSettings
    from dragoman.model.job import Job

LOGGER = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds to wait for a supervisor that is being started."""
HEALTH_TIMEOUT = 2.0
"""Seconds that a supervisor may take to say that it is well."""
RETRIES = 40
"""Times that a supervisor may be found dying before it is given up."""


class LocalExecutor:
    """See ``dragoman.jobs.ports.Executor``. Safe for threads, and across a fork.

    ``command`` starts a supervisor that reads its pickled EngineSettings from standard input.
    """

    def __init__(self, settings: EngineSettings, command: Sequence[str]) -> None:
        self._settings = settings
        self._command = list(command)
        self._meeting = Meeting(settings.home)
        self._lock = threading.Lock()
        self._idle: list[Channel] = []
        self._presence: Channel | None = None
        self._pid = os.getpid()
        self._number = 0
        os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    def start(self) -> None:
        """Have a supervisor of this very build and these settings; an older one is replaced."""
        with self._lock:
            self._be_present(replace=True)

    def submit(self, job: Job, wait: float | None = 0.0) -> Job:
        """See the port."""
        deadline = _deadline(wait)
        try:
            answer = self._ask("submit", job=dump_job(job), wait=wait)
        except Disconnected:
            return self._resubmit(job, deadline)
        return load_job(answer["job"]) if "job" in answer else job

    def wait(self, job_id: str, timeout: float | None) -> Job:
        """See the port."""
        deadline = _deadline(timeout)
        while True:
            try:
                return load_job(self._ask("wait", job_id=job_id, timeout=_left(deadline))["job"])
            except Disconnected:  # the supervisor died: the next one goes on with the job
                continue

    def dismiss(self, job_id: str) -> Job:
        """See the port."""
        return load_job(self._again(lambda: self._ask("dismiss", job_id=job_id))["job"])

    def remove(self, job_id: str) -> None:
        """See the port."""
        self._again(lambda: self._ask("remove", job_id=job_id))

    def remove_output(self, job_id: str, output_id: str, item: int | None = None) -> None:
        """See the port."""
        self._again(lambda: self._ask("remove_output", job_id=job_id, output_id=output_id, item=item))

    def alive(self) -> bool:
        """See the port. On a connection of its own, with a time limit: a supervisor that hangs is not waited for."""
        if self._presence is None:  # nobody looks after the engine, or not yet
            threading.Thread(target=self._seek, name="seek", daemon=True).start()
        deadline = time.monotonic() + HEALTH_TIMEOUT
        while (sock := self._visit()) is None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        channel = Channel(sock)
        try:
            sock.settimeout(HEALTH_TIMEOUT)
            answer = self._exchange(channel, "health", {})
        except Disconnected:
            return False
        finally:
            channel.close()
        if "error" in answer:
            raise load_error(answer["error"])
        return True

    def close(self) -> None:
        """See the port."""
        with self._lock:
            for channel in [*self._idle, *([self._presence] if self._presence else [])]:
                channel.close()
            self._idle, self._presence = [], None

    # -- within ----------------------------------------------------------------------------------------

    def _again(self, ask: Callable[[], Any]) -> Any:
        """Ask, and once more of the next supervisor: these verbs may be repeated."""
        try:
            return ask()
        except Disconnected:
            with suppress(Disconnected):
                return ask()
        raise Unavailable("the supervisor died twice while it was asked")

    def _ask(self, verb: str, **message: Any) -> Any:
        """One question, one answer; raises Disconnected if the supervisor died in between."""
        channel = self._channel()
        try:
            answer = self._exchange(channel, verb, message)
        except Disconnected:
            channel.close()
            raise
        with self._lock:
            self._idle.append(channel)
        if "error" in answer:
            raise load_error(answer["error"])
        return answer

    def _resubmit(self, job: Job, deadline: float | None) -> Job:
        """A submission whose answer was lost: it was committed, or it can be made again under the same id."""
        try:
            return self.wait(job.id, _left(deadline))
        except NoSuchJob:
            pass
        try:
            answer = self._ask("submit", job=dump_job(job), wait=_left(deadline))
        except Disconnected as error:
            raise Unavailable("the supervisor died twice while the job was being accepted") from error
        return load_job(answer["job"]) if "job" in answer else job

    def _exchange(self, channel: Channel, verb: str, message: dict[str, Any]) -> Any:
        self._number += 1
        channel.send({"n": self._number, "verb": verb, **message})
        return channel.receive()

    def _channel(self) -> Channel:
        """An idle connection that still stands, or a new one."""
        with self._lock:
            while self._idle:
                channel = self._idle.pop()
                if channel.open():
                    return channel
                channel.close()
            if self._presence is None:
                self._be_present()
            return self._connect()

    def _visit(self) -> socket.socket | None:
        """Another connection to where we are present, whose note may be gone with HOME, or to whoever is there."""
        if (presence := self._presence) is not None:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(HEALTH_TIMEOUT)
            try:
                sock.connect(presence.socket.getpeername())
            except (FileNotFoundError, ConnectionRefusedError):  # it has gone: there may be another
                sock.close()
            except OSError:
                sock.close()
                return None
            else:
                return sock
        return self._meeting.connect()

    def _seek(self) -> None:
        """Be present, unless somebody is at it."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._presence is None:
                self._be_present()
        except Unavailable as error:
            LOGGER.error("%s", error.detail, extra={"action": "elect"})  # noqa: TRY400 - one line will do
        finally:
            self._lock.release()

    def _be_present(self, *, replace: bool = False) -> None:
        """Hold one connection open: while there is one, the supervisor lives, and its end is noticed here."""
        old = self._presence
        self._presence = self._connect(replace=replace) if replace else self._reconnect()
        if old is not None:
            old.close()
        threading.Thread(target=self._watch, args=(self._presence,), name="presence", daemon=True).start()

    def _watch(self, presence: Channel) -> None:
        """When the supervisor dies, elect the next: its jobs must go on without a request."""
        while True:
            with suppress(Disconnected):
                presence.receive()
            with self._lock:
                if self._presence is not presence or os.getpid() != self._pid:  # closed, or forked away
                    return
                presence.close()
                try:
                    presence = self._presence = self._reconnect()
                except Unavailable as error:
                    LOGGER.error("%s", error.detail, extra={"action": "elect"})  # noqa: TRY400 - one line will do
                    self._presence = None  # the next request tries again
                    return

    def _reconnect(self) -> Channel:
        """A connection to whoever is there now; raises Unavailable if that speaks another build's language."""
        for _ in range(RETRIES):
            channel = self._connect()
            try:
                facts = self._exchange(channel, "hello", {})
            except Disconnected:  # it was about to end: its place will be free in a moment
                channel.close()
                time.sleep(0.05)
                continue
            if facts["build"] == self._settings.build:
                return channel
            channel.close()
            raise Unavailable("the engine is of another version than this server process; restart the server")
        raise Unavailable("the supervisor dies as soon as it is up; its log is with the server's")

    def _after_fork(self) -> None:
        """A forked server process must not share connections, or a lock that is held, with its parent."""
        self._lock = threading.Lock()
        self._pid, self._idle, self._presence = os.getpid(), [], None

    def _connect(self, *, replace: bool = False) -> Channel:
        deadline = time.monotonic() + PATIENCE
        started: subprocess.Popen[bytes] | None = None
        while time.monotonic() < deadline:
            sock = self._meeting.connect()
            if sock is not None:
                channel = Channel(sock)
                if not replace or self._suits(channel):
                    return channel
                replace = False
            elif started is None or started.poll() is not None:
                started = self._spawn() if self._unlocked() else None
            time.sleep(0.01)
        raise Unavailable("the supervisor does not come up; its log is with the server's")

    def _suits(self, channel: Channel) -> bool:
        """Whether the supervisor is of our build and settings; one that is not is told to stop."""
        with suppress(Disconnected):
            facts = self._exchange(channel, "hello", {})
            if facts["build"] == self._settings.build and facts["digest"] == self._settings.digest:
                return True
            LOGGER.info(
                "replacing a supervisor of another build or other settings", extra={"action": "elect"}
            )
            self._exchange(channel, "stop", {})
            with suppress(Disconnected):
                channel.receive()  # until it has gone
        channel.close()
        return False

    def _unlocked(self) -> bool:
        """Whether nobody holds the lock: while one starts or ends, another need not be started."""
        self._settings.home.mkdir(parents=True, exist_ok=True)
        with (self._settings.home / LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def _spawn(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(self._command, stdin=subprocess.PIPE)
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(pickle.dumps(self._settings))
            process.stdin.close()
        threading.Thread(target=process.wait, daemon=True).start()  # no zombie when it ends before us
        return process


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _forked(reference: weakref.ref[LocalExecutor]) -> None:
    executor = reference()
    if executor is not None:
        executor._after_fork()


def load_error(data: dict[str, Any]) -> DragomanError:
    """An error from the wire, as the class that was raised."""
    cls: type[DragomanError] = getattr(errors, data["class"], DragomanError)
    if issubclass(cls, Unavailable):
        return cls(data["detail"], retry_after=data["retry_after"])
    return cls(data["detail"])
