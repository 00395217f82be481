"""Deletes expired jobs, and folders that belong to no job."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from dragoman.errors import JobUnreadable, NoSuchJob, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.jobs.ports import JobStore

LOGGER = logging.getLogger(__name__)
EVERY = 30.0
"""Seconds between two rounds in a running server."""
BATCH = 500
"""Jobs whose rows go in one write: each write waits for the disk, and for its turn beside a running server."""
STRAY_AGE = 3600.0
"""Seconds that a folder without a job is left alone: its job may be about to be accepted."""


class Cleared(Protocol):
    """The files that are to be cut: a ResultStore, or that with the files of this host's runs."""

    def clear(self, job_id: str) -> None:
        """Delete all that there is of a job."""

    def job_ids(self, older_than: float) -> Iterator[str]:
        """See ResultStore."""

    def empty_trash(self) -> None:
        """See ResultStore."""


def expire(store: JobStore, results: Cleared, keep: float) -> int:
    """Remove every job that finished more than ``keep`` seconds ago, row and folder; returns how many."""
    cutoff = datetime.now(UTC) - timedelta(seconds=keep)
    removed = 0
    while job_ids := store.finished_ids(cutoff, BATCH):
        for job_id in job_ids:  # files first: what a crash leaves is found again by its row
            results.clear(job_id)
        gone = store.remove_all(job_ids)
        removed += gone
        if not gone:  # their rows are damaged: they stay
            break
    return removed


def sweep(store: JobStore, results: Cleared) -> int:
    """Remove old folders that belong to no job (a crash between folder and row); returns how many."""
    removed = 0
    for job_id in results.job_ids(older_than=time.time() - STRAY_AGE):
        try:
            store.get(job_id)
        except JobUnreadable:  # there is one all the same
            continue
        except NoSuchJob:
            results.clear(job_id)
            removed += 1
    return removed


class Housekeeper(threading.Thread):
    """Runs ``expire`` and ``sweep`` every EVERY seconds until it is stopped."""

    def __init__(self, store: JobStore, results: Cleared, keep: float | None) -> None:
        super().__init__(name="housekeeper", daemon=True)
        self._store = store
        self._results = results
        self._keep = keep
        self._stop_event = threading.Event()

    def run(self) -> None:
        """One round now, then one every EVERY seconds."""
        while True:
            try:
                if self._keep is not None:
                    expire(self._store, self._results, self._keep)
                sweep(self._store, self._results)
                self._results.empty_trash()
            except (Unavailable, OSError) as error:
                LOGGER.warning("housekeeping: %s", error, extra={"action": "cleanup"})
            if self._stop_event.wait(EVERY):
                return

    def stop(self) -> None:
        """End after the present round."""
        self._stop_event.set()
