"""Tasks and their assets; see model/task.py. They go with the jobs of their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.jobs.stores import task_removal

if TYPE_CHECKING:
    from sqlalchemy import Connection

BIG = {"sqlite": "INTEGER", "postgresql": "BIGINT"}


def run(connection: Connection) -> None:
    """Add both tables, and the trigger."""
    big = BIG[connection.dialect.name]
    connection.exec_driver_sql(
        f"""
        CREATE TABLE dragoman_tasks (
            id VARCHAR(36) NOT NULL PRIMARY KEY,
            application TEXT NOT NULL,
            plan TEXT NOT NULL,
            created {big} NOT NULL,
            fed {big},
            short INTEGER NOT NULL
        )
        """
    )
    connection.exec_driver_sql(
        f"""
        CREATE TABLE dragoman_assets (
            task VARCHAR(36) NOT NULL,
            number INTEGER NOT NULL,
            file_name TEXT NOT NULL,
            sent_name TEXT NOT NULL,
            url TEXT NOT NULL,
            attributes TEXT NOT NULL,
            state VARCHAR(8) NOT NULL,
            media_type TEXT NOT NULL,
            size {big} NOT NULL,
            sha256 VARCHAR(64) NOT NULL,
            reason TEXT NOT NULL,
            settled {big},
            PRIMARY KEY (task, number)
        )
        """
    )
    task_removal.keep(connection)
