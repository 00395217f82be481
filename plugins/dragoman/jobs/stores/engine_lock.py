"""One embedded engine's hold on a PostgreSQL database: an advisory lock, kept by a connection that stays open."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

LOGGER = logging.getLogger(__name__)

ADVISORY_KEY = 0x647261676F6D616E
"""Of PostgreSQL's advisory lock: "dragoman" in ASCII."""
TRIES, PAUSE = 40, 0.05
"""To take the lock after a session of our own that was in the way has been ended, and the seconds between."""

SESSION = text("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
END_SESSION = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :pid AND backend_start = :backend_start"
)


class EngineLock:
    """For one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._session: dict[str, Any] = {}
        """Which session of the server's had the lock last; a pid alone may be another's after a restart."""

    def take(self) -> bool:
        """Take the lock, or see that it is still ours; False if another engine has it.

        The lock ends with its connection, and nobody is told. So this is asked again and again.
        """
        return self._stands() or self._take()

    def close(self) -> None:
        """Let go."""
        if self._connection is not None:
            self._connection.invalidate()  # closed for good: the pool would keep it, and so the lock
            self._connection.close()
            self._connection = None

    def _stands(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.execute(select(1))
        except DBAPIError as error:
            cause = type(error.orig).__name__
            LOGGER.warning("the hold on the database is lost: %s", cause, extra={"action": "hold"})
            self.close()
            return False
        return True

    def _take(self) -> bool:
        # No transaction: one that stays open for days would stop VACUUM.
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            taken = self._lock(connection)
            if taken:
                self._session = dict(connection.execute(SESSION).mappings().one())
                self._connection = connection
            return taken
        finally:
            if self._connection is not connection:
                connection.invalidate()
                connection.close()

    def _lock(self, connection: Connection) -> bool:
        """Where our own lost connection has not ended on the server's side yet, its session is in the way."""
        for _ in range(TRIES):
            if connection.execute(select(func.pg_try_advisory_lock(ADVISORY_KEY))).scalar_one():
                return True
            if not self._session or connection.execute(END_SESSION, self._session).first() is None:
                return False
            time.sleep(PAUSE)
        return False
