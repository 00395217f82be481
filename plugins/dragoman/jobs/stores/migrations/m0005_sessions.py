"""Sessions that read datasets; see model/dataset_session.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection


def run(connection: Connection) -> None:
    """Add their table, and an index by which an owner's are counted."""
    connection.exec_driver_sql(
        """
        CREATE TABLE dragoman_sessions (
            id VARCHAR(20) NOT NULL PRIMARY KEY,
            owner TEXT NOT NULL,
            configuration TEXT NOT NULL,
            description TEXT NOT NULL,
            manifest_size BIGINT NOT NULL,
            manifest_modified BIGINT NOT NULL,
            position BIGINT NOT NULL,
            generation INTEGER NOT NULL,
            created BIGINT NOT NULL,
            used BIGINT NOT NULL
        )
        """
    )
    connection.exec_driver_sql("CREATE INDEX dragoman_sessions_owner ON dragoman_sessions (owner)")
    connection.exec_driver_sql("CREATE INDEX dragoman_sessions_used ON dragoman_sessions (used)")
