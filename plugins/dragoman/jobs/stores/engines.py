"""How the database is opened: with the right durability, and no patience for one that is silent."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url

if TYPE_CHECKING:
    from collections.abc import Mapping

ALONE: Mapping[str, str] = {"begin": ""}
"""Execution options for a single statement, which is a transaction in itself: no BEGIN, nothing to COMMIT."""
WRITING: Mapping[str, str] = {"begin": "BEGIN IMMEDIATE"}
"""For several that write: the lock is taken at once. One that began as a reader could not wait for it (SQLITE_BUSY)."""

DURABLE, LIGHT = "FULL", "NORMAL"
"""SQLite's words for a write that waits until it is on the disk, and for one that does not."""

BUSY_TIMEOUT = 20.0
"""Seconds to wait for a lock of SQLite's."""
CONNECT_TIMEOUT = 10
"""Seconds: the supervisor has one thread, and a host that swallows packets must not hold it for minutes."""
SILENCE = 10
"""Seconds until a connection that swallows packets is given up, by us and by the server: its session has locks."""
LOCK_TIMEOUT, STATEMENT_TIMEOUT = 10, 30
"""Seconds that PostgreSQL lets a statement wait for another's lock, and take in all; then it is tried again."""


def open_engine(url: str, *, durable: bool = True) -> Engine:
    """An engine whose writes outlast a power cut when they return; or, not ``durable``, only any death of ours.

    Without the wait for the disk a write takes a fraction of the time. On SQLite all are durable: there a connection
    changes from one to the other (``sqlite_direct``).
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        arguments = _postgresql_arguments(parsed.query, durable=durable)
        return create_engine(url, pool_pre_ping=True, pool_size=8, max_overflow=32, connect_args=arguments)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_size=8, max_overflow=64, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql_arguments(operators: Mapping[str, Any], *, durable: bool) -> dict[str, Any]:
    """libpq's parameters of a connection; those of the URL, the ``operators`` own, come before ours."""
    session: dict[str, Any] = {
        "statement_timeout": f"{STATEMENT_TIMEOUT}s",
        "lock_timeout": f"{LOCK_TIMEOUT}s",
        "tcp_user_timeout": f"{SILENCE}s",
        "tcp_keepalives_idle": SILENCE // 2,
        "tcp_keepalives_interval": 1,
        "tcp_keepalives_count": SILENCE // 2,
    }
    if not durable:
        session["synchronous_commit"] = "off"
    ours = {
        "connect_timeout": CONNECT_TIMEOUT,
        "tcp_user_timeout": SILENCE * 1000,
        "keepalives_idle": SILENCE // 2,
        "keepalives_interval": 1,
        "keepalives_count": SILENCE // 2,
    }
    options = [f"-c {name}={value}" for name, value in session.items()]
    options += [operators["options"]] if "options" in operators else []
    return {**ours, **operators, "options": " ".join(options)}


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={int(BUSY_TIMEOUT * 1000)}",
        "journal_mode=WAL",
        f"synchronous={DURABLE}",
        "temp_store=MEMORY",
    ):
        _execute_patiently(cursor, f"PRAGMA {pragma}")
    cursor.close()


def _execute_patiently(cursor: sqlite3.Cursor, statement: str) -> None:
    """Two that turn a new database to WAL at once are not kept waiting by SQLite: one of them is refused."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            cursor.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    begin = connection.get_execution_options().get("begin", "BEGIN")
    if begin:
        connection.exec_driver_sql(begin)
