"""Hands out the batches of dataset sessions, and has the loader make them.

A session is live here from the first time that somebody asks for it until nobody has for long, or until others need
the memory of its batches; its row outlives that.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from dragoman.datasets.batch_files import batch_name, discard, sweep, touch
from dragoman.datasets.loader_messages import Advance, Again, Close, Failed, Open, Opened, Ready, Refused
from dragoman.errors import DatasetError, DatasetFieldError, DragomanError, NoSuchSession, Unavailable
from dragoman.jobs.engine.live_session import Failure, LiveSession
from dragoman.jobs.engine.loader_link import LoaderLink

if TYPE_CHECKING:
    from collections.abc import Collection

    from dragoman.datasets.loader_messages import Report
    from dragoman.datasets.ports import SessionStore
    from dragoman.jobs.dataset_settings import DatasetSettings
    from dragoman.jobs.engine.guests import House
    from dragoman.jobs.engine.live_session import Waiter
    from dragoman.jobs.engine.loader_link import BatchKey

LOGGER = logging.getLogger(__name__)

PARKED_AFTER: Final = 600.0
"""Seconds after which a session that nobody asks for holds no memory any more."""
IN_USE: Final = 30
"""Seconds since it was asked for that a session's batches are not let go of for another's."""
MOST_LIVE: Final = 500
"""Sessions that are live at once, but for those that somebody waits for."""
END: Final = {"end": True}
"""The answer where there is no batch any more."""
DEADLY: Final = "the loader died twice while it made this batch; look for a file that kills it"
DEADLY_TO_OPEN: Final = (
    "the loader died each time it opened this session; look at its manifest and first record"
)
OPENINGS: Final = 3
"""Deaths of the loader while it opened a session that the session is refused for."""


class BatchDesk:
    """The live sessions by id, and the loader that makes their batches."""

    def __init__(self, house: House, settings: DatasetSettings, store: SessionStore) -> None:
        self.live: dict[str, LiveSession] = {}
        self._memory = settings.memory
        self._store = store
        self._link = LoaderLink(house, settings, self)

    # -- asking ------------------------------------------------------------------------------------------

    def begin(self, live: LiveSession) -> None:
        """Have a new session opened, and its first batch made; raises Unavailable if there is no memory for it."""
        if self._make_room(live) <= 0:
            raise Unavailable("the batches of other sessions fill the memory for them", retry_after=IN_USE)
        self.live[live.session.id] = live
        self._open(live)

    def wait(self, live: LiveSession, waiter: Waiter) -> None:
        """Let somebody wait for the next batch; what failed before they came is tried again, but a deadly one."""
        live.waiters.append(waiter)
        live.asked = time.monotonic()
        position = live.session.position
        failure = live.failed.get(position)
        if failure is not None and not failure.deadly:
            self._again(live, position)
        if position not in live.ready:
            self._make_room(live)
        if not live.opened and live.next_unready() not in live.failed:
            self._open(live)
        self.serve(live)

    def begin_again(self, live: LiveSession) -> None:
        """Give those who wait the batches from the first one on, as a new generation."""
        session = self._store.rewind(live.session.id)
        self._let_go(live)
        live.session, live.asked = session, time.monotonic()
        if live.waiters:
            self._open(live)

    def drop(self, live: LiveSession) -> None:
        """Forget a session, with its batches and those who wait for them."""
        self.live.pop(live.session.id, None)
        self._let_go(live)
        while live.waiters:
            live.waiters.popleft().answer(NoSuchSession())

    # -- handing out -------------------------------------------------------------------------------------

    def serve(self, live: LiveSession) -> None:
        """Give those who wait what is ready, in order."""
        while live.waiters:
            position = live.session.position
            if live.waiters[0].gone():
                live.waiters.popleft()
            elif live.over():
                live.waiters.popleft().answer(END)
            elif position in live.failed:
                live.waiters.popleft().answer(live.failed[position].error)
                if not live.waiters:
                    live.failed[position] = replace(live.failed[position], deadly=False)  # it is known now
                    return
                self._again(live, position)  # whoever asks again tries again
            elif position in live.ready:
                self._hand_out(live)
            else:
                if not live.opened:
                    self._open(live)
                return

    def _hand_out(self, live: LiveSession) -> None:
        session = live.session
        path = live.ready[session.position]
        if not touch(path):  # somebody has deleted it: it is made again
            self._let_go(live)
            return
        waiter = live.waiters.popleft()
        try:
            moved = self._store.advance(session.id, session.generation, session.position)
        except Unavailable as error:
            waiter.answer(error)
            return
        if not moved:  # somebody else has written the row: nobody does, but for a person
            waiter.answer(NoSuchSession())
            self.drop(live)
            return
        del live.ready[session.position]
        live.session = replace(session, position=session.position + 1, used=datetime.now(UTC))
        live.handed.append(time.monotonic())
        waiter.answer({"path": path, "size": live.body_size})
        self._link.tell(
            Advance(session=session.id, generation=session.generation, position=live.session.position)
        )

    def _again(self, live: LiveSession, number: int) -> None:
        del live.failed[number]
        session = live.session
        if live.opened:
            self._link.tell(Again(session=session.id, generation=session.generation, number=number))

    # -- what the loader says ----------------------------------------------------------------------------

    def reported(self, report: Report) -> None:
        """See ``loader_link.Sessions``."""
        live = self.live.get(report.session)
        if live is None or live.session.generation != report.generation:
            if isinstance(report, Ready):
                discard(report.path)
            return
        match report:
            case Opened():
                self._has_opened(live, report)
            case Refused():
                kind = DatasetFieldError if report.field else DatasetError
                self._cannot_open(live, kind(report.detail))
            case Ready():
                live.add_ready(report.number, report.path)
                self._first_batch(live)
                self.serve(live)
            case Failed():
                self._fail(live, report.number, Failure(error=DatasetError(report.detail)))

    def lost(self, guilty: Collection[BatchKey]) -> None:
        """See ``loader_link.Sessions``."""
        lost = list(self.live.values())
        for live in lost:
            live.openings += live.opening
            live.opened = live.opening = False
        for live in lost:
            if live.openings >= OPENINGS:
                live.openings = 0
                self._cannot_open(live, DatasetError(DEADLY_TO_OPEN))
        for session_id, generation, number in guilty:
            culprit = self.live.get(session_id)
            if culprit is not None and culprit.session.generation == generation:
                self._fail(culprit, number, Failure(error=DatasetError(DEADLY), deadly=True))
        for live in list(self.live.values()):
            wanted = live.new is not None or live.waiters
            if wanted and not live.opened and live.next_unready() not in live.failed:
                self._open(live)

    def _open(self, live: LiveSession) -> None:
        session = live.session
        live.opened = live.opening = True
        self._link.tell(
            Open(
                session=session.id,
                generation=session.generation,
                configuration=session.configuration,
                position=session.position,
                ready={str(number): path for number, path in live.ready.items()},
                barrier=min(live.failed, default=None),
                size=session.manifest_size or None,
                modified=session.manifest_modified or None,
            )
        )

    def _has_opened(self, live: LiveSession, report: Opened) -> None:
        live.opening, live.openings = False, 0
        if live.new is not None:
            live.session = replace(
                live.session,
                description=report.description,
                manifest_size=report.size,
                manifest_modified=report.modified,
            )

    def _cannot_open(self, live: LiveSession, error: DatasetError) -> None:
        live.opened = live.opening = False
        if live.new is not None:
            self._give_up(live, error)
            return
        while live.waiters:
            live.waiters.popleft().answer(error)

    def _first_batch(self, live: LiveSession) -> None:
        """A new session is one once its first batch is there."""
        if live.new is None or live.session.position not in live.ready:
            return
        try:
            self._store.add(live.session)
        except (DragomanError, ValueError) as error:
            refusal = error if isinstance(error, DragomanError) else Unavailable("try again", retry_after=1)
            self._give_up(live, refusal)
            return
        answer, live.new = live.new, None
        answer({"id": live.session.id})

    def _fail(self, live: LiveSession, number: int, failure: Failure) -> None:
        if live.new is not None and number == live.session.position:
            self._give_up(live, failure.error)  # a session is one once its first batch is there
            return
        live.failed[number] = failure
        self.serve(live)

    def _give_up(self, live: LiveSession, error: DragomanError) -> None:
        answer, live.new = live.new, None
        self.drop(live)
        if answer is not None:
            answer(error)

    # -- memory ------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """To be called some 20 times a second."""
        self._link.tick()

    def clean(self) -> None:
        """Let go of what nobody has asked for lately, and of files that nobody has fetched; to be called seldom."""
        before = time.monotonic() - PARKED_AFTER
        idle = self._idle()
        for number, live in enumerate(idle):
            if live.asked < before or len(idle) - number > MOST_LIVE:
                self._park(live)
        known = {path for live in self.live.values() for path in live.ready.values()}
        sweep(self._link.folder, known, (batch_name(*key) for key in self._link.making))

    def close(self) -> None:
        """Kill the loader; the sessions stay for the next supervisor, their ready batches do not."""
        self._link.close()

    def _make_room(self, wanted: LiveSession) -> int:
        """Let go of batches that nobody has asked for of late, the oldest first, until one more has room.

        The bytes that are left free. Sessions in use share the memory: each gets a batch in turn (``Loader``).
        """
        free = self._memory - sum(len(live.ready) * live.body_size for live in self.live.values())
        before = time.monotonic() - IN_USE
        for live in self._idle():
            if free >= max(1, wanted.body_size) or live.asked >= before:
                break
            if live is not wanted and live.ready:
                free += len(live.ready) * live.body_size
                self._park(live)
        return free

    def _idle(self) -> list[LiveSession]:
        """The sessions that nobody waits for, the one not asked for longest first."""
        idle = [live for live in self.live.values() if live.new is None and not live.waiters]
        return sorted(idle, key=lambda live: live.asked)

    def _park(self, live: LiveSession) -> None:
        """Forget a session until it is asked for again."""
        self.live.pop(live.session.id, None)
        self._let_go(live)

    def _let_go(self, live: LiveSession) -> None:
        """Forget what the loader knows of a session, and made for it."""
        if live.opened:
            self._link.tell(Close(session=live.session.id))
        self._link.forget(live.session.id)
        live.opened = live.opening = False
        live.failed.clear()
        for path in live.ready.values():
            discard(path)
        live.ready.clear()
