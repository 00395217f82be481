"""The three tables, and the engine that opens them with the right durability."""

from __future__ import annotations

import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    make_url,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
"""Of the schema; a store written by a newer dragoman is refused.

It goes up when an older dragoman could not work with the tables any more. What tally.py makes is not such a change:
the database keeps it right by itself, whoever writes.
"""

ALONE: Mapping[str, str] = {"begin": ""}
"""Execution options for a single statement, which is a transaction in itself: no BEGIN, nothing to COMMIT."""
WRITING: Mapping[str, str] = {"begin": "BEGIN IMMEDIATE"}
"""For several that write: the lock is taken at once. One that began as a reader could not wait for it (SQLITE_BUSY)."""

BUSY_TIMEOUT = 20.0
"""Seconds to wait for a lock of SQLite's."""
CONNECT_TIMEOUT = 10
"""Seconds: the supervisor has one thread, and a host that swallows packets must not hold it for minutes."""
SILENCE = 10
"""Seconds until a connection that swallows packets is given up, by us and by the server: its session has locks."""
LOCK_TIMEOUT, STATEMENT_TIMEOUT = 10, 30
"""Seconds that PostgreSQL lets a statement wait for another's lock, and take in all; then it is tried again."""

METADATA = MetaData()

BIG = BigInteger().with_variant(Integer, "sqlite")

JOBS = Table(
    "dragoman_jobs",
    METADATA,
    Column("seq", BIG, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("process_id", Text, nullable=False),
    Column("process_version", Text, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("runtime", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("mode", String(8), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("timeout", Float),
    Column("status", String(12), nullable=False),
    Column("progress", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("created", BIG, nullable=False),
    Column("started", BIG),
    Column("finished", BIG),
    Column("updated", BIG, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("restarts", Integer, nullable=False),
    Column("worker", Text),
    Column("lease_until", BIG),
    Column("outputs", Text, nullable=False),
    Column("failure", Text),
    Column("idempotency_key", Text),
    Column("fingerprint", Text, nullable=False),
    # The queue and the counts; unfinished jobs are few, so this stays small where it is read most.
    Index("dragoman_jobs_status", "status", "seq"),
    Index("dragoman_jobs_process", "process_id", "seq"),
    # Lists of one owner, which is what most lists are: newest first, and newest first of one state. All that can be
    # filtered by is in them, so that a page is found without looking at the rows that are not on it.
    Index("dragoman_jobs_newest", "owner", "seq", "status", "process_id"),
    Index("dragoman_jobs_state", "owner", "status", "seq", "process_id"),
    Index("dragoman_jobs_finished", "finished"),
    # NULL keys differ from each other in both databases: jobs without a key never meet here.
    Index("dragoman_jobs_idempotency", "owner", "process_id", "idempotency_key", unique=True),
)

TALLY = Table(
    "dragoman_tally",
    METADATA,
    Column("owner", Text, nullable=False),
    Column("process_id", Text, nullable=False),
    Column("status", String(12), nullable=False),
    Column("n", BIG, nullable=False),
    Index("dragoman_tally_group", "owner", "process_id", "status", unique=True).ddl_if(dialect="sqlite"),
)
"""How many jobs there are of each owner, process and state: the sum of ``n``. See tally.py."""

META = Table(
    "dragoman_meta",
    METADATA,
    Column("key", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)


def open_engine(url: str, *, durable: bool = True) -> Engine:
    """An engine whose writes outlast a power cut when they return; or, not ``durable``, only any death of ours.

    Without the wait for the disk a write takes a fraction of the time.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        arguments = _postgresql_arguments(parsed.query, durable=durable)
        return create_engine(url, pool_pre_ping=True, pool_size=8, max_overflow=32, connect_args=arguments)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_size=8, max_overflow=64, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", partial(_prepare_sqlite, "FULL" if durable else "NORMAL"))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql_arguments(given: Mapping[str, Any], *, durable: bool) -> dict[str, Any]:
    """libpq's parameters of a connection; what the operator has ``given`` in the URL comes before ours."""
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
    options += [given["options"]] if "options" in given else []
    return {**ours, **given, "options": " ".join(options)}


def _prepare_sqlite(synchronous: str, connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={int(BUSY_TIMEOUT * 1000)}",
        "journal_mode=WAL",
        f"synchronous={synchronous}",
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
