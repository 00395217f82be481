"""A word to one transfer that nobody wants it any more, given in another thread."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.sources.http_session import Deadline


class Stopped(Exception):
    """Nobody wants it any more."""


class Stop:
    """One transfer's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._deadline: Deadline | None = None

    @property
    def given(self) -> bool:
        """Whether the word was given."""
        return self._event.is_set()

    def stop(self) -> None:
        """Give the word: the transfer's connection is cut, its waiting ended."""
        self._event.set()
        with self._lock:
            if self._deadline is not None:
                self._deadline.cut()

    @contextmanager
    def cutting(self, deadline: Deadline) -> Iterator[None]:
        """Within, the word is the end of the deadline."""
        with self._lock:
            self._deadline = deadline
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._deadline = None

    def check(self) -> None:
        """Raise Stopped if the word was given."""
        if self._event.is_set():
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Wait; raises Stopped at the word."""
        self._event.wait(seconds)
        self.check()
