"""The supervisor's link to the loader of batches: one process, born when it is needed, and again when it dies.

A batch at whose making two loaders died is guilty. To know which it was, a loader that follows a dead one makes one
batch at a time until all that were being made then are made.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from dragoman.datasets import loader
from dragoman.datasets.batch_files import batch_folder
from dragoman.datasets.loader_messages import Began, Careful, Failed, Ready, dump, load
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
        self._folder = batch_folder(house.home, settings.memory)
        kind: Kind[str] = Kind(main=loader.main, setup=self._setup, warm=1)
        self._pool = Pool[str, str](kind, house.forkserver, house.watch.announce)
        house.watch.tell(self, self._pool)
        self._loader: LoaderProcess | None = None
        self._unsent: list[Order] = []
        """For a loader that is not born yet."""
        self._making: set[BatchKey] = set()
        self._suspects: set[BatchKey] = set()
        self._not_before = 0.0
        """Monotonic time of the next birth at the earliest."""

    def tell(self, order: Order) -> None:
        """Send an order, or keep it for a loader to come."""
        if self._loader is not None and self._loader.ready:
            self._loader.send(dump(order))
        else:
            self._unsent.append(order)

    def tick(self) -> None:
        """Have a loader born if there is something to tell it; to be called some 20 times a second."""
        self._pool.tick()
        if self._loader is None and self._unsent and time.monotonic() >= self._not_before:
            self._loader = self._pool.order(_KEY, _KEY)

    def close(self) -> None:
        """Kill the loader."""
        self._pool.close()

    # -- its life; see ``workers.watch.Owner`` -------------------------------------------------------------

    def born(self, worker: LoaderProcess) -> None:
        """Tell it all that has been kept for it."""
        orders, self._unsent = self._unsent, []
        if self._suspects:
            worker.send(dump(Careful(on=True)))
        for order in orders:
            worker.send(dump(order))

    def heard(self, _worker: LoaderProcess, message: Any) -> None:
        """Note which batches are being made, and pass the report on."""
        report: Report = load(message)
        match report:
            case Began():
                self._making.add((report.session, report.generation, report.number))
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
        self._loader, self._unsent = None, []
        self._not_before = time.monotonic() + REST
        guilty = self._making & self._suspects if len(self._making) == 1 else set()
        self._suspects = (self._suspects | self._making) - guilty
        self._making = set()
        self._sessions.lost(guilty)

    def _over(self, batch: BatchKey) -> None:
        self._making.discard(batch)
        if batch in self._suspects:
            self._suspects.discard(batch)
            if not self._suspects:
                self.tell(Careful(on=False))

    def forget(self, session_id: str) -> None:
        """Suspect no batch of a session that is no more."""
        self._suspects = {batch for batch in self._suspects if batch[0] != session_id}
        if not self._suspects and self._loader is not None:
            self.tell(Careful(on=False))

    def _setup(self, _key: str) -> loader.LoaderSetup:
        settings = self._settings
        return loader.LoaderSetup(
            folder=self._folder,
            policy=settings.policy,
            limits=settings.limits,
            memory=settings.memory,
            threads=os.cpu_count() or 1,
            mark=self._house.mark,
        )
