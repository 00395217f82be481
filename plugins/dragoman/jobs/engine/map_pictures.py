"""The supervisor's part in map pictures: it has a few processes that draw, and gives them one order after the other.

    ordered ──► waits ──► a process is free ──► drawn (or failed) ──► answered
                 └─ none within 2 s: 503         └─ 10 s, or the process dies: 503, and another takes its place

No process is there before the first map. Whoever orders what is being drawn already waits for that. How far they stand
behind others is for ``render_priority`` to say.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import DragomanError, InvalidRequest, MapUnreadable, Unavailable
from dragoman.jobs.engine.render_priority import RenderPriority
from dragoman.maps.drawing import render_process
from dragoman.maps.drawing.orders import Done, Shrink, dump, load
from dragoman.maps.picture_cache import FOLDER, room_of
from dragoman.workers.framing import encode
from dragoman.workers.pool import Kind, Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.jobs.drawing_settings import DrawingSettings
    from dragoman.jobs.engine.guests import Answer, House
    from dragoman.maps.drawing.orders import Report
    from dragoman.model.process import JSON
    from dragoman.workers.worker import Worker

LOGGER = logging.getLogger(__name__)

MOST_WAITING: Final = 500
"""Orders that wait at once."""
REST: Final = 0.2
"""Seconds from the death of a process to the birth of the next."""
BIRTH: Final = 15.0
"""Seconds that orders wait for the first process, which has libraries to load."""
SHARE: Final = 0.1
"""Of the cache's bound, what may be drawn until it is looked through."""
NONE_FREE: Final = "no process is free to draw this; try again"
DIED: Final = "the process that drew this died; another takes its place"
_KEY: Final = "maps"

type RenderProcess = Worker[str, "_Task"]


@dataclass(eq=False, slots=True, kw_only=True)
class _Task:
    """An order, and those who wait for it."""

    order: JSON
    key: str = ""
    """Of the picture; empty: of none."""
    waiters: list[tuple[Answer, Callable[[], bool]]] = field(default_factory=list)
    until: float
    """Monotonic time at which it is refused unless it has been begun."""
    again: bool = False
    """Whether it was begun before, by a process that was taken from it."""

    def wanted(self) -> bool:
        """Whether anybody still waits; what nobody ordered is always wanted."""
        return not self.waiters or not all(gone() for _, gone in self.waiters)

    def answer(self, answer: JSON | DragomanError) -> None:
        """Tell all who wait."""
        for tell, _ in self.waiters:
            tell(answer)


