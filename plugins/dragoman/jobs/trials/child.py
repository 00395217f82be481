"""A process that loads and runs a package for a trial: it dies alone, with whatever the package has started.

The parent starts it (``started``) and reads its reports; ``told`` and ``end`` are what the child does itself. It is
told what to do as JSON on standard input, and reports lines of JSON on a pipe of its own: an author's code may
print, close or replace whatever else there is.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dragoman.rasters.gdal_limits import limit_gdal
from dragoman.workers import process_tree

type Report = Callable[[object], None]
"""Sends the parent a JSON value."""

LOADING_SECONDS: Final = 300.0
"""That loading a package may take: a model may be large."""
TELLING: Final = 2.0
"""Seconds that a process which is to end may take to say what it was doing."""
GLANCE: Final = 0.5
"""Seconds between two looks whether a process that is silent still lives."""


@dataclass(kw_only=True)
class Child:
    """The process, as seen by its parent."""

    process: subprocess.Popen[bytes]
    reports: int
    """The descriptor that its lines come from."""
    received: bytearray = field(default_factory=bytearray)

    def report(self, seconds: float | None) -> list[Any] | None:
        """Its next report, in a list; None if it ended before that.

        Raises TimeoutError after ``seconds``; None waits as long as it lives.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self.received:
            gone = self.process.poll() is not None  # asked first: what it reported before is still read
            left = GLANCE if deadline is None else min(GLANCE, max(0.0, deadline - time.monotonic()))
            ready, _, _ = select.select([self.reports], [], [], 0 if gone else left)
            piece = os.read(self.reports, 1 << 16) if ready else b""
            self.received += piece
            if not piece and (gone or ready):
                return None
            if not piece and deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError
        line, _, rest = bytes(self.received).partition(b"\n")
        self.received[:] = rest
        return [json.loads(line)]

    def tell_stacks(self) -> None:
        """Have it write what its threads do to standard error, and end (see ``workers.stacks``)."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(TELLING)

    def exit_code(self) -> int:
        """Wait for its end; a negative code is the number of the signal that ended it."""
        return self.process.wait()


@contextlib.contextmanager
def started(
    command: Sequence[str],
    task: Mapping[str, object],
    *,
    memory_limit: int | None = None,
    silent: bool = False,
) -> Iterator[Child]:
    """Start a process on a task; nothing that it starts outlives the block.

    ``memory_limit`` is in bytes of data segment; ``silent`` discards what the package prints.
    """
    reading, writing = os.pipe()
    output = subprocess.DEVNULL if silent else None
    with tempfile.TemporaryFile("w+") as stdin:
        json.dump({**task, "reports": writing, "memory_limit": memory_limit}, stdin)
        stdin.seek(0)
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=[writing],
        )
    os.close(writing)
    try:
        yield Child(process=process, reports=reading)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(reading)


def told() -> tuple[dict[str, Any], Report]:
    """In the child: its task, and how to report; it dies with its parent, and its memory is limited from here on."""
    process_tree.die_with_parent()
    task: dict[str, Any] = json.load(sys.stdin)
    reports, limit = task["reports"], task["memory_limit"]
    os.set_inheritable(reports, False)
    if limit and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    limit_gdal(os.environ)

    def report(value: object) -> None:
        with contextlib.suppress(AttributeError, ValueError, OSError):  # the author's code may have closed it
            sys.stdout.flush()
        os.write(reports, json.dumps(value).encode() + b"\n")

    return task, report


def end() -> None:
    """In the child: end at once; no thread or exit handler of the package may hold it up."""
    os._exit(0)
