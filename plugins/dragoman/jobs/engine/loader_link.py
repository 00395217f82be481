"""The supervisor's link to the loader of batches: one process, born when it is needed, and again when it dies.

A batch at whose making two loaders died is guilty. To know which it was, a loader that follows a dead one makes one
batch at a time until all that were being made then are made.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from dragoman.datasets import loader_process
from dragoman.datasets.batch_files import batch_folder
from dragoman.datasets.loader import LoaderSetup
from dragoman.datasets.loader_messages import ORDERS, REPORTS, Began, Careful, Failed, Ready
from dragoman.workers.framing import encode
from dragoman.workers.pool import Kind, Pool

if TYPE_CHECKING:
    from collections.abc import Collection

    from dragoman.datasets.loader_messages import Order, Report
    from dragoman.jobs.dataset_settings import DatasetSettings
    from dragoman.jobs.engine.guests import House
    from dragoman.workers.worker import Worker

LOGGER = logging.getLogger(__name__)

REST: Final = 0.2
"""Seconds from the death of a loader to the birth of the next."""
_KEY: Final = "loader"

type LoaderProcess = Worker[str, str]
type BatchKey = tuple[str, int, int]
"""Session, generation, number."""


class Sessions(Protocol):
    """Whose batches the loader makes."""

    def reported(self, report: Report) -> None:
        """The loader has something to say of a session."""

    def lost(self, guilty: Collection[BatchKey]) -> None:
        """The loader died: what is still wanted has to be opened again. ``guilty`` are batches that killed two."""


class LoaderLink:
    """See the module; an Owner of its pool's worker."""

    def __init__(self, house: House, settings: DatasetSettings, sessions: Sessions) -> None:
        self._house = house
        self._settings = settings
        self._sessions = sessions
        self.folder = batch_folder(house.home, settings.memory)
        """Where the batches are."""
        kind: Kind[str] = Kind(main=loader_process.main, setup=self._setup, warm=1)
        self._pool = Pool[str, str](kind, house.forkserver, house.watch.announce)
        house.watch.tell(self, self._pool)
        self._loader: LoaderProcess | None = None
        self._unsent = bytearray()
        """Orders that wait for the birth of the loader, or until its socket takes them."""
        self.making: set[BatchKey] = set()
        """Batches that the loader has begun."""
        self._suspects: set[BatchKey] = set()
        self._not_before = 0.0
        """Monotonic time of the next birth at the earliest."""

    def tell(self, order: Order) -> None:
        """Send an order, or keep it until the loader is born, and takes it: a loader that hangs holds up nobody."""
        self._unsent += encode(ORDERS.dump(order))
        self._flush()

    def tick(self) -> None:
        """Have a loader born if there is something to tell it; to be called some 20 times a second."""
        self._pool.tick()
        self._flush()
        if self._loader is None and self._unsent and time.monotonic() >= self._not_before:
            self._loader = self._pool.order(_KEY, _KEY)

    def _flush(self) -> None:
        if self._loader is not None and self._loader.ready and self._unsent:
            with suppress(OSError):  # it is full; or dead, which is found out soon
                del self._unsent[: self._loader.socket.send(self._unsent, socket.MSG_DONTWAIT)]

    def close(self) -> None:
        """Kill the loader, and delete what it made."""
        self._pool.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- its life; see ``workers.watch.Owner`` -------------------------------------------------------------

    def born(self, _worker: LoaderProcess) -> None:
        """Tell it all that has been kept for it."""
        if self._suspects:
            self._unsent[:0] = encode(ORDERS.dump(Careful(on=True)))
        self._flush()

    def heard(self, _worker: LoaderProcess, message: Any) -> None:
        """Note which batches are being made, and pass the report on; a fault there is logged, and costs no job."""
        try:
            self._note(REPORTS.load(message))
        except Exception:  # in the loop: it must not end of what a child says
            LOGGER.exception("a report of the loader's is lost", extra={"action": "loader"})

    def _note(self, report: Report) -> None:
        match report:
            case Began():
                self.making.add((report.session, report.generation, report.number))
            case Ready() | Failed():
                self._over((report.session, report.generation, report.number))
                self._sessions.reported(report)
            case _:
                self._sessions.reported(report)

    def died(self, worker: LoaderProcess) -> None:
        """Find out which batch it was, and have the sessions open what they need in another loader."""
        code = worker.death().exit_code
        self._pool.forget(worker)
        if worker is not self._loader:
            return
        LOGGER.warning("the loader died (%s); another takes its place", code, extra={"action": "loader"})
        self._loader, self._unsent = None, bytearray()
        self._not_before = time.monotonic() + REST
        guilty = self.making & self._suspects if len(self.making) == 1 else set()
        self._suspects = (self._suspects | self.making) - guilty
        self.making = set()
        self._sessions.lost(guilty)

    def _over(self, batch: BatchKey) -> None:
        self.making.discard(batch)
        if batch in self._suspects:
            self._suspects.discard(batch)
            if not self._suspects:
                self.tell(Careful(on=False))

    def forget(self, session_id: str) -> None:
        """Suspect no batch of a session that is no more."""
        innocent = {batch for batch in self._suspects if batch[0] == session_id}
        if innocent:
            self._suspects -= innocent
            if not self._suspects:
                self.tell(Careful(on=False))

    def _setup(self, _key: str) -> LoaderSetup:
        settings = self._settings
        return LoaderSetup(
            folder=self.folder,
            policy=settings.policy,
            limits=settings.limits,
            memory=settings.memory,
            processors=os.cpu_count() or 1,
            mark=self._house.mark,
        )
