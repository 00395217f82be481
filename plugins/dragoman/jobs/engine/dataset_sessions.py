"""The supervisor's part in dataset sessions: it counts the batches, and hands them out.

                   ┌─ asks ──► waits ── batch is ready: count it, hand it out ──► sent by the web process
    web process ───┤
                   └─ new session ──► the loader opens it and makes its first batch ──► row, id

The counter is moved before a batch is handed out: whatever dies then, no batch is handed out twice. The loader's death
costs time alone: batches that are ready stay, the next loader makes the others (``loader_link.py``).
"""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from dragoman.datasets.configuration import read_configuration
from dragoman.datasets.loader_messages import (
    Advance,
    Again,
    Close,
    Failed,
    Open,
    Opened,
    Ready,
    Refused,
)
from dragoman.errors import DatasetError, DatasetFieldError, DragomanError, NoSuchSession, Unavailable
from dragoman.jobs.engine.live_session import LiveSession, Waiter, discard, state_of
from dragoman.jobs.engine.loader_link import LoaderLink
from dragoman.jobs.stores.dataset_sessions import open_session_store
from dragoman.model.dataset_session import DatasetSession

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from dragoman.datasets.loader_messages import Report
    from dragoman.datasets.ports import SessionStore
    from dragoman.jobs.dataset_settings import DatasetSettings
    from dragoman.jobs.engine.guests import Answer, House
    from dragoman.jobs.engine.loader_link import BatchKey
    from dragoman.model.process import JSON

LOGGER = logging.getLogger(__name__)

MOST_SESSIONS: Final = 999
"""Of one owner, as in the real service."""
MOST_OPENING: Final = 64
"""Sessions that are being made at once."""
MOST_WAITING: Final = 1000
"""Callers that wait for a batch at once."""
SWEEP: Final = 10.0
"""Seconds from one look for idle sessions to the next."""
ID_DIGITS: Final = 18
END: Final = {"end": True}
"""The answer where there is no batch any more."""
DEADLY: Final = "the loader died twice while it made this batch; look for a file that kills it"


