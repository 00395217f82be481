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
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from dragoman.datasets.configuration import read_configuration
from dragoman.errors import NoSuchSession, Unavailable
from dragoman.jobs.engine.batch_desk import END, BatchDesk
from dragoman.jobs.engine.live_session import LiveSession, Waiter, state_of
from dragoman.jobs.stores.dataset_sessions import open_session_store
from dragoman.model.dataset_session import DatasetSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.datasets.ports import SessionStore
    from dragoman.jobs.dataset_settings import DatasetSettings
    from dragoman.jobs.engine.guests import Answer, House
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


class DatasetSessions:
    """See ``engine.guests.Guest``. What is asked is JSON with one member ``what``, and ``owner`` (None: anybody's)."""

    def __init__(self, house: House, settings: DatasetSettings) -> None:
        self._settings = settings
        self._store: SessionStore = open_session_store(house.database_url)
        self._desk = BatchDesk(house, settings, self._store)
        self._swept = time.monotonic()

    def ask(self, body: JSON, answer: Answer, gone: Callable[[], bool]) -> None:
        """See ``Guest``."""
        what, owner = body["what"], body["owner"]
        if what == "create":
            self._create(body["configuration"], body["seed"], owner, answer)
            return
        live = self._find(body["session"], body["owner"])
        if what == "next":
            self._next(live, Waiter(answer=answer, gone=gone))
        elif what == "reset":
            self._desk.begin_again(live)
            answer({})
        elif what == "remove":
            self._store.remove(live.session.id)
            self._desk.drop(live)
            answer({})
        else:
            answer(state_of(live))

    def tick(self) -> None:
        """See ``Guest``."""
        self._desk.tick()
        now = time.monotonic()
        if now - self._swept >= SWEEP:
            self._swept = now
            self._expire()
            self._desk.clean()

    def close(self) -> None:
        """See ``Guest``."""
        self._desk.close()
        self._store.close()

    def _create(self, configuration: JSON, seed: int, owner: str, answer: Answer) -> None:
        if self._store.count(owner) >= MOST_SESSIONS:
            raise Unavailable(f"the number of loaders exceeded max value ({MOST_SESSIONS})", retry_after=60)
        if sum(live.new is not None for live in self._desk.live.values()) >= MOST_OPENING:
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
        self._desk.begin(LiveSession(session=session, configuration=read, new=answer))

    def _find(self, session_id: str, owner: str | None) -> LiveSession:
        """The session, if it is the owner's; raises NoSuchSession."""
        live = self._desk.live.get(session_id)
        session = self._store.get(session_id) if live is None else live.session
        if owner is not None and session.owner != owner:
            raise NoSuchSession
        if live is None:
            read = read_configuration(session.configuration, lambda: 1)
            live = self._desk.live[session_id] = LiveSession(session=session, configuration=read)
        elif live.new is not None:
            raise NoSuchSession
        return live

    def _next(self, live: LiveSession, waiter: Waiter) -> None:
        if live.over():
            waiter.answer(END)
            return
        if sum(len(other.waiters) for other in self._desk.live.values()) >= MOST_WAITING:
            raise Unavailable("as many callers as may wait for batches do", retry_after=1)
        self._desk.wait(live, waiter)

    def _expire(self) -> None:
        """Remove the sessions that nobody has used for long."""
        before = datetime.now(UTC) - timedelta(seconds=self._settings.idle_timeout)
        try:
            for session_id in self._store.idle(before):
                live = self._desk.live.get(session_id)
                if live is None or not live.waiters:
                    self._store.remove(session_id)
                    if live is not None:
                        self._desk.drop(live)
        except (Unavailable, NoSuchSession) as error:
            LOGGER.warning("idle sessions stay: %s", error.detail, extra={"action": "expire"})


def open_sessions(house: House, settings: DatasetSettings) -> DatasetSessions:
    """The guest; see ``engine_settings.GuestRoom``."""
    return DatasetSessions(house, settings)
