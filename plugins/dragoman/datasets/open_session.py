"""A session as the loader has it open: its dataset, which batches are ready, and which comes next."""

from __future__ import annotations

import importlib
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dragoman.datasets.configuration import is_over, read_configuration
from dragoman.datasets.dataset import Dataset, Layout
from dragoman.datasets.decoder_messages import Learn
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.datasets.batch_files import BatchFile
    from dragoman.datasets.buffers import Buffer
    from dragoman.datasets.limits import DatasetLimits
    from dragoman.datasets.loader_messages import Open
    from dragoman.datasets.order import Place
    from dragoman.model.process import JSON
    from dragoman.sources.policy import SourcePolicy

LOGGER = logging.getLogger(__name__)

BATCH: Final = "the batch"
"""What a batch is called in messages."""
MOST_AHEAD: Final = 64
"""Batches of one session that are ready at once, however small."""
LIBRARIES: Final = ("cv2", "simplejpeg", "av")
"""Those of the extra ``dragoman[aeon]``."""
EXTRA: Final = "this session needs {}; have the server's operator install dragoman[aeon]"


@dataclass(eq=False, slots=True, kw_only=True)
class OpenSession:
    """An open session."""

    id: str
    generation: int
    dataset: Dataset
    layout: Layout
    position: int
    """The batch that is handed out next."""
    ahead: int
    """Batches that may be ready at once."""
    next: int
    """No batch before it is to be begun."""
    ready: dict[int, str] = field(default_factory=dict)
    """The files of batches that are ready."""
    making: set[int] = field(default_factory=set)
    """Batches that are being made."""
    barrier: int | None = None
    """A batch that failed: it, and what follows, is not begun until it is asked for again."""
    closed: bool = False
    ordering: threading.Lock = field(default_factory=threading.Lock)
    """Held by whoever asks for the order of the records: it is worked out by one thread at a time."""

    @property
    def key(self) -> str:
        """What decoders call it: after a reset it is another one."""
        return f"{self.id}-{self.generation}"

    def learn(self) -> Learn:
        """What a decoder has to know of it."""
        dataset = self.dataset
        return Learn(
            key=self.key,
            configuration=dataset.configuration.document,
            columns=dataset.columns,
            first=dataset.first_record(),
        )

    def next_batch(self) -> int | None:
        """The batch to be begun next; None while there is none."""
        self.next = max(self.next, self.position)
        while self.next in self.ready or self.next in self.making:
            self.next += 1
        number = self.next
        if self.closed or number >= self.position + self.ahead:
            return None
        if self.barrier is not None and number >= self.barrier:
            return None
        return None if is_over(self.dataset.configuration, self.dataset.record_count, number) else number

    def advance(self, position: int) -> int:
        """All batches before ``position`` are handed out; how many of them it held."""
        self.position = max(self.position, position)
        handed = [number for number in self.ready if number < self.position]
        for number in handed:
            del self.ready[number]
        return len(handed)

    def fail(self, number: int) -> None:
        """Begin nothing from this batch on, until it is asked for again."""
        self.barrier = number if self.barrier is None else min(self.barrier, number)

    def again(self, number: int) -> None:
        """Begin at this batch again, if it failed."""
        if self.barrier is not None:
            self.barrier, self.next = None, min(self.next, number)

    def places(self, number: int) -> list[Place]:
        """The records of a batch, in order."""
        with self.ordering:
            return list(self.dataset.places(number))


@dataclass(eq=False, slots=True, kw_only=True)
class BatchInMaking:
    """A batch that is being made, piece by piece."""

    session: OpenSession
    number: int
    file: BatchFile
    pieces: int
    """Pieces that are not finished."""
    failure: str = ""
    """Why it cannot be made: what is wrong with the first record that is, whichever decoder was faster."""
    failed: int = 0
    """The place of that record in the batch, where there is a failure."""
    failing: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, index: int, failure: str) -> None:
        """Note that the record at this place cannot be loaded."""
        with self.failing:
            if not self.failure or index < self.failed:
                self.failure, self.failed = failure, index


def open_session(order: Open, policy: SourcePolicy, limits: DatasetLimits) -> OpenSession:
    """The session of an order; raises DatasetError for what cannot be served."""
    configuration = read_configuration(order.configuration, lambda: 1)
    dataset = Dataset(configuration, policy, limits)
    version = dataset.version
    if order.size is not None and (order.size, order.modified) != (version.size, version.modified):
        dataset.close()
        raise DatasetError(
            f"manifest file {configuration.manifest_filename} has changed since the session began"
        )
    ready = {int(number): path for number, path in order.ready.items()}
    return OpenSession(
        id=order.session,
        generation=order.generation,
        dataset=dataset,
        layout=Layout(configuration, dataset.buffers),
        position=order.position,
        next=order.position,
        ready=ready,
        barrier=order.barrier,
        ahead=max(1, min(MOST_AHEAD, limits.max_batch_bytes // dataset.body_size)),
    )


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


def reason(error: Exception, what: str) -> str:
    """Why ``what`` failed, for the client; what nobody raised on purpose is logged, and named by its kind."""
    if isinstance(error, DatasetError):
        return error.detail
    if isinstance(error, ImportError):
        return EXTRA.format(_missing(error))
    if isinstance(error, OSError):
        return f"{what} finds no room: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"{what} needs more memory than there is"
    LOGGER.error("%s cannot be made", what, exc_info=error, extra={"action": "batch"})
    return f"{what} cannot be made: {type(error).__name__}"


def _missing(error: ImportError) -> str | None:
    """The library that is not here: a thread that waited for another's import to fail is not told which it was."""
    if isinstance(error, ModuleNotFoundError):
        return error.name
    for library in LIBRARIES:
        try:
            importlib.import_module(library)
        except ImportError:
            return library
    return error.name
