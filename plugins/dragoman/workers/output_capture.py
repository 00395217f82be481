"""Captures all that a worker process prints, up to a limit, into one log for each run."""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIMIT = 16 * 1024 * 1024
"""Bytes of one run; what is more is cut off while it still runs."""
CUT = b"\n--- more was printed than is kept ---\n"


class OutputCapture:
    """Standard output and error of this process, line by line in one file: prints, logging, C libraries, children.

    An algorithm may close, replace or redirect them; the next run begins with them as they were.
    """

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._ended = False
        self._lock = threading.Lock()
        self._file = -1
        spool.parent.mkdir(parents=True, exist_ok=True)
        self._take_over()

    def begin(self, attempt: int) -> None:
        """Whatever is written from now on, by anybody here, is the run's."""
        if self._disturbed():
            self._take_over()
        with suppress(OSError):
            if os.fstat(self._file).st_size:  # written between two runs, by a thread that one of them left
                os.ftruncate(self._file, 0)
            if attempt > 1:
                os.write(self._file, f"--- attempt {attempt} ---\n".encode())
        self._ended = False

    def trim(self) -> None:
        """Cut off what is over the limit; to be called now and then while the run goes on."""
        with suppress(OSError), self._lock:
            if not self._ended and os.fstat(self._file).st_size > LIMIT:
                os.ftruncate(self._file, LIMIT)

    def write(self, text: str) -> None:
        """Add, below what the run has printed, something that must be kept."""
        self._end_run()
        left = memoryview(text.encode("utf-8", "replace"))
        with suppress(OSError):
            while left:
                left = left[os.write(self._file, left) :]

    def end(self, keep: Callable[[], None]) -> None:
        """Have ``keep`` take the file if anything was written to it."""
        self._end_run()
        with suppress(OSError):
            if os.fstat(self._file).st_size:
                keep()
                self._take_over()

    def _end_run(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # whatever the algorithm has put there
                stream.flush()
        self.trim()
        with suppress(OSError), self._lock:
            if not self._ended and os.fstat(self._file).st_size >= LIMIT:
                os.write(self._file, CUT)
            self._ended = True

    def _disturbed(self) -> bool:
        try:
            spool = os.fstat(self._file)
            same = all(os.path.samestat(os.fstat(fd), spool) for fd in (1, 2))
        except OSError:
            return True
        streams = (sys.stdout, sys.stderr)
        return not same or any(
            mine is not now or now.closed for mine, now in zip(self._streams, streams, strict=True)
        )

    def _take_over(self) -> None:
        null, before = _open(os.devnull, os.O_RDONLY), self._file
        try:
            self._file = _open(self._spool, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        except OSError:  # a full disk: what is printed is what can be spared
            self._file = _open(os.devnull, os.O_WRONLY)
        if before >= 0:
            with suppress(OSError):
                os.close(before)
        for descriptor, target in ((null, 0), (self._file, 1), (self._file, 2)):
            os.dup2(descriptor, target)
        os.close(null)
        self._streams = (_stream(1), _stream(2))
        sys.stdout, sys.stderr = self._streams
        logging.basicConfig(
            stream=sys.stderr,
            level=logging.INFO,
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
            force=True,
        )
        logging.captureWarnings(capture=True)


def _open(path: Path | str, flags: int) -> int:
    """Open a file as no standard stream, even where one of those is closed."""
    low = os.open(path, flags, 0o600)
    high = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(low)
    return high


def _stream(descriptor: int) -> TextIO:
    return os.fdopen(descriptor, "w", buffering=1, closefd=False, encoding="utf-8", errors="replace")
