"""The files of the runs of this host: the folder of each run, what its worker prints, and what of both is kept."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from dragoman.jobs.log_spools import LogSpools
from dragoman.jobs.trash import PATIENCE, Trash
from dragoman.maps.service_files import ServiceFiles
from dragoman.model.job_id import is_job_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.jobs.ports import ResultStore


class RunFiles:
    """What the local engine keeps in ``HOME/runs``, ``workers`` and ``gathered``, beside the results of its jobs."""

    def __init__(self, home: Path, results: ResultStore) -> None:
        self.results = results
        self.spools = LogSpools(home)
        self.services = ServiceFiles(home)
        self._runs = home / "runs"
        self._workers = home / "workers"
        self._gathered = home / "gathered"
        self._trash = Trash(home / "trash")

    def folder(self, job_id: str) -> Path:
        """Where a run of the job may write; it need not exist. On the file system of HOME, as the results are."""
        return self._runs / job_id

    def gathered(self, job_id: str) -> Path:
        """Where the files lie that were gathered for a job before it ran; it need not exist."""
        return self._gathered / job_id[:2] / job_id

    def drop_gathered(self, job_id: str) -> None:
        """Delete them: no run needs them any more."""
        self.throw(self.gathered(job_id))

    def worker_folder(self, pid: int) -> Path:
        """What a worker and its runs have as working directory and temporary folder; it makes it itself."""
        return self._workers / str(pid)

    def throw(self, folder: Path) -> None:
        """Delete a folder of this host's; what takes long is left to the trash."""
        self._trash.throw(folder, PATIENCE)

    def keep_log(self, job_id: str, pid: int) -> None:
        """Append what a worker printed to its job's log."""
        self.spools.keep(job_id, pid, self.results)

    def discard_worker(self, pid: int) -> None:
        """Delete the folder of a worker that is dead, and what it printed and nobody kept."""
        self.spools.discard(pid)
        self.throw(self.worker_folder(pid))

    def remove_file(self, job_id: str, name: str) -> None:
        """See ResultStore."""
        self.results.remove_file(job_id, name)

    def remove_derived(self, job_id: str) -> None:
        """See ResultStore."""
        self.results.remove_derived(job_id)

    def remove_request(self, job_id: str) -> None:
        """See ResultStore."""
        self.results.remove_request(job_id)

    def clear(self, job_id: str, *, keep_log: bool = False) -> None:
        """Delete what a run has left and, as ResultStore.clear, what was kept of the job."""
        self.results.clear(job_id, keep_log=keep_log)  # first: it refuses what is no job id
        self._trash.throw(self.folder(job_id), PATIENCE)
        self._trash.throw(self.services.folder(job_id), PATIENCE)
        if not keep_log:  # else it may run again
            self._trash.throw(self.gathered(job_id), PATIENCE)

    def place_services(self, job_id: str, made: Path) -> None:
        """Move a folder with the files of a job's map services to its place, in place of an earlier run's."""
        self._trash.throw(self.services.folder(job_id), PATIENCE)
        self.services.place(job_id, made)

    def job_ids(self, older_than: float) -> Iterator[str]:
        """See ResultStore; those for which files were gathered, and those with map services, as well."""
        yield from self.results.job_ids(older_than)
        yield from filter(is_job_id, self.services.job_ids(older_than))
        for folder in self._gathered.glob("??/*"):
            with suppress(FileNotFoundError):  # it has just been removed
                if is_job_id(folder.name) and os.stat(folder).st_mtime < older_than:
                    yield folder.name

    def empty_trash(self) -> None:
        """Delete what took too long to delete when it was cleared."""
        self._trash.empty()
        self.results.empty_trash()

    def sweep(self) -> None:
        """Delete what an earlier engine's runs have left; only right while there is no worker."""
        self.spools.sweep()
        self._trash.throw(self._runs, 0.0)
