"""The token of a job's latest claim, and the request as its client sent it, for dialects that give it back.

Both are NULL in rows from before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection


def run(connection: Connection) -> None:
    """Add both columns; no row is written anew for that."""
    for column in ("token VARCHAR(32)", "request_as_sent TEXT"):
        connection.exec_driver_sql(f"ALTER TABLE dragoman_jobs ADD COLUMN {column}")
