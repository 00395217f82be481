"""Deletes expired jobs and map services, folders that belong to no job, and copies of packages that no job needs."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dragoman.errors import JobUnreadable, NoSuchJob, Unavailable
from dragoman.maps.held_steps import HeldSteps
from dragoman.model.job import JobQuery
from dragoman.model.status import JobStatus
from dragoman.packages.serving.records import Records
from dragoman.packages.serving.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragoman.jobs.ports import JobStore
    from dragoman.maps.ports import ServiceStore
    from dragoman.maps.service_files import ServiceFiles

LOGGER = logging.getLogger(__name__)
EVERY = 30.0
"""Seconds between two rounds in a running server."""
BATCH = 500
"""Jobs whose rows go in one write: each write waits for the disk, and for its turn beside a running server."""
ALL = 10**9
"""Jobs that are listed at most."""
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


def expire_services(services: ServiceStore, files: ServiceFiles, keep: float) -> int:
    """Remove every temporary map service that was made more than ``keep`` seconds ago; returns how many."""
    expired = services.expired(datetime.now(UTC) - timedelta(seconds=keep))
    removed = 0
    for (
        service
    ) in expired:  # the row first: nobody is shown what is not there; a crash is swept up at the start
        removed += services.remove([service.name])
        files.remove(service)
    return removed


def sweep_held(store: JobStore, held: HeldSteps) -> None:
    """Let go of the files of map services that no unfinished job is going to read any more."""

    def finished(job_id: str) -> bool | None:
        try:
            return store.get(job_id).status.finished
        except NoSuchJob:
            return None
        except JobUnreadable:
            return False

    held.sweep(finished)


def sweep_services(services: ServiceStore, files: ServiceFiles) -> None:
    """Remove the files of map services that are none: of runs, and ends, that a crash cut off.

    Only right while nothing runs: a run's files are there before the row that says so. Where a row of a job cannot be
    read (a newer dragoman wrote it), nobody knows which files are its: all of them stay.
    """
    for job_id in list(files.job_ids(older_than=float("inf"))):
        if services.readable(job_id):
            files.keep_only(job_id, services.of_job(job_id))


def sweep_packages(store: JobStore, home: Path) -> int:
    """Remove the copies of packages that are served no more, and that no unfinished job needs; returns how many."""
    snapshots = Snapshots(home)
    current = {Path(record.snapshot) for record in Records(home).all() if record.snapshot}
    superseded = snapshots.superseded(current)
    if not superseded:
        return 0
    waits = (JobStatus.CREATED, JobStatus.ACCEPTED, JobStatus.RUNNING)
    unfinished = JobQuery(statuses=waits, limit=ALL)
    needed = {Path(job.runtime.folder) for job in store.find(unfinished).jobs}
    unneeded = [snapshot for snapshot in superseded if snapshot not in needed]
    for snapshot in unneeded:
        snapshots.remove(snapshot)
    return len(unneeded)


class Housekeeper(threading.Thread):
    """Runs all of these every EVERY seconds until it is stopped."""

    def __init__(
        self,
        store: JobStore,
        results: Cleared,
        keep: float | None,
        home: Path,
        expire_maps: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(name="housekeeper", daemon=True)
        self._store = store
        self._results = results
        self._keep = keep
        self._home = home
        self._expire_maps = expire_maps
        """Removes map services that are too old."""
        self._stop_event = threading.Event()

    def run(self) -> None:
        """One round now, then one every EVERY seconds."""
        while True:
            try:
                if self._keep is not None:
                    expire(self._store, self._results, self._keep)
                self._expire_maps()
                sweep(self._store, self._results)
                sweep_held(self._store, HeldSteps(self._home))
                sweep_packages(self._store, self._home)
                self._results.empty_trash()
            except (Unavailable, OSError) as error:
                LOGGER.warning("housekeeping: %s", error, extra={"action": "cleanup"})
            if self._stop_event.wait(EVERY):
                return

    def stop(self) -> None:
        """End after the present round."""
        self._stop_event.set()
