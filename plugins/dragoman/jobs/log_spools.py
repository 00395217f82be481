"""What the worker processes of this host are printing: a file for each, until its run ends.

A file of the job's own would have to be made for every job, though few print anything.
"""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from dragoman.workers import output_capture

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.jobs.ports import ResultStore

LOGGER = logging.getLogger(__name__)

LOG_LIMIT: Final = 2 * output_capture.LIMIT
"""Bytes that are kept of what one run printed: what it had leave to print, with room for a traceback."""


class LogSpools:
    """The files that workers print to, by pid: ``HOME/workers/<pid>.log``."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "workers"

    def path(self, pid: int) -> Path:
        """The file that a worker prints to while it runs a job; it need not exist."""
        return self._folder / f"{pid}.log"

    def read(self, pid: int, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes of what a worker has printed in its present run, from ``offset`` on."""
        try:
            with self.path(pid).open("rb") as file:
                file.seek(offset)
                return file.read(limit)
        except FileNotFoundError:  # the run has ended, or its worker is not of this host
            return b""

    def keep(self, job_id: str, pid: int, results: ResultStore) -> None:
        """Append what a worker printed to its job's log; its file is gone then.

        Of a very long one the end is lost; of any, where that cannot be written. That harms no job.
        """
        taken = self._taken(pid)
        try:
            with suppress(FileNotFoundError):
                os.rename(self.path(pid), taken)  # no reader may meet it here and in the log
            size = taken.stat().st_size
            if size > LOG_LIMIT:
                os.truncate(taken, LOG_LIMIT)
            if size:
                results.append_log(job_id, taken)
        except FileNotFoundError:  # it never came to print anything
            return
        except OSError as error:  # a full disk: the log is what can be spared
            LOGGER.warning(
                "a log is lost: %s", error.strerror, extra={"action": "keep-log", "job_id": job_id}
            )
        taken.unlink(missing_ok=True)

    def discard(self, pid: int) -> None:
        """Delete what a worker printed."""
        self.path(pid).unlink(missing_ok=True)
        self._taken(pid).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete them all; only right while there is no worker."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _taken(self, pid: int) -> Path:
        """Where a spool is while it becomes a log; what a crash leaves there is kept at the next try."""
        return self._folder / f"{pid}.ended"
