"""The supervisor's side of its socket: one connection, its verbs, its answers.

→ {"n": 1, "verb": "submit", "job": {...}, "wait": 0} ← {"n": 1, "accepted": true}, or {"job": the first one}
→ {"n": 1, "verb": "submit", "job": ..., "wait": 9.5} ← {"n": 1, "job": {...}}      when it has finished
→ {"n": 2, "verb": "wait", "job_id": ..., "timeout"}  ← {"n": 2, "job": {...}}      when it has finished
→ {"n": 3, "verb": "dismiss", "job_id": ...}          ← {"n": 3, "job": {...}}      when nothing of it runs
any error                                             ← {"n": ..., "error": {"class", "detail", "retry_after"}}
"""

from __future__ import annotations

import logging
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dragoman.errors import DragomanError, InvalidRequest
from dragoman.jobs.json_codec import dump_job, load_job
from dragoman.workers.framing import FrameReader, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.jobs.engine.scheduling import Engine
    from dragoman.jobs.ports import EngineStore
    from dragoman.model.job import Job

LOGGER = logging.getLogger(__name__)


@dataclass(eq=False)
class Client:
    """One connection of a server process."""

    socket: socket.socket
    reader: FrameReader = field(default_factory=FrameReader)
    unsent: bytearray = field(default_factory=bytearray)

    def answer(self, number: int, **message: Any) -> None:
        """Send, or keep what the socket does not take at once: a client that hangs holds up nobody."""
        self.unsent += encode({"n": number, **message})
        self.flush()

    def flush(self) -> None:
        """Send what is left."""
        with suppress(OSError):
            sent = self.socket.send(self.unsent, socket.MSG_DONTWAIT)
            del self.unsent[:sent]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAnswer:
    """A client that waits for a job's end."""

    client: Client
    number: int
    deadline: float | None
    """Monotonic time."""


class RequestHandler:
    """Answers verbs out of the engine and the store."""

    def __init__(
        self, engine: Engine, store: EngineStore, facts: dict[str, Any], stop: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._store = store
        self._facts = facts
        self._stop = stop
        self._waiters: dict[str, list[PendingAnswer]] = {}

    def handle(self, client: Client, message: Any) -> None:
        """Do what a message asks."""
        number = message.get("n", 0)
        verb = getattr(self, f"_do_{message.get('verb')}", None)
        try:
            if verb is None:
                raise InvalidRequest(f"the supervisor does not know '{message.get('verb')}'")
            verb(client, number, message)
        except DragomanError as error:
            client.answer(number, error=dump_error(error))
        except (ValueError, KeyError, TypeError) as error:  # not of our wire, or an id that is taken
            LOGGER.warning("a message is refused: %r", error, extra={"action": "wire"})
            client.answer(number, error=dump_error(InvalidRequest(f"the supervisor refuses this: {error}")))

    def changed(self, job: Job) -> None:
        """Answer everybody who waited for this."""
        if job.status.finished:
            for waiter in self._waiters.pop(job.id, []):
                waiter.client.answer(waiter.number, job=dump_job(job))

    def tick(self) -> None:
        """Answer those who have waited long enough."""
        now = time.monotonic()
        for job_id, waiters in list(self._waiters.items()):
            due = [w for w in waiters if w.deadline is not None and now >= w.deadline]
            if due:
                self._waiters[job_id] = [w for w in waiters if w not in due]
                for waiter in due:
                    self._answer_job(waiter.client, waiter.number, job_id)

    def forget(self, client: Client) -> None:
        """A client has gone; nothing is cancelled by that."""
        for job_id, waiters in list(self._waiters.items()):
            left = [w for w in waiters if w.client is not client]
            if left:
                self._waiters[job_id] = left
            else:
                del self._waiters[job_id]

    def _answer_job(self, client: Client, number: int, job_id: str) -> None:
        try:
            client.answer(number, job=dump_job(self._store.get(job_id)))
        except DragomanError as error:
            client.answer(number, error=dump_error(error))

    def _do_hello(self, client: Client, number: int, _message: Any) -> None:
        client.answer(number, **self._facts)

    def _do_stop(self, client: Client, number: int, _message: Any) -> None:
        client.answer(number, ok=True)
        self._stop()

    def _do_health(self, client: Client, number: int, _message: Any) -> None:
        self._store.check_writable()
        client.answer(number, ok=True)

    def _do_submit(self, client: Client, number: int, message: Any) -> None:
        job, wait = load_job(message["job"]), message["wait"]
        accepted = self._engine.accept(job)
        if not accepted.status.finished and (wait is None or wait > 0):
            self._keep_waiting(client, number, accepted.id, wait)
        elif accepted.id == job.id:  # the client has it already
            client.answer(number, accepted=True)
        else:
            client.answer(number, job=dump_job(accepted))

    def _do_wait(self, client: Client, number: int, message: Any) -> None:
        job_id, timeout = message["job_id"], message["timeout"]
        if not self._engine.holds(job_id) or (timeout is not None and timeout <= 0):
            job = self._store.get(job_id)
            if job.status.finished or (timeout is not None and timeout <= 0):
                client.answer(number, job=dump_job(job))
                return
        self._keep_waiting(client, number, job_id, timeout)

    def _keep_waiting(self, client: Client, number: int, job_id: str, timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        waiter = PendingAnswer(client=client, number=number, deadline=deadline)
        self._waiters.setdefault(job_id, []).append(waiter)

    def _do_dismiss(self, client: Client, number: int, message: Any) -> None:
        def told(outcome: Job | DragomanError) -> None:
            if isinstance(outcome, DragomanError):
                client.answer(number, error=dump_error(outcome))
            else:
                client.answer(number, job=dump_job(outcome))

        self._engine.dismiss(message["job_id"], told)

    def _do_remove(self, client: Client, number: int, message: Any) -> None:
        self._engine.remove(message["job_id"])
        client.answer(number, ok=True)

    def _do_remove_output(self, client: Client, number: int, message: Any) -> None:
        self._engine.remove_output(message["job_id"], message["output_id"], message.get("item"))
        client.answer(number, ok=True)

    def _do_keep_sha256(self, client: Client, number: int, message: Any) -> None:
        self._engine.keep_sha256(
            message["job_id"], message["output_id"], message["sha256"], message.get("item")
        )
        client.answer(number, ok=True)


def dump_error(error: DragomanError) -> dict[str, Any]:
    """An error on the wire."""
    return {
        "class": type(error).__name__,
        "detail": error.detail,
        "retry_after": getattr(error, "retry_after", None),
    }
