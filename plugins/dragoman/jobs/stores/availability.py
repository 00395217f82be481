"""The way to the database, and what happens while there is none."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dragoman.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

REST = 0.25
"""Seconds at least."""


class AvailabilityGuard:
    """Turns a database that cannot be reached, or is full or read-only, into Unavailable.

    With ``rests``, one that could not be reached is not tried again for as long as that try took: the supervisor
    has one thread, and a thousand writes that each wait for a host that is silent would hold it for hours.
    """

    def __init__(self, *, rests: bool) -> None:
        self._rests = rests
        self._until = 0.0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """For whatever is asked of the database."""
        began = time.monotonic()
        if began < self._until:
            raise Unavailable("the job store cannot be used: it was not there a moment ago")
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            if self._rests and _unreachable(error):
                now = time.monotonic()
                self._until = now + max(REST, now - began)
            raise Unavailable(f"the job store cannot be used: {type(error.orig).__name__}") from error
        except (OSError, PoolTimeout) as error:
            raise Unavailable(f"the job store cannot be used: {type(error).__name__}") from error


def _unreachable(error: DBAPIError) -> bool:
    """Whether it was the connection, and not the statement: what the server itself refuses has a state."""
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(("08", "57P"))
