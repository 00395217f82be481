"""The loader's link to one decoder."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dragoman.datasets.decoder_messages import FILLED, TASKS, Fill, Forget, Learn
from dragoman.workers.framing import Channel

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from dragoman.datasets.decoder_messages import Filled


class DecoderLink:
    """A decoder that has one piece at a time; safe for threads. Raises Disconnected when the decoder has died."""

    def __init__(self, sock: socket.socket) -> None:
        self._channel = Channel(sock)
        self._busy = threading.Lock()
        """Held while the decoder has something to do."""
        self._known: set[str] = set()
        """The sessions that it has learnt."""
        self._over: set[str] = set()
        """Sessions that it is to forget."""

    def fill(self, task: Fill, learn: Callable[[], Learn]) -> Filled:
        """Have rows filled, and wait for it; ``learn`` is what it has to know of the session first."""
        with self._busy:
            self._clear()
            tasks: list[Learn | Fill] = [task]
            if task.key not in self._known:
                tasks.insert(0, learn())
            self._channel.send(*map(TASKS.dump, tasks))
            self._known.add(task.key)
            filled = FILLED.load(self._channel.receive())
            self._clear()
        return filled

    def forget(self, key: str) -> None:
        """Have it forget a session: now, if it has nothing to do, else when it has done that."""
        self._over.add(key)
        self.tidy()

    def tidy(self) -> None:
        """Tell it what it was too busy for; does not wait."""
        if self._over and self._busy.acquire(blocking=False):
            try:
                self._clear()
            finally:
                self._busy.release()

    def _clear(self) -> None:
        while self._over:
            key = self._over.pop()
            if key in self._known:
                self._known.discard(key)
                self._channel.send(TASKS.dump(Forget(key=key)))
