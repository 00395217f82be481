"""Writes that must not be lost: done at once, or kept until the store can take them again."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from dragoman.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

LOGGER = logging.getLogger(__name__)


class PendingWrites:
    """Writes in the order they came, retried while the store is away (a full disk, a database that restarts)."""

    def __init__(self) -> None:
        self._pending: deque[Callable[[], None]] = deque()
        self._complained = False

    def __len__(self) -> int:
        return len(self._pending)

    def write(self, write: Callable[[], None]) -> None:
        """Do it now, or as soon as the store can."""
        try:
            write()
        except Unavailable as error:
            self.defer(write, error)

    def defer(self, write: Callable[[], None], error: Unavailable) -> None:
        """Keep it for later; logged once for each outage, not at every try."""
        if not self._complained:
            self._complained = True
            LOGGER.error("writes wait: %s (%s)", error.detail, error.__cause__, extra={"action": "store"})
        self._pending.append(write)

    def retry(self) -> None:
        """Try everything that waits once more."""
        for _ in range(len(self._pending)):
            self.write(self._pending.popleft())
        if self._complained and not self._pending:
            self._complained = False
            LOGGER.info("the store takes writes again", extra={"action": "store"})
