"""The loader: one process below the supervisor that makes the batches of all sessions, ahead of their readers.

Decoding strangers' pictures is for no web process. Each batch is shared out among decoders, processes of which there is
one for each processor (``decoder.py``); the loader plans, and waits for them. What fails costs its batch; what kills a
decoder kills the loader, and costs time (see ``jobs/engine/dataset_sessions.py``).
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dragoman.datasets.batch_files import BatchFiles, batch_name, discard
from dragoman.datasets.decoder_link import DecoderLink
from dragoman.datasets.decoder_messages import Fill
from dragoman.datasets.loader_messages import (
    ORDERS,
    REPORTS,
    Advance,
    Again,
    Began,
    Careful,
    Close,
    Failed,
    Open,
    Opened,
    Ready,
    Refused,
)
from dragoman.datasets.open_session import BATCH, BatchInMaking, description_of, open_session, reason
from dragoman.errors import DatasetFieldError
from dragoman.workers.framing import Channel, Disconnected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dragoman.datasets.batch_files import BatchFile
    from dragoman.datasets.limits import DatasetLimits
    from dragoman.datasets.loader_messages import Order, Report
    from dragoman.datasets.open_session import OpenSession
    from dragoman.datasets.order import Place
    from dragoman.sources.policy import SourcePolicy

LOGGER = logging.getLogger(__name__)

SESSION: Final = "the session"
TRIM: Final = 5.0
"""Seconds from one look for memory that nobody uses any more to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderSetup:
    """What the loader is told when it is born."""

    folder: Path
    """Where batches are put."""
    policy: SourcePolicy
    limits: DatasetLimits
    memory: int
    """Bytes of all batches that are ready or being made."""
    processors: int
    mark: str
    """Tells this supervisor's offspring from another's."""


@dataclass(eq=False, slots=True, kw_only=True)
class _Opening:
    """A session that is being opened, and what was ordered since."""

    order: Open
    later: list[Advance | Again] = field(default_factory=list)


