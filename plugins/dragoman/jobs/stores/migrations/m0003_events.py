"""What happened to each job, written by triggers. Of what happened before there is nothing to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.jobs.stores import job_events

if TYPE_CHECKING:
    from sqlalchemy import Connection

TABLE = """
    CREATE TABLE dragoman_events (
        job {big} NOT NULL, attempt INTEGER NOT NULL, what VARCHAR(12) NOT NULL, at {big} NOT NULL,
        worker TEXT, why TEXT, PRIMARY KEY (job, attempt, what)) {kind}
"""

KINDS = {
    "sqlite": {"big": "INTEGER", "kind": "WITHOUT ROWID"},  # the rows lie in the index: one write for two
    "postgresql": {"big": "BIGINT", "kind": ""},
}


def run(connection: Connection) -> None:
    """Make the table and its triggers."""
    connection.exec_driver_sql(TABLE.format(**KINDS[connection.dialect.name]))
    job_events.keep(connection)
