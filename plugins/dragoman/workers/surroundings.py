"""Where the runs of a worker happen: a working directory, which is the temporary folder too, and the umask.

A worker has a folder for life, in which its setup runs, and below it one for each run in turn, empty at its begin.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOCKET_NAME: Final = len("/listener-12345678")
SOCKET_PATH: Final = 103
"""Bytes of the path of a Unix socket that every system takes."""


class Surroundings:
    """What belongs to the process as a whole, and what one task changes must not meet the next.

    ``folder`` is the worker's own; ``remove`` deletes a folder, which need not exist. One folder serves all runs: it is
    looked into after each, and made anew only if something was left there.
    """

    def __init__(self, folder: Path, remove: Callable[[Path], None]) -> None:
        self.folder = folder
        self.run = folder / "run"
        self._remove = remove
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        remove(folder)  # of an earlier worker with this pid
        self.run.mkdir(parents=True)
        if sockets_fit(folder):
            # What multiprocessing keeps there lasts as long as the process, whatever run it was made in.
            keep_sockets_in(folder)
        _enter(folder)

    def restore(self) -> None:
        """An empty folder for the next run, and all else as it was when the worker was born."""
        os.umask(self._umask)
        with suppress(OSError):  # on a full disk, say; a run that has ended well must not fail by that
            if self._touched():
                self._remove(self.run)
                self.run.mkdir(parents=True, exist_ok=True)
            _enter(self.run)

    def _touched(self) -> bool:
        try:
            with os.scandir(self.run) as entries:
                return next(entries, None) is not None
        except OSError:  # deleted, replaced or closed
            return True


def sockets_fit(folder: Path) -> bool:
    """Whether the path of a socket in this folder is not too long."""
    return len(os.fsencode(folder)) + SOCKET_NAME <= SOCKET_PATH


def keep_sockets_in(folder: Path) -> None:
    """Have multiprocessing, here and in what it starts from here, keep its sockets in a folder that exists.

    It would make one in the temporary folder, and deletes that only in an orderly end. There is no public way.
    """
    process: Any = multiprocessing.current_process()
    process._config["tempdir"] = str(folder)


def _enter(folder: Path) -> None:
    os.chdir(folder)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    process: Any = multiprocessing.process
    process.ORIGINAL_DIR = str(folder)  # where processes that multiprocessing spawns go
