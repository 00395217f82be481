"""The loader: one process below the supervisor that makes the batches of all sessions, ahead of their readers.

Decoding strangers' pictures is for no web process. A thread for each processor takes the next piece of a batch;
OpenCV, simplejpeg and GDAL let go of the interpreter while they work. What fails costs its batch; what kills the
process costs time (see ``jobs/engine/dataset_sessions.py``).
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from dragoman.datasets.batch_files import BatchFile
from dragoman.datasets.configuration import is_over, read_configuration
from dragoman.datasets.dataset import Dataset, Layout
from dragoman.datasets.loader_messages import (
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
    dump,
    load,
)
from dragoman.errors import DatasetError, DatasetFieldError
from dragoman.workers import child
from dragoman.workers.framing import Channel, Disconnected

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from dragoman.datasets.buffers import Buffer
    from dragoman.datasets.limits import DatasetLimits
    from dragoman.datasets.loader_messages import Report
    from dragoman.datasets.order import Place
    from dragoman.model.process import JSON
    from dragoman.sources.policy import SourcePolicy

LOGGER = logging.getLogger(__name__)

MOST_AHEAD: Final = 64
"""Batches of one session that are ready at once, however small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderSetup:
    """What the loader is told when it is born."""

    folder: Path
    """Where batches are put."""
    policy: SourcePolicy
    limits: DatasetLimits
    memory: int
    """Bytes of all batches that are ready or being made."""
    threads: int
    mark: str
    """Tells this supervisor's offspring from another's."""


def main(sock: socket.socket, setup: LoaderSetup) -> None:
    """What the process runs."""
    child.settle(mark=setup.mark)
    child.end_with_supervisor(sock)
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "100000000")  # read when OpenCV is imported
    loader = Loader(Channel(sock), setup)
    with suppress(Disconnected):
        loader.serve()
    os._exit(0)


@dataclass(eq=False, slots=True, kw_only=True)
class _Session:
    """An open session."""

    id: str
    generation: int
    dataset: Dataset
    layout: Layout
    position: int
    ahead: int
    """Batches that may be ready at once."""
    next: int
    """The batch that is made next."""
    ready: dict[int, Path] = field(default_factory=dict)
    making: int = 0
    """Batches that are being made."""
    stopped: bool = False
    """Whether a batch has failed: nothing is made until it is asked for again."""

    def wants(self) -> bool:
        """Whether another batch may be begun."""
        if self.stopped or self.next >= self.position + self.ahead:
            return False
        return not is_over(self.dataset.configuration, self.dataset.record_count, self.next)


@dataclass(eq=False, slots=True, kw_only=True)
class _Batch:
    """A batch that is being made, piece by piece."""

    session: _Session
    number: int
    file: BatchFile
    arrays: list[NDArray[Any]]
    pieces: int
    """Pieces that are not finished."""
    failure: str = ""