class Loader:
    """Keeps the sessions' batches ready. Orders come in the main thread; each other one has a decoder to give work."""

    def __init__(self, channel: Channel, setup: LoaderSetup, decoders: Sequence[DecoderLink]) -> None:
        self._channel = channel
        self._setup = setup
        self._sending = threading.Lock()
        self._lock = threading.RLock()
        self._sessions: dict[str, OpenSession] = {}
        """In the order in which they get a batch next."""
        self._opening: dict[str, _Opening] = {}
        """Sessions that are not open yet."""
        self._held = 0
        """Bytes of batches that are ready or being made."""
        self._making = 0
        self._careful = False
        self._files = BatchFiles(setup.folder, setup.memory)
        self._decoders = decoders
        self._idle = queue.SimpleQueue[DecoderLink]()
        for decoder in decoders:
            self._idle.put(decoder)
        self._pool = ThreadPoolExecutor(len(decoders), thread_name_prefix="batches")

    @property
    def held(self) -> int:
        """Bytes of batches that are ready or being made."""
        return self._held

    def serve(self) -> None:
        """Follow orders until the supervisor hangs up, which raises Disconnected."""
        trim = time.monotonic() + TRIM
        while True:
            message = self._channel.receive_within(TRIM)
            if time.monotonic() >= trim:
                self._files.trim()
                for decoder in self._decoders:
                    decoder.tidy()
                trim = time.monotonic() + TRIM
            if message is not None:
                self.obey(ORDERS.load(message))

    def obey(self, order: Order) -> None:
        """Follow one order."""
        match order:
            case Open():
                self._begin_to_open(order)
            case Advance() | Again():
                self._follow(order)
            case Close(session=session):
                self._close(session)
            case Careful(on=on):
                self._careful = on
        self._begin_batches()

    # -- sessions ----------------------------------------------------------------------------------------

    def _begin_to_open(self, order: Open) -> None:
        with self._lock:
            self._opening[order.session] = opening = _Opening(order=order)
        self._pool.submit(self._open, opening)

    def _open(self, opening: _Opening) -> None:
        order = opening.order
        try:
            session = open_session(order, self._setup.policy, self._setup.limits)
        except Exception as error:  # of a stranger's files and any decoder: told to whoever asked for it
            self._refuse(opening, error)
            return
        with self._lock:
            if self._opening.get(order.session) is not opening:  # closed meanwhile, or ordered anew
                session.dataset.close()
                return
            self._close(order.session)
            self._sessions[session.id] = session
            self._held += len(session.ready) * session.layout.size
            for later in opening.later:
                self._follow(later)
        version = session.dataset.version
        self._send(
            Opened(
                session=session.id,
                generation=session.generation,
                description=description_of(session.dataset),
                size=version.size,
                modified=version.modified,
            )
        )
        self._begin_batches()

    def _refuse(self, opening: _Opening, error: Exception) -> None:
        order = opening.order
        with self._lock:
            if self._opening.get(order.session) is opening:
                del self._opening[order.session]
        self._send(
            Refused(
                session=order.session,
                generation=order.generation,
                detail=reason(error, SESSION),
                field=isinstance(error, DatasetFieldError),
            )
        )

    def _close(self, session_id: str) -> None:
        with self._lock:
            self._opening.pop(session_id, None)
            session = self._sessions.pop(session_id, None)
            if session is None:
                return
            for path in session.ready.values():
                discard(path)
            self._held -= len(session.ready) * session.layout.size
            session.ready.clear()
            session.closed = True
            for decoder in self._decoders:
                decoder.forget(session.key)
            if not session.making:
                session.dataset.close()

    def _follow(self, order: Advance | Again) -> None:
        with self._lock:
            session = self._sessions.get(order.session)
            if session is not None and session.generation == order.generation:
                if isinstance(order, Again):
                    session.again(order.number)
                else:
                    self._held -= session.advance(order.position) * session.layout.size
            elif order.session in self._opening:
                self._opening[order.session].later.append(order)

    # -- batches -----------------------------------------------------------------------------------------

    def _begin_batches(self, *reports: Report) -> None:
        """Begin as many batches as threads and memory allow, session after session.

        Reports that are due go with those of what begins: each message of its own would wake the supervisor.
        """
        begun: list[tuple[OpenSession, int]] = []
        with self._lock:
            while self._making < (1 if self._careful else len(self._decoders) + 1):
                turn = self._whose_turn()
                if turn is None:
                    break
                self._count(*turn)
                begun.append(turn)
            self._send(*reports, *(_began(*turn) for turn in begun))
        for turn in begun:
            self._pool.submit(self._prepare, *turn)

    def _whose_turn(self) -> tuple[OpenSession, int] | None:
        """The next session that wants a batch that there is memory for, with the batch's number.

        While nothing is being made, one that has no batch gets one beyond the memory: else it would wait for ever.
        """
        for session in list(self._sessions.values()):
            number = session.next_batch()
            if number is None:
                continue
            room = self._held + session.layout.size <= self._setup.memory
            if room or not (self._making or session.ready):
                self._sessions[session.id] = self._sessions.pop(session.id)
                return session, number
        return None

    def _count(self, session: OpenSession, number: int) -> None:
        session.making.add(number)
        self._making += 1
        self._held += session.layout.size

    def _prepare(self, session: OpenSession, number: int) -> None:
        """Make the file, and hand its records out in pieces."""
        try:
            places = session.places(number)
            beginning = batch_name(session.id, session.generation, number)
            file = self._files.begin(beginning, session.layout.size, self._held)
        except Exception as error:  # a thread of the pool would swallow it, and the batch be waited for
            self._end(session, number, None, reason(error, BATCH))
            return
        share = -(-len(places) // self._pieces(session, number))
        pieces = [(start, places[start : start + share]) for start in range(0, len(places), share)]
        batch = BatchInMaking(session=session, number=number, file=file, pieces=len(pieces))
        session.layout.arrays(file.body)  # the headers
        for piece in pieces[1:]:
            self._pool.submit(self._load, batch, *piece)
        self._load(batch, *pieces[0])

    def _pieces(self, session: OpenSession, number: int) -> int:
        """Into how many pieces a batch goes: as few as keep all decoders busy, but many if it is waited for."""
        decoders = len(self._decoders)
        return decoders if number == session.position else max(1, decoders // self._making)

    def _load(self, batch: BatchInMaking, row: int, places: list[Place]) -> None:
        """Have the rows of a piece filled; a closed session, or an earlier record's failure, makes it needless."""
        try:
            if not (batch.session.closed or (batch.failure and batch.failed < row)):
                self._fill(batch, row, places)
        except Disconnected:  # the batch may have killed it: whoever follows the loader finds out
            os._exit(1)
        except Exception as error:  # of the manifest: it is this batch's failure
            batch.fail(row, reason(error, BATCH))
        with self._lock:
            batch.pieces -= 1
            over = not batch.pieces
        if over:
            if not batch.failure:
                batch.session.layout.finish(batch.file.body)
            self._end(batch.session, batch.number, batch.file, batch.failure)

    def _fill(self, batch: BatchInMaking, row: int, places: list[Place]) -> None:
        session = batch.session
        task = Fill(
            key=session.key,
            path=str(batch.file.path),
            size=session.layout.size,
            row=row,
            places=places,
            records=list(session.dataset.records(places)),
        )
        decoder = self._idle.get()
        try:
            filled = decoder.fill(task, session.learn)
        finally:
            self._idle.put(decoder)
        if filled.failure:
            batch.fail(filled.row, filled.failure)
        if session.closed:  # it may have learnt it again
            decoder.forget(session.key)

    def _end(self, session: OpenSession, number: int, file: BatchFile | None, failure: str) -> None:
        reports: list[Report] = []
        with self._lock:
            session.making.discard(number)
            self._making -= 1
            if failure or file is None or session.closed or number < session.position:
                self._held -= session.layout.size
                if file is not None:
                    discard(str(file.path))
            if session.closed:
                if not session.making:
                    session.dataset.close()
            elif failure or file is None:
                session.fail(number)
                reports.append(_failed(session, number, failure))
            elif number >= session.position:
                session.ready[number] = str(file.path)
                reports.append(_ready(session, number, str(file.path)))
        self._begin_batches(*reports)

    def _send(self, *reports: Report) -> None:
        if reports:
            with self._sending, suppress(Disconnected):
                self._channel.send(*(REPORTS.dump(report) for report in reports))


def _began(session: OpenSession, number: int) -> Began:
    return Began(session=session.id, generation=session.generation, number=number)


def _failed(session: OpenSession, number: int, detail: str) -> Failed:
    return Failed(session=session.id, generation=session.generation, number=number, detail=detail)


def _ready(session: OpenSession, number: int, path: str) -> Ready:
    return Ready(session=session.id, generation=session.generation, number=number, path=path)
