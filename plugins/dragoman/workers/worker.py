"""The supervisor's view of one worker process.

ordered ──► idle ◄──► busy ──► ending ──► (gone)
              └────────────────────►

A worker has one task at a time. While it has it, any number of messages go both ways: a job is told once and
reports, a session asks again and again.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import termios
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from dragoman.workers import process_tree
from dragoman.workers.framing import FrameReader, encode

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

    import psutil

    from dragoman.model.worker import WorkerIdentity
    from dragoman.workers.forkserver import Birth

TERM_TIMEOUT: Final = 0.2
"""Seconds between SIGTERM and SIGKILL, unless its kind says otherwise."""

UNKNOWN_EXIT: Final = 255
"""The exit code that multiprocessing gives a process whose forkserver has died."""
FORKSERVER_TIMEOUT: Final = 0.2
"""Seconds to wait for the end of a forkserver that seems to have died."""

type End = socket.socket
"""One end of the connection."""

type Ending = Literal["", "dismissed", "timed-out", "stuck", "deaf", "disowned", "stopped", "retired"]
"""Why a worker is being ended: its task is not wanted any more, it or a step of it took too long, it did not
take it, or it is another's by now; the supervisor stops; the worker is not needed. Empty while it may go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of a task that has a time limit of its own, since it may hang in native code."""

    name: str
    seconds: float
    """That it may take."""
    deadline: float
    """Monotonic time at which its worker is ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How a worker process came to its end."""

    ending: Ending = ""
    """Why the supervisor ended it; empty if it did not."""
    exit_code: int | None = None
    """Negative: the signal that killed it. None: unknown."""
    orphaned: bool = False
    """Whether it died only because its forkserver did."""
    unread: bool = False
    """Whether it had been idle, and died without having read the task that it was given then."""
    step: Step | None = None
    """The step of its task that it was in."""


