"""The ResultStore on a folder: ``HOME/jobs/<first two of the id>/<id>/{outputs,scratch,log.txt,request.json}``."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from dragoman.errors import NoSuchJob

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class FolderResults:
    """See ``dragoman.jobs.ports.ResultStore``."""

    def __init__(self, home: Path) -> None:
        self._root = home / "jobs"
        self._spools = home / "workers"

    def outputs(self, job_id: str) -> Path:
        """See the port."""
        return self._folder(job_id) / "outputs"

    def scratch(self, job_id: str) -> Path:
        """See the port."""
        return self._folder(job_id) / "scratch"

    def log(self, job_id: str) -> Path:
        """See the port."""
        return self._folder(job_id) / "log.txt"

    def spool(self, pid: int) -> Path:
        """See the port."""
        return self._spools / f"{pid}.log"

    def keep_log(self, job_id: str, pid: int) -> None:
        """See the port."""
        with suppress(FileNotFoundError), self.spool(pid).open("r+b") as spool:
            if not os.fstat(spool.fileno()).st_size:
                return
            self._folder(job_id).mkdir(parents=True, exist_ok=True)
            with self.log(job_id).open("ab") as log:
                shutil.copyfileobj(spool, log)
            spool.truncate(0)

    def sweep_spools(self) -> None:
        """Remove the spools of workers; only right while there is none."""
        shutil.rmtree(self._spools, ignore_errors=True)

    def save_request(self, job_id: str, text: str) -> None:
        """See the port."""
        folder = self._folder(job_id)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "request.json").open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def load_request(self, job_id: str) -> str:
        """See the port."""
        try:
            return (self._folder(job_id) / "request.json").read_bytes().decode()
        except FileNotFoundError as error:
            raise NoSuchJob(f"the request of job '{job_id}' is gone") from error

    def clear(self, job_id: str, *, keep_log: bool = False) -> None:
        """See the port."""
        if not keep_log:
            shutil.rmtree(self._folder(job_id), ignore_errors=True)
            return
        shutil.rmtree(self.scratch(job_id), ignore_errors=True)
        shutil.rmtree(self.outputs(job_id), ignore_errors=True)

    def free_bytes(self) -> int:
        """See the port."""
        self._root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._root).free

    def job_ids(self, older_than: float) -> Iterator[str]:
        """The jobs that have a folder last changed before ``older_than`` (seconds since 1970)."""
        for folder in self._root.glob("??/*"):
            with suppress(FileNotFoundError):  # it has just been removed
                if JOB_ID.fullmatch(folder.name) and folder.stat().st_mtime < older_than:
                    yield folder.name

    def _folder(self, job_id: str) -> Path:
        if not JOB_ID.fullmatch(job_id):  # an id from a URL must never become another path
            raise NoSuchJob(f"there is no job '{job_id}'")
        return self._root / job_id[:2] / job_id
