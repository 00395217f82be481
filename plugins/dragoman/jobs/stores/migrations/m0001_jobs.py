"""The jobs, and a table of single facts, the schema's version among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

TYPES = {
    "sqlite": {"serial": "INTEGER NOT NULL PRIMARY KEY", "big": "INTEGER"},
    "postgresql": {"serial": "BIGSERIAL PRIMARY KEY", "big": "BIGINT"},
}

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS dragoman_jobs (
        seq {serial}, id VARCHAR(36) NOT NULL UNIQUE, process_id TEXT NOT NULL, process_version TEXT NOT NULL,
        dialect TEXT NOT NULL, owner TEXT NOT NULL, principal TEXT NOT NULL, runtime TEXT NOT NULL,
        request TEXT NOT NULL, mode VARCHAR(8) NOT NULL, priority INTEGER NOT NULL, timeout FLOAT,
        status VARCHAR(12) NOT NULL, progress INTEGER NOT NULL, message TEXT NOT NULL, created {big} NOT NULL,
        started {big}, finished {big}, updated {big} NOT NULL, attempts INTEGER NOT NULL,
        restarts INTEGER NOT NULL, worker TEXT, lease_until {big}, outputs TEXT NOT NULL, failure TEXT,
        idempotency_key TEXT, fingerprint TEXT NOT NULL)
    """,
    "CREATE TABLE IF NOT EXISTS dragoman_meta (key VARCHAR(32) NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
)

INDEXES = (
    "INDEX IF NOT EXISTS dragoman_jobs_status ON dragoman_jobs (status, seq)",
    "INDEX IF NOT EXISTS dragoman_jobs_process ON dragoman_jobs (process_id, seq)",
    "INDEX IF NOT EXISTS dragoman_jobs_finished ON dragoman_jobs (finished)",
    "UNIQUE INDEX IF NOT EXISTS dragoman_jobs_idempotency ON dragoman_jobs (owner, process_id, idempotency_key)",
)

FACTS = "INSERT INTO dragoman_meta VALUES ('version', '0'), ('checked', '0') ON CONFLICT DO NOTHING"


def run(connection: Connection) -> None:
    """Make both tables."""
    types = TYPES[connection.dialect.name]
    for table in TABLES:
        connection.exec_driver_sql(table.format(**types))
    for index in INDEXES:
        connection.exec_driver_sql(f"CREATE {index}")
    connection.exec_driver_sql(FACTS)