@dataclass(eq=False, kw_only=True)
class Worker[Key, Task]:
    """One worker process and what it is doing."""

    key: Key
    process: ForkServerProcess | None = None
    """None until it is born."""
    socket: socket.socket
    reader: FrameReader = field(default_factory=FrameReader)
    identity: WorkerIdentity | None = None
    forkserver: WorkerIdentity | None = None
    """Who forked it, and takes it along when it dies."""
    ready: bool = False
    """Whether its birth has been announced: a process may be there a moment before that."""
    task: Task | None = None
    """What it works on, or was ordered for; a worker with a task holds a slot."""
    begun: bool = False
    """Whether the task has been sent to it."""
    checks: int = 0
    """How often it was found not to have read all that was sent to it, in a row."""
    deadline: float | None = None
    """Monotonic time at which it is ended if it has not answered."""
    step: Step | None = None
    """What it is doing within its task, if that has a time limit of its own."""
    idle_since: float = 0.0
    """Monotonic time; 0 until it has been idle."""
    outdated: bool = False
    """Whether it takes no other task, since there are workers of a later version: it ends when it is idle."""
    ending: Ending = ""
    grace: float = TERM_TIMEOUT
    """Seconds between SIGTERM and SIGKILL."""
    kill_at: float | None = None
    """Monotonic time of the SIGKILL to come."""
    tree: list[psutil.Process] = field(default_factory=list)
    """What was below it when its end began."""
    unread: bool = False
    """Whether it hung up before it had read all that was sent to it."""

    def be_born(self, birth: Birth) -> None:
        """Become the process that was forked for it; called in the birth thread."""
        self.process, self.identity, self.forkserver = birth.process, birth.identity, birth.forkserver

    def reconnect(self) -> End:
        """Break the connection, and make another; returns the end for its process. See ``Forkserver.fork``."""
        ours, theirs = socket.socketpair()
        self.socket.close()
        self.socket = ours
        return theirs

    @property
    def pid(self) -> int | None:
        """Its process id; None until it is born."""
        return None if self.process is None else self.process.pid

    # -- its task ----------------------------------------------------------------------------------------

    def begin(self, task: Task, message: Any, seconds: float | None = None) -> None:
        """Send it a task; it is ended if that takes longer than ``seconds``."""
        self.task, self.begun, self.checks = task, True, 0
        self.limit(seconds)
        self.send(message)

    def limit(self, seconds: float | None) -> None:
        """End it unless the limit is set anew, or the task is over, within so many seconds; None: no limit."""
        self.deadline = time.monotonic() + seconds if seconds else None

    def begin_step(self, name: str, seconds: float) -> None:
        """It is ended unless it is done with this step of its task within so many seconds."""
        self.step = Step(name=name, seconds=seconds, deadline=time.monotonic() + seconds)

    def end_step(self) -> None:
        """It is done with the step."""
        self.step = None

    def overdue(self) -> Ending:
        """Why it has to be ended now, if its time is up."""
        now = time.monotonic()
        if self.deadline is not None and now >= self.deadline:
            return "timed-out"
        return "stuck" if self.step is not None and now >= self.step.deadline else ""

    def release(self) -> None:
        """It is done with its task, and idle."""
        self.task, self.begun, self.deadline, self.step = None, False, None, None
        self.idle_since = time.monotonic()

    # -- messages ----------------------------------------------------------------------------------------

    def send(self, message: Any) -> None:
        """Send it a message, as JSON; a worker that cannot take it is about to be found dead."""
        try:
            self.socket.sendall(encode(message))
        except OSError:
            self.unread = True

    def receive(self) -> list[Any] | None:
        """The messages that have come; None if there is nothing, and nothing will come."""
        try:
            data = self.socket.recv(262_144, socket.MSG_DONTWAIT)
            return self.reader.feed(data) if data else None
        except ConnectionResetError:  # Linux says so of a socket that was closed with something unread in it
            self.unread = True
            return None
        except (OSError, ValueError):
            return None

    def connected(self) -> bool:
        """Whether its end of the connection is open, as far as can be seen."""
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def deaf(self, checks: int) -> bool:
        """Whether it did not read what was sent to it until now, so many checks in a row: it is frozen, or hangs.

        Told by Linux alone. Not by the clock: it goes on while the machine, or this process, is stopped.
        """
        unread = bytearray(4)
        try:
            fcntl.ioctl(self.socket, termios.TIOCOUTQ, unread)
        except OSError:
            return False
        self.checks = self.checks + 1 if any(unread) else 0
        return self.checks >= checks

    # -- its end -----------------------------------------------------------------------------------------

    def begin_end(self, reason: Ending) -> None:
        """SIGTERM to it and all below it; SIGKILL follows after its grace."""
        self.ending = self.ending or reason
        if self.pid is None or self.kill_at is not None:
            return
        self.tree = process_tree.descendants(self.pid)
        process_tree.send(self.tree, signal.SIGTERM)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        self.kill_at = time.monotonic() + self.grace

    def kill(self) -> None:
        """SIGKILL to it, its group and all below it."""
        if self.pid is None:
            return
        self.tree += process_tree.descendants(self.pid)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.kill_rest()
        self.kill_at = None

    def kill_rest(self) -> None:
        """SIGKILL to what it has left behind."""
        if self.pid is not None:
            process_tree.kill_group(self.pid)
        process_tree.send(self.tree, signal.SIGKILL)

    def death(self) -> Death:
        """How it ended; asked once it is dead, and all that it left behind."""
        if not self.unread:  # a child of it may have held the connection until now
            self.receive()
        return Death(
            ending=self.ending,
            exit_code=None if self.process is None else self.process.exitcode,
            orphaned=self._orphaned(),
            unread=self.unread and self.begun and self.idle_since > 0,
            step=self.step,
        )

    def _orphaned(self) -> bool:
        """Whether it died only because its forkserver did: then nobody was left to say how it ended.

        A worker that gives this very exit code by itself has a forkserver that lives on.
        """
        if self.forkserver is None or self.process is None or self.process.exitcode != UNKNOWN_EXIT:
            return False
        deadline = time.monotonic() + FORKSERVER_TIMEOUT  # its files close a moment before it is dead
        while (lives := process_tree.lives(self.forkserver)) and time.monotonic() < deadline:
            time.sleep(0.01)
        return not lives