class Loader:
    """Keeps the sessions' batches ready. Orders come in the main thread, batches are made in the pool's."""

    def __init__(self, channel: Channel, setup: LoaderSetup) -> None:
        self._channel = channel
        self._setup = setup
        self._sending = threading.Lock()
        self._lock = threading.RLock()
        self._sessions: dict[str, _Session] = {}
        self._turn: list[str] = []
        """Sessions in the order in which they get a batch next."""
        self._held = 0
        """Bytes of batches that are ready or being made."""
        self._making = 0
        self._careful = False
        self._names = itertools.count()
        self._pool = ThreadPoolExecutor(setup.threads, thread_name_prefix="batches")

    def serve(self) -> None:
        """Follow orders until the supervisor hangs up, which raises Disconnected."""
        while True:
            order = load(self._channel.receive())
            match order:
                case Open():
                    self._pool.submit(self._open, order)
                case Advance():
                    self._advance(order)
                case Again(session=session, generation=generation, number=number):
                    self._again(session, generation, number)
                case Close(session=session):
                    self._close(session)
                case Careful(on=on):
                    self._careful = on
            self._begin_batches()

    # -- sessions ----------------------------------------------------------------------------------------

    def _open(self, order: Open) -> None:
        try:
            session = self._opened(order)
        except DatasetError as error:
            self._refuse(order, error)
            return
        except Exception as error:
            LOGGER.exception("a session cannot be opened", extra={"action": "open"})
            self._refuse(order, DatasetError(f"the session cannot be opened: {type(error).__name__}"))
            return
        with self._lock:
            self._close(order.session)
            self._sessions[session.id] = session
            self._turn.append(session.id)
        dataset = session.dataset
        self._send(
            Opened(
                session=session.id,
                generation=session.generation,
                description=description_of(dataset),
                size=dataset.version.size,
                modified=dataset.version.modified,
            )
        )
        self._begin_batches()

    def _opened(self, order: Open) -> _Session:
        configuration = read_configuration(order.configuration, lambda: 1)
        dataset = Dataset(configuration, self._setup.policy, self._setup.limits)
        version = dataset.version
        if order.size is not None and (order.size, order.modified) != (version.size, version.modified):
            dataset.close()
            raise DatasetError(
                f"manifest file {configuration.manifest_filename} has changed since the session began"
            )
        size = dataset.body_size
        return _Session(
            id=order.session,
            generation=order.generation,
            dataset=dataset,
            layout=Layout(configuration, dataset.buffers),
            position=order.position,
            next=order.position,
            ahead=max(1, min(MOST_AHEAD, self._setup.limits.max_batch_bytes // size)),
        )

    def _refuse(self, order: Open, error: DatasetError) -> None:
        field = isinstance(error, DatasetFieldError)
        self._send(
            Refused(session=order.session, generation=order.generation, detail=error.detail, field=field)
        )

    def _close(self, session_id: str) -> None:
        with self._lock:
            session = self._sessions.pop(session_id, None)
            if session is None:
                return
            self._turn.remove(session_id)
            for path in session.ready.values():
                path.unlink(missing_ok=True)
            self._held -= len(session.ready) * session.layout.size
            session.stopped = True
            if not session.making:
                session.dataset.close()

    def _advance(self, order: Advance) -> None:
        with self._lock:
            session = self._current(order.session, order.generation)
            if session is None:
                return
            session.position = max(session.position, order.position)
            for number in [number for number in session.ready if number < order.position]:
                del session.ready[number]
                self._held -= session.layout.size

    def _again(self, session_id: str, generation: int, number: int) -> None:
        with self._lock:
            session = self._current(session_id, generation)
            if session is not None and session.stopped:
                session.stopped, session.next = False, number

    def _current(self, session_id: str, generation: int) -> _Session | None:
        session = self._sessions.get(session_id)
        return session if session is not None and session.generation == generation else None

    # -- batches -----------------------------------------------------------------------------------------

    def _begin_batches(self) -> None:
        """Begin as many batches as threads and memory allow, session after session."""
        with self._lock:
            while self._making < (1 if self._careful else self._setup.threads + 1):
                session = self._whose_turn()
                if session is None:
                    return
                self._begin(session)

    def _whose_turn(self) -> _Session | None:
        """The next session that wants a batch that there is memory for; one without any may always have one."""
        for session_id in list(self._turn):
            session = self._sessions[session_id]
            room = self._held + session.layout.size <= self._setup.memory
            alone = not session.ready and not session.making
            if session.wants() and (room or alone):
                self._turn.remove(session_id)
                self._turn.append(session_id)
                return session
        return None

    def _begin(self, session: _Session) -> None:
        number = session.next
        session.next += 1
        session.making += 1
        self._making += 1
        self._held += session.layout.size
        self._send(Began(session=session.id, generation=session.generation, number=number))
        self._pool.submit(self._prepare, session, number)

    def _prepare(self, session: _Session, number: int) -> None:
        """Make the file, and hand its records out in pieces, one for each thread."""
        try:
            with self._lock:  # the order of records is one thread's at a time
                places = session.dataset.places(number)
            name = f"{session.id}-{session.generation}-{number}-{os.getpid()}-{next(self._names)}"
            file = BatchFile(self._setup.folder / name, session.layout.size)
        except Exception as error:
            self._end(session, number, None, _reason(error))
            return
        indexed = list(enumerate(places))
        share = -(-len(indexed) // self._setup.threads)
        pieces = [indexed[start : start + share] for start in range(0, len(indexed), share)]
        batch = _Batch(
            session=session,
            number=number,
            file=file,
            arrays=session.layout.arrays(file.body),
            pieces=len(pieces),
        )
        for piece in pieces[1:]:
            self._pool.submit(self._load, batch, piece)
        self._load(batch, pieces[0])

    def _load(self, batch: _Batch, piece: list[tuple[int, Place]]) -> None:
        try:
            for index, place in piece:
                if batch.failure or batch.session.stopped:
                    break
                batch.session.dataset.load(place, [values[index] for values in batch.arrays])
        except Exception as error:
            batch.failure = batch.failure or _reason(error)
        with self._lock:
            batch.pieces -= 1
            over = not batch.pieces
        if over:
            if not batch.failure:
                batch.session.layout.finish(batch.arrays)
            batch.arrays.clear()
            self._end(batch.session, batch.number, batch.file, batch.failure)

    def _end(self, session: _Session, number: int, file: BatchFile | None, failure: str) -> None:
        with self._lock:
            session.making -= 1
            self._making -= 1
            wanted = self._current(session.id, session.generation) is session and number >= session.position
            if failure or not wanted or file is None:
                self._held -= session.layout.size
                if file is not None:
                    file.discard()
            if not wanted:
                if session.id not in self._sessions and not session.making:
                    session.dataset.close()
            elif failure or file is None:
                session.stopped = True
                self._send(
                    Failed(session=session.id, generation=session.generation, number=number, detail=failure)
                )
            else:
                session.ready[number] = file.path
                self._send(
                    Ready(
                        session=session.id,
                        generation=session.generation,
                        number=number,
                        path=str(file.path),
                    )
                )
        self._begin_batches()

    def _send(self, report: Report) -> None:
        with self._sending, suppress(Disconnected):
            self._channel.send(dump(report))


def description_of(dataset: Dataset) -> Mapping[str, JSON]:
    """What is told of a session without opening it again; see DatasetSession."""
    return {
        "buffers": [_buffer(buffer) for buffer in dataset.buffers],
        "batch_size": dataset.configuration.batch_size,
        "batch_count": dataset.batch_count,
        "record_count": dataset.record_count,
        "manifest_records": dataset.manifest_records,
        "body_size": dataset.body_size,
    }


def _buffer(buffer: Buffer) -> dict[str, JSON]:
    return {"name": buffer.name, **buffer.description()}


def _reason(error: Exception) -> str:
    """Why a batch failed, for the client; what nobody raised on purpose is logged, and named by its kind."""
    if isinstance(error, DatasetError):
        return error.detail
    if isinstance(error, ModuleNotFoundError):
        return f"this session needs {error.name}; install dragoman[aeon]"
    if isinstance(error, OSError):
        return f"there is no room for the batch: {error.strerror}"
    LOGGER.error("a batch cannot be made", exc_info=error, extra={"action": "batch"})
    return f"the batch cannot be made: {type(error).__name__}"