class MapPictures:
    """See ``engine.guests.Guest``, and ``workers.watch.Owner`` of its pool. What is asked is an order as JSON."""

    def __init__(self, house: House, settings: DrawingSettings) -> None:
        self._settings = settings
        folder = house.home / FOLDER
        setup = partial(_setup, render_process.RenderSetup(cache=folder, mark=house.mark))
        kind: Kind[str] = Kind(main=render_process.main, setup=setup, warm=settings.processes)
        self._pool = Pool[str, _Task](kind, house.forkserver, house.watch.announce)
        house.watch.tell(self, self._pool)
        self._priority = RenderPriority()
        self._waiting: deque[_Task] = deque()
        self._drawing: dict[str, _Task] = {}
        """What waits or is being drawn, by its picture's key."""
        self._unsent: dict[RenderProcess, bytearray] = {}
        self._not_before = 0.0
        self._grown: float = settings.cache
        """Bytes drawn since the cache was looked through; at the start it may be of any size."""

    def ask(self, body: JSON, answer: Answer, gone: Callable[[], bool]) -> None:
        """See ``Guest``."""
        key = str(body.get("key") or "")
        task = self._drawing.get(key) if key else None
        if task is None:
            if len(self._waiting) >= MOST_WAITING:
                raise Unavailable(NONE_FREE, retry_after=2)
            ready = any(worker.ready and not worker.ending for worker in self._pool.workers)
            until = time.monotonic() + (self._settings.patience if ready else BIRTH)
            task = _Task(order=body, key=key, until=until)
            self._waiting.append(task)
            if key:
                self._drawing[key] = task
        task.waiters.append((answer, gone))
        self._dispatch()

    def tick(self) -> None:
        """See ``Guest``."""
        self._pool.tick()
        for worker in list(self._unsent):
            self._flush(worker)
        self._replace_starved()
        now = time.monotonic()
        for task in [task for task in self._waiting if task.until <= now]:
            self._waiting.remove(task)
            self._end(task, Unavailable(NONE_FREE, retry_after=2))
        self._dispatch()

    def close(self) -> None:
        """See ``Guest``."""
        self._pool.close()

    # -- processes; see ``workers.watch.Owner`` ------------------------------------------------------------

    def born(self, _worker: RenderProcess) -> None:
        """It can draw."""
        self._dispatch()

    def heard(self, worker: RenderProcess, message: Any) -> None:
        """It is done with its order; a fault there is logged, and costs no job."""
        task = worker.task
        worker.release()
        self._priority.heard(worker)
        if task is None:
            return
        try:
            report: Report = load(message)
            self._note(task, report)
            self._end(task, _result(report))
        except Exception:  # in the loop: it must not end of what a child says
            LOGGER.exception("what a render process said is lost", extra={"action": "draw"})
            self._end(task, Unavailable(DIED, retry_after=1))
        self._dispatch()

    def died(self, worker: RenderProcess) -> None:
        """Its order fails, unless it was none of its fault; the next one is born when it is needed."""
        death = worker.death()
        self._pool.forget(worker)
        self._priority.died(worker)
        unsent = self._unsent.pop(worker, None)
        if death.ending != "retired":
            self._not_before = time.monotonic() + REST
        task = worker.task
        if death.ending not in ("stopped", "retired"):
            LOGGER.warning(
                "a render process ended (%s)", death.ending or death.exit_code, extra={"action": "draw"}
            )
        if task is None:
            return
        if not task.again and (death.ending == "retired" or death.orphaned or death.unread or unsent):
            task.again = True
            self._waiting.appendleft(task)
        elif death.ending == "timed-out":
            limit = f"{self._settings.time_limit:g}"
            self._end(task, Unavailable(f"drawing this took longer than {limit} s", retry_after=10))
        else:
            self._end(task, Unavailable(DIED, retry_after=1))
        self._dispatch()

    # -- orders --------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Begin what waits, as far as there are processes; have them born up to the number that may be."""
        while self._waiting:
            task = self._waiting[0]
            if not task.wanted():
                self._end(self._waiting.popleft(), Unavailable(NONE_FREE))
                continue
            worker = self._pool.idle(_KEY)
            if worker is None:
                break
            self._waiting.popleft()
            self._begin(worker, task)
        missing = min(len(self._waiting), self._settings.processes) - self._unborn()
        room = self._settings.processes - sum(each.ending != "retired" for each in self._pool.workers)
        if time.monotonic() >= self._not_before:
            for _ in range(min(missing, room)):
                self._order()

    def _replace_starved(self) -> None:
        """What they draw is drawn by others, which have to be born first; whoever waits must wait for that.

        Nobody waits for their deaths: who gets no time to draw gets none to die.
        """
        starved = self._priority.starved()
        taken = [worker.task for worker in starved if worker.task is not None]
        for worker in starved:
            worker.release()
            worker.begin_end("retired")
            self._unsent.pop(worker, None)
        for task in reversed(taken):
            task.again = True
            self._waiting.appendleft(task)
        if starved:
            until = time.monotonic() + BIRTH
            for task in self._waiting:
                task.until = max(task.until, until)

    def _unborn(self) -> int:
        return sum(not worker.ready for worker in self._pool.workers)

    def _order(self) -> None:
        worker = self._pool.order(_KEY, _Task(order=None, until=0))
        if worker is not None:
            worker.task = None  # whatever waits when it is born

    def _begin(self, worker: RenderProcess, task: _Task) -> None:
        """Send the order as the process takes it: one that was stopped must not stop the supervisor."""
        worker.task, worker.begun = task, True
        worker.limit(self._settings.time_limit)
        self._unsent[worker] = bytearray(encode(task.order))
        self._flush(worker)

    def _flush(self, worker: RenderProcess) -> None:
        unsent = self._unsent[worker]
        with suppress(OSError):  # it is full; or dead, which is found out soon
            while unsent:
                del unsent[: worker.socket.send(unsent, socket.MSG_DONTWAIT)]
        if not unsent:
            del self._unsent[worker]

    def _end(self, task: _Task, answer: JSON | DragomanError) -> None:
        if task.key:
            self._drawing.pop(task.key, None)
        task.answer(answer)

    def _note(self, task: _Task, report: Report) -> None:
        """Have the cache looked through when enough was put into it."""
        if not task.key or not isinstance(report, Done):
            return
        self._grown += room_of(report.answer)
        if self._grown >= SHARE * self._settings.cache:
            self._grown = 0
            order = dump(Shrink(most=self._settings.cache))
            self._waiting.append(_Task(order=order, until=time.monotonic() + BIRTH))


def _result(report: Report) -> JSON | DragomanError:
    """What whoever waits is told."""
    if isinstance(report, Done):
        return {"answer": report.answer}
    fault = getattr(report, "fault", "server")
    detail = getattr(report, "detail", DIED)
    if fault == "request":
        return InvalidRequest(detail)
    return MapUnreadable(detail) if fault == "file" else Unavailable(detail, retry_after=5)


def _setup(setup: render_process.RenderSetup, _key: str) -> render_process.RenderSetup:
    return setup


def open_pictures(house: House, settings: DrawingSettings) -> MapPictures:
    """The guest; see ``engine_settings.GuestRoom``."""
    return MapPictures(house, settings)
