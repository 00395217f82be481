"""Few descriptors left: what can wait is put off, so that some stay for what cannot (the database, logs, /proc)."""

from __future__ import annotations

import logging
import os
import resource
from typing import Final

LOGGER = logging.getLogger(__name__)

RESERVE: Final = 32
"""Descriptors that are left free for what cannot wait; fewer, where an eighth of all that are allowed is fewer."""


def beyond_reserve(descriptor: int) -> bool:
    """Whether a descriptor that has just been opened is one of the last: it gets the lowest number that is free."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft != resource.RLIM_INFINITY and descriptor >= soft - min(RESERVE, soft // 8)


def scarce() -> bool:
    """Whether hardly any more can be opened."""
    try:
        probe = os.open("/", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    os.close(probe)
    return beyond_reserve(probe)


class Shortage:
    """Says once that something waits for descriptors, and once that it waits no more; for one thread."""

    def __init__(self, what: str) -> None:
        self._what = what
        """What waits, a sentence's beginning."""
        self._lasts = False

    def begin(self) -> None:
        """It has to wait."""
        if not self._lasts:
            self._lasts = True
            soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            LOGGER.error(
                "%s: too many open files (%d are allowed, `ulimit -n`); it goes on when some are closed",
                self._what,
                soft,
                extra={"action": "descriptors"},
            )

    def end(self) -> None:
        """It could be done."""
        if self._lasts:
            self._lasts = False
            LOGGER.info(
                "%s: no more, there are descriptors again", self._what, extra={"action": "descriptors"}
            )
