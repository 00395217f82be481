"""The counters of jobs, and indexes that hold all that a list of one owner is filtered by.

Databases of version 1 may have them already: they came before there were numbered steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.jobs.stores import job_counters

if TYPE_CHECKING:
    from sqlalchemy import Connection

TABLE = """
    CREATE TABLE IF NOT EXISTS dragoman_tally (
        owner TEXT NOT NULL, process_id TEXT NOT NULL, status VARCHAR(12) NOT NULL, n {big} NOT NULL)
"""

INDEXES = (
    "CREATE INDEX IF NOT EXISTS dragoman_jobs_newest ON dragoman_jobs (owner, seq, status, process_id)",
    "CREATE INDEX IF NOT EXISTS dragoman_jobs_state ON dragoman_jobs (owner, status, seq, process_id)",
    "DROP INDEX IF EXISTS dragoman_jobs_owner",
)

COUNTERS_OF_SQLITE = (
    "CREATE UNIQUE INDEX IF NOT EXISTS dragoman_tally_group ON dragoman_tally (owner, process_id, status)"
)


def run(connection: Connection) -> None:
    """Make the table, its triggers and the indexes, and count what is there."""
    lite = connection.dialect.name == "sqlite"
    connection.exec_driver_sql(TABLE.format(big="INTEGER" if lite else "BIGINT"))
    for statement in (*INDEXES, *((COUNTERS_OF_SQLITE,) if lite else ())):
        connection.exec_driver_sql(statement)
    job_counters.keep(connection)