class DatasetSessions:
    """See ``engine.guests.Guest``. What is asked is JSON with one member ``what``, and ``owner`` (None: anybody's)."""

    def __init__(self, house: House, settings: DatasetSettings) -> None:
        self._settings = settings
        self._store: SessionStore = open_session_store(house.database_url)
        self._live: dict[str, LiveSession] = {}
        self._link = LoaderLink(house, settings, self)
        self._swept = time.monotonic()

    # -- questions ---------------------------------------------------------------------------------------

    def ask(self, body: JSON, answer: Answer, gone: Callable[[], bool]) -> None:
        """See ``Guest``."""
        what, owner = body["what"], body["owner"]
        if what == "create":
            self._create(body["configuration"], body["seed"], owner, answer)
            return
        live = self._find(body["session"], owner)
        if what == "next":
            self._next(live, Waiter(answer=answer, gone=gone))
        elif what == "reset":
            self._reset(live)
            answer({})
        elif what == "remove":
            self._store.remove(live.session.id)
            self._drop(live)
            answer({})
        else:
            answer(state_of(live))

    def _create(self, configuration: JSON, seed: int, owner: str, answer: Answer) -> None:
        if self._store.count(owner) >= MOST_SESSIONS:
            raise Unavailable(f"the number of loaders exceeded max value ({MOST_SESSIONS})", retry_after=60)
        if sum(live.new is not None for live in self._live.values()) >= MOST_OPENING:
            raise Unavailable("as many sessions as may be opened at once are being opened", retry_after=5)
        read = read_configuration(configuration, lambda: seed)
        now = datetime.now(UTC)
        session = DatasetSession(
            id=str(secrets.randbelow(9 * 10 ** (ID_DIGITS - 1)) + 10 ** (ID_DIGITS - 1)),
            owner=owner,
            configuration=read.document,
            description={},
            manifest_size=0,
            manifest_modified=0,
            created=now,
            used=now,
        )
        live = LiveSession(session=session, configuration=read, new=answer)
        self._live[session.id] = live
        self._open(live)

    def _find(self, session_id: str, owner: str | None) -> LiveSession:
        """The session, if it is the owner's; raises NoSuchSession."""
        live = self._live.get(session_id)
        if live is None:
            session = self._store.get(session_id)
            live = LiveSession(
                session=session, configuration=read_configuration(session.configuration, lambda: 1)
            )
            self._live[session_id] = live
        if live.new is not None or (owner is not None and live.session.owner != owner):
            raise NoSuchSession
        return live

    def _next(self, live: LiveSession, waiter: Waiter) -> None:
        if live.over():
            waiter.answer(END)
            return
        if sum(len(other.waiters) for other in self._live.values()) >= MOST_WAITING:
            raise Unavailable("as many callers as may wait for batches do", retry_after=1)
        live.waiters.append(waiter)
        position = live.session.position
        if live.failed.pop(position, None) is not None:
            self._link.tell(
                Again(session=live.session.id, generation=live.session.generation, number=position)
            )
        if not live.opened:
            self._open(live)
        self._serve(live)

    def _reset(self, live: LiveSession) -> None:
        session = self._store.rewind(live.session.id)
        self._link.tell(Close(session=session.id))
        live.discard_ready()
        live.session, live.opened = session, False
        live.failed.clear()
        if live.waiters:
            self._open(live)

    # -- handing out ---------------------------------------------------------------------------------------

    def _serve(self, live: LiveSession) -> None:
        """Give those who wait what is ready, in order."""
        while live.waiters:
            if live.waiters[0].gone():
                live.waiters.popleft()
                continue
            position = live.session.position
            if live.over():
                live.waiters.popleft().answer(END)
            elif position in live.failed:
                live.waiters.popleft().answer(live.failed[position])
                if live.waiters:  # whoever asks again tries again
                    del live.failed[position]
                    self._link.tell(
                        Again(session=live.session.id, generation=live.session.generation, number=position)
                    )
                return
            elif position in live.ready:
                self._hand_out(live, live.waiters.popleft())
            else:
                return

    def _hand_out(self, live: LiveSession, waiter: Waiter) -> None:
        session = live.session
        try:
            moved = self._store.advance(session.id, session.generation, session.position)
        except Unavailable as error:
            waiter.answer(error)
            return
        if not moved:  # somebody else has written the row: nobody does, but for a person
            waiter.answer(NoSuchSession())
            self._drop(live)
            return
        path = live.ready.pop(session.position)
        live.session = replace(session, position=session.position + 1, used=datetime.now(UTC))
        live.handed.append(time.monotonic())
        waiter.answer({"path": path, "size": session.description["body_size"]})
        self._link.tell(
            Advance(session=session.id, generation=session.generation, position=live.session.position)
        )

    # -- the loader ----------------------------------------------------------------------------------------

    def reported(self, report: Report) -> None:
        """See ``loader_link.Sessions``."""
        live = self._live.get(report.session)
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
                self._serve(live)
            case Failed():
                self._fail(live, report.number, DatasetError(report.detail))

    def lost(self, guilty: Collection[BatchKey]) -> None:
        """See ``loader_link.Sessions``."""
        for live in self._live.values():
            live.opened = False
        for session_id, generation, number in guilty:
            live_ = self._live.get(session_id)
            if live_ is not None and live_.session.generation == generation:
                self._fail(live_, number, DatasetError(DEADLY))
        for live in list(self._live.values()):
            if live.new is not None or live.waiters:
                self._open(live)

    def _open(self, live: LiveSession) -> None:
        session = live.session
        live.opened = True
        self._link.tell(
            Open(
                session=session.id,
                generation=session.generation,
                configuration=session.configuration,
                position=live.next_unready(),
                size=session.manifest_size or None,
                modified=session.manifest_modified or None,
            )
        )

    def _has_opened(self, live: LiveSession, report: Opened) -> None:
        if live.new is not None:
            live.session = replace(
                live.session,
                description=report.description,
                manifest_size=report.size,
                manifest_modified=report.modified,
            )

    def _cannot_open(self, live: LiveSession, error: DatasetError) -> None:
        live.opened = False
        if live.new is not None:
            self._give_up(live, error)
            return
        while live.waiters:
            live.waiters.popleft().answer(error)

    def _first_batch(self, live: LiveSession) -> None:
        """A new session is one once its first batch is there."""
        if live.new is None:
            return
        try:
            self._store.add(live.session)
        except (DragomanError, ValueError) as error:
            refusal = error if isinstance(error, DragomanError) else Unavailable("try again", retry_after=1)
            self._give_up(live, refusal)
            return
        answer, live.new = live.new, None
        answer({"id": live.session.id})

    def _fail(self, live: LiveSession, number: int, error: DatasetError) -> None:
        if live.new is not None:
            self._give_up(live, error)
            return
        live.failed[number] = error
        self._serve(live)

    def _give_up(self, live: LiveSession, error: DragomanError) -> None:
        answer = live.new
        self._drop(live)
        if answer is not None:
            answer(error)

    def _drop(self, live: LiveSession) -> None:
        """Forget a session, with its batches and those who wait for them."""
        self._live.pop(live.session.id, None)
        if live.opened:
            self._link.tell(Close(session=live.session.id))
        self._link.forget(live.session.id)
        live.discard_ready()
        while live.waiters:
            live.waiters.popleft().answer(NoSuchSession())

    # -- time ------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """See ``Guest``."""
        now = time.monotonic()
        self._link.tick()
        if now - self._swept >= SWEEP:
            self._swept = now
            self._expire()

    def _expire(self) -> None:
        """Remove the sessions that nobody has used for long, and forget those that need no memory here."""
        before = datetime.now(UTC) - timedelta(seconds=self._settings.idle_timeout)
        try:
            for session_id in self._store.idle(before):
                live = self._live.get(session_id)
                if live is None or not live.waiters:
                    self._store.remove(session_id)
                    if live is not None:
                        self._drop(live)
        except Unavailable as error:
            LOGGER.warning("idle sessions stay: %s", error.detail, extra={"action": "expire"})

    def close(self) -> None:
        """See ``Guest``; the sessions stay for the next supervisor, their ready batches do not."""
        self._link.close()
        for live in self._live.values():
            live.discard_ready()
        self._store.close()


def open_sessions(house: House, settings: DatasetSettings) -> DatasetSessions:
    """The guest; see ``engine_settings.GuestRoom``."""
    return DatasetSessions(house, settings)
