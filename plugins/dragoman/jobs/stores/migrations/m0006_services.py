"""Map services that jobs have published; see model/map_service.py. They go with their jobs, whoever removes those."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

TABLE = """
    CREATE TABLE dragoman_services (
        name TEXT NOT NULL PRIMARY KEY,
        job VARCHAR(36) NOT NULL {reference},
        owner TEXT NOT NULL,
        temporary INTEGER NOT NULL,
        created BIGINT NOT NULL,
        service TEXT NOT NULL
    )
"""

REFERENCES = {"sqlite": "", "postgresql": "REFERENCES dragoman_jobs (id) ON DELETE CASCADE"}

TRIGGER = """
    CREATE TRIGGER dragoman_services_removed AFTER DELETE ON dragoman_jobs
    BEGIN DELETE FROM dragoman_services WHERE job = OLD.id; END
"""
"""SQLite heeds references only on connections that ask for it."""

INDEXES = (
    "CREATE INDEX dragoman_services_job ON dragoman_services (job)",
    "CREATE INDEX dragoman_services_owner ON dragoman_services (owner, created)",
    "CREATE INDEX dragoman_services_created ON dragoman_services (temporary, created)",
)


def run(connection: Connection) -> None:
    """Add their table and indexes."""
    connection.exec_driver_sql(TABLE.format(reference=REFERENCES[connection.dialect.name]))
    for statement in INDEXES:
        connection.exec_driver_sql(statement)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(TRIGGER)
