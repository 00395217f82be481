"""How many synchronous calls may wait for their jobs at once in this process."""

from __future__ import annotations

import re
import shlex
import threading
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from dragoman.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DEVELOPMENT: Final = 30
"""Under a development server, whose threads have no limit."""

_THREADS: Final = re.compile(r"--threads(?:=(\d+))?")


class SyncSlots:
    """A set number of slots for waiting calls."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._free = threading.BoundedSemaphore(limit)

    def enter(self, patience: float = 0) -> bool:
        """Take a slot within ``patience`` seconds, or none; whoever gets True owes a ``leave``."""
        return self._free.acquire(timeout=patience) if patience else self._free.acquire(blocking=False)

    def leave(self) -> None:
        """Give a slot back."""
        self._free.release()

    @contextmanager
    def slot(self, patience: float = 0) -> Iterator[None]:
        """Hold a slot; raises Unavailable if there is none within ``patience`` seconds."""
        if not self.enter(patience):
            raise Unavailable(
                f"{self.limit} synchronous calls wait already; try again, or send 'Prefer: respond-async'",
                retry_after=2,
            )
        try:
            yield
        finally:
            self.leave()


def waiter_limit(configured: int, argv: Sequence[str], env: Mapping[str, str]) -> int:
    """``sync_waiters``, or, where that is 0, the web server's threads less two (at least 1).

    gunicorn's threads are read from its command line or GUNICORN_CMD_ARGS; any other server is taken for a
    development server.
    """
    if configured:
        return configured
    if not (argv and "gunicorn" in argv[0]) and "GUNICORN_CMD_ARGS" not in env:
        return DEVELOPMENT
    try:
        words = [*shlex.split(env.get("GUNICORN_CMD_ARGS", "")), *argv[1:]]
    except ValueError:
        words = list(argv[1:])
    threads = 1
    for word, following in pairwise([*words, ""]):
        match = _THREADS.fullmatch(word)
        number = (match[1] or following) if match else ""
        threads = int(number) if number.isdecimal() else threads
    return max(1, threads - 2)
