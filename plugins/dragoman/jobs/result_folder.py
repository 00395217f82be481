"""The ResultStore on a folder: ``HOME/jobs/<first two of the id>/<id>/{outputs,scratch,log.txt,request.json}``."""

from __future__ import annotations

import logging
import os
import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from dragoman.errors import NoSuchJob
from dragoman.jobs.trash import Trash
from dragoman.workers import output_capture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOGGER = logging.getLogger(__name__)

LOG_LIMIT = 2 * output_capture.LIMIT
"""Bytes that are kept of what one run printed: what it had leave to print, with room for a traceback."""
PATIENCE = 0.1
"""Seconds to spend at once on deleting the files of a job: there may be millions, and others wait."""

JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class FolderResults:
    """See ``dragoman.jobs.ports.ResultStore``."""

    def __init__(self, home: Path) -> None:
        self._root = home / "jobs"
        self._spools = home / "workers"
        self._trash = Trash(home / "trash")

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
        spool, log = self.spool(pid), self.log(job_id)
        try:
            size = spool.stat().st_size
            if size > LOG_LIMIT:
                os.truncate(spool, LOG_LIMIT)
            if size:
                log.parent.mkdir(parents=True, exist_ok=True)
                _move(spool, log)
        except FileNotFoundError:  # it never came to print anything
            return
        except OSError as error:  # a full disk: the log is what can be spared
            LOGGER.warning(
                "a log is lost: %s", error.strerror, extra={"action": "keep-log", "job_id": job_id}
            )
            spool.unlink(missing_ok=True)

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
        folder = self._folder(job_id)
        for doomed in (self.scratch(job_id), self.outputs(job_id)) if keep_log else (folder,):
            try:
                self._trash.throw(doomed, PATIENCE)
            except OSError:  # a full disk may have no room for another name
                with suppress(RecursionError):
                    shutil.rmtree(doomed, ignore_errors=True)

    def empty_trash(self) -> None:
        """Delete what took too long to delete when it was cleared."""
        self._trash.empty()

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


def _move(spool: Path, log: Path) -> None:
    """Make the spool the log, or append it to one that there is."""
    if not log.exists():
        os.rename(spool, log)
        return
    with spool.open("rb") as printed, log.open("ab") as kept:
        shutil.copyfileobj(printed, kept)
    spool.unlink()
