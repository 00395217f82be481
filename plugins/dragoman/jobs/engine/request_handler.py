"""What the supervisor does about the requests of server processes, and what it replies, now or later."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dragoman.errors import DragomanError, InvalidRequest, Unavailable
from dragoman.jobs.engine.guests import Guests
from dragoman.jobs.engine.removal import keep_sha256, remove, remove_output
from dragoman.jobs.supervisor_requests import (
    REQUESTS,
    Accepted,
    AskGuest,
    Changed,
    Dismiss,
    Facts,
    FiguresAre,
    GuestAnswer,
    Health,
    Hello,
    JobIs,
    KeepSha256,
    Ok,
    ReadFigures,
    Refused,
    Remove,
    RemoveOutput,
    Reply,
    Request,
    Stop,
    Submit,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.jobs.engine.run_files import RunFiles
    from dragoman.jobs.engine.scheduling import Scheduler
    from dragoman.jobs.engine.supervisor_client import Client
    from dragoman.jobs.ports import EngineStore
    from dragoman.model.job import Job
    from dragoman.model.process import JSON

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAnswer:
    """A reply that is due when a job has finished, or at the deadline."""

    client: Client
    number: int
    deadline: float | None
    """Monotonic time."""
    sent: bool
    """Whether the client has the job, for it sent it: it only needs what has changed."""

    def give(self, job: Job) -> None:
        """Reply with the job."""
        self.client.answer(self.number, Changed(changes=job.changing()) if self.sent else JobIs(job=job))


class RequestHandler:
    """Carries out requests, by the scheduler and the store."""

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        store: EngineStore,
        results: RunFiles,
        facts: Facts,
        stop: Callable[[], None],
        check_home: Callable[[], None] = lambda: None,
        guests: Guests | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._store = store
        self._results = results
        self._facts = facts
        self._stop = stop
        self._guests = guests or Guests({})
        self._check_home = check_home
        """Raises Unavailable while HOME is not the one that this engine works on."""
        self._waiters: dict[str, list[PendingAnswer]] = {}

    def handle(self, client: Client, message: Any) -> None:
        """Do what a message asks, and reply, now or when it is done."""
        number = 0
        try:
            number = message.pop("n")
            request = REQUESTS.load(message)
            if isinstance(request, AskGuest):
                self._ask_guest(client, number, request)
                return
            reply = self._reply(client, number, request)
        except DragomanError as error:
            reply = Refused(error=error)
        except (ValueError, KeyError, TypeError, AttributeError) as error:  # not ours, or an id that is taken
            LOGGER.warning("a message is refused: %r", error, extra={"action": "wire"})
            reply = Refused(error=InvalidRequest(f"the supervisor refuses this: {error}"))
        if reply is not None:
            client.answer(number, reply)

    def changed(self, job: Job) -> None:
        """Reply to every client that waits for the job, if it has finished."""
        if job.status.finished:
            for waiter in self._waiters.pop(job.id, []):
                waiter.give(job)

    def tick(self) -> None:
        """Reply to the clients whose waiting time is up."""
        now = time.monotonic()
        for job_id, waiters in list(self._waiters.items()):
            due = [w for w in waiters if w.deadline is not None and now >= w.deadline]
            if due:
                self._waiters[job_id] = [w for w in waiters if w not in due]
                for waiter in due:
                    self._give_now(waiter, job_id)

    def forget(self, client: Client) -> None:
        """Drop the replies due to a client that has disconnected; its jobs go on."""
        for job_id, waiters in list(self._waiters.items()):
            left = [w for w in waiters if w.client is not client]
            if left:
                self._waiters[job_id] = left
            else:
                del self._waiters[job_id]

    def _give_now(self, waiter: PendingAnswer, job_id: str) -> None:
        try:
            waiter.give(self._store.get(job_id))
        except DragomanError as error:
            waiter.client.answer(waiter.number, Refused(error=error))

    def _reply(self, client: Client, number: int, request: Request) -> Reply | None:
        """What is replied at once; None if that comes later."""
        match request:
            case Hello() | ReadFigures():
                return self._told(request)
            case Stop():
                self._stop()
            case Health():
                self._store.check_writable()
                self._check_home()
            case Submit():
                return self._submit(client, number, request)
            case Wait():
                return self._wait(client, number, request)
            case Dismiss(job_id=job_id):
                self._scheduler.dismiss(job_id, partial(_answer_dismissal, client, number))
                return None
            case Remove(job_id=job_id):
                remove(self._store, self._results, job_id)
            case RemoveOutput(job_id=job_id, output_id=output_id, item=item):
                remove_output(self._store, self._results, job_id, output_id, item)
            case KeepSha256():
                keep_sha256(self._store, request.job_id, request.output_id, request.sha256, request.item)
        return Ok()

    def _ask_guest(self, client: Client, number: int, request: AskGuest) -> None:
        """The guest answers, now or later."""
        self._check_home()
        answer = partial(_answer_for_guest, client, number)
        self._guests.ask(request.guest, request.body, answer, client.gone)

    def _told(self, request: Hello | ReadFigures) -> Facts | FiguresAre:
        return self._facts if isinstance(request, Hello) else FiguresAre(figures=self._scheduler.figures())

    def _submit(self, client: Client, number: int, request: Submit) -> Reply | None:
        job, wait = request.job, request.wait
        if client.gone():  # we were silent for too long: whoever sent it was refused
            raise Unavailable("nobody waits for this any more")
        self._check_home()
        accepted = self._scheduler.accept(job)
        if not accepted.status.finished and (wait is None or wait > 0):
            self._keep_waiting(client, number, accepted.id, wait, sent=accepted.id == job.id)
            return None
        return Accepted() if accepted.id == job.id else JobIs(job=accepted)  # the client has its own already

    def _wait(self, client: Client, number: int, request: Wait) -> Reply | None:
        job_id, timeout = request.job_id, request.timeout
        over = timeout is not None and timeout <= 0
        if over or not self._scheduler.holds(job_id):
            job = self._store.get(job_id)
            if over or job.status.finished:
                return JobIs(job=job)
        self._keep_waiting(client, number, job_id, timeout, sent=False)
        return None

    def _keep_waiting(
        self, client: Client, number: int, job_id: str, timeout: float | None, *, sent: bool
    ) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        waiter = PendingAnswer(client=client, number=number, deadline=deadline, sent=sent)
        self._waiters.setdefault(job_id, []).append(waiter)


def _answer_dismissal(client: Client, number: int, outcome: Job | DragomanError) -> None:
    client.answer(
        number, Refused(error=outcome) if isinstance(outcome, DragomanError) else JobIs(job=outcome)
    )


def _answer_for_guest(client: Client, number: int, answer: JSON | DragomanError) -> None:
    client.answer(
        number, Refused(error=answer) if isinstance(answer, DragomanError) else GuestAnswer(body=answer)
    )
