"""Finds the supervisor of a HOME, or starts one; if several start, the file lock in HOME lets one work."""

from __future__ import annotations

import fcntl
import logging
import os
import pickle
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from dragoman.errors import Unavailable
from dragoman.jobs.rendezvous import LOCK, SupervisorSocket
from dragoman.jobs.supervisor_requests import REPLIES, REQUESTS, Facts, Hello, Stop
from dragoman.workers.framing import Channel, Disconnected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.jobs.engine_settings import EngineSettings
    from dragoman.jobs.supervisor_requests import Reply, Request

LOGGER = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds to wait for a supervisor that is being started."""
LOOK = 0.01
"""Seconds between two tries to connect."""
PAUSES = (0.1, 5.0)
"""Seconds from the start of one supervisor to that of another if it ends at once: at first, and at most."""


PROMETHEUS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""A variable of prometheus_client, which algorithms may use too."""


class SupervisorFinder:
    """Not thread-safe; ``supervisor_link`` calls it from a single thread.

    ``command`` starts a supervisor that reads its pickled EngineSettings from standard input.
    """

    def __init__(self, settings: EngineSettings, command: Sequence[str]) -> None:
        self._settings = settings
        self._command = list(command)
        self._endpoint = SupervisorSocket(settings.home)
        self._started: subprocess.Popen[bytes] | None = None
        self._pause, self._start_after = PAUSES[0], 0.0

    def find(self, stop: threading.Event, *, replace: bool = False) -> Channel:
        """A connection to the supervisor; raises Unavailable after PATIENCE, and soon after ``stop`` is set.

        With ``replace`` one of another build or other settings is told to go; without, one of another build is
        Unavailable: it speaks another language.
        """
        deadline = time.monotonic() + PATIENCE
        while (left := deadline - time.monotonic()) > 0 and not stop.is_set():
            channel = self._reach(left)
            if channel is None:
                self._start_one()
            elif (facts := _facts(channel)) is None:  # it was about to end: its place is free in a moment
                channel.close()
            elif self._suits(facts, replace=replace):
                self._pause = PAUSES[0]
                channel.socket.settimeout(None)
                return channel
            elif replace:
                _send_away(channel)
                replace = facts.build != self._settings.build  # two servers must not replace for ever
            else:
                channel.close()
                raise Unavailable(
                    "the engine is of another version than this server process; restart the server"
                )
            stop.wait(LOOK)
        raise Unavailable("the supervisor does not come up; its log is with the server's")

    def _reach(self, seconds: float) -> Channel | None:
        sock = self._endpoint.connect()
        if sock is None:
            return None
        sock.settimeout(seconds)  # one that hangs is as good as none
        return Channel(sock)

    def _suits(self, facts: Facts, *, replace: bool) -> bool:
        mine = self._settings
        return bool(facts.build == mine.build and (not replace or facts.digest == mine.digest))

    def _start_one(self) -> None:
        """Start a supervisor, unless one is on its way, ends just now, or the last one has only just failed."""
        busy = self._started is not None and self._started.poll() is None
        if busy or time.monotonic() < self._start_after:
            return
        try:
            if self._unlocked():
                self._started = self._spawn()
                self._start_after = time.monotonic() + self._pause
                self._pause = min(2 * self._pause, PAUSES[1])
        except OSError as error:  # no memory, no more processes, a HOME that is not ours
            raise Unavailable(f"a supervisor cannot be started: {error}") from error

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
        process = subprocess.Popen(self._command, stdin=subprocess.PIPE, env=self._environment())
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(pickle.dumps(self._settings))
            process.stdin.close()
        threading.Thread(target=process.wait, daemon=True).start()  # no zombie when it ends before us
        return process

    def _environment(self) -> dict[str, str]:
        """Ours, without this server's own folder of metrics: what an algorithm counts is not the server's."""
        home = str(self._settings.home)
        return {
            name: value
            for name, value in os.environ.items()
            if name != PROMETHEUS_FOLDER or not value.startswith(home)
        }


def ask(channel: Channel, request: Request) -> Reply:
    """One request and its reply; raises Disconnected, also if the reply is not one of ours."""
    channel.send({"n": 0, **REQUESTS.dump(request)})
    reply = channel.receive()
    try:
        del reply["n"]
        return REPLIES.load(reply)
    except (ValueError, KeyError, TypeError) as error:
        raise Disconnected("the supervisor speaks another language") from error


def _facts(channel: Channel) -> Facts | None:
    """Who the supervisor is; None if it does not say."""
    with suppress(Disconnected, KeyError, TypeError):
        channel.send({"n": 0, **REQUESTS.dump(Hello())})
        facts = channel.receive()  # of any version: what else it says is not looked at
        return Facts(build=facts["build"], digest=facts["digest"], pid=facts["pid"])
    return None


def _send_away(channel: Channel) -> None:
    """Have a supervisor stop, and wait until it has gone."""
    LOGGER.info("replacing a supervisor of another build or other settings", extra={"action": "elect"})
    with suppress(Disconnected):
        channel.send({"n": 0, **REQUESTS.dump(Stop())})
        while True:
            channel.receive()
    channel.close()
