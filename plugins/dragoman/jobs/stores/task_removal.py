"""A task goes with its job, whoever removes that: triggers of the database take its row and its assets along."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

TRIGGER = "dragoman_tasks_removed"

BODY = """
    DELETE FROM dragoman_assets WHERE task = OLD.id;
    DELETE FROM dragoman_tasks WHERE id = OLD.id;
"""

MAKE: Mapping[str, Sequence[str]] = {
    "sqlite": (
        f"DROP TRIGGER IF EXISTS {TRIGGER}",
        f"CREATE TRIGGER {TRIGGER} AFTER DELETE ON dragoman_jobs BEGIN {BODY} END",
    ),
    "postgresql": (
        f"CREATE OR REPLACE FUNCTION {TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS $$"
        f" BEGIN {BODY} RETURN NULL; END $$",
        f"DROP TRIGGER IF EXISTS {TRIGGER} ON dragoman_jobs",
        f"CREATE TRIGGER {TRIGGER} AFTER DELETE ON dragoman_jobs FOR EACH ROW EXECUTE FUNCTION {TRIGGER}()",
    ),
}

PRESENT: Mapping[str, str] = {
    "sqlite": f"SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name = '{TRIGGER}'",
    "postgresql": "SELECT count(*) FROM pg_trigger"
    f" WHERE tgrelid = 'dragoman_jobs'::regclass AND tgname = '{TRIGGER}'",
}


def keep(connection: Connection) -> None:
    """Have the database do so from now on, if it does not yet; within a migration's transaction."""
    dialect = connection.dialect.name
    if connection.exec_driver_sql(PRESENT[dialect]).scalar_one() != 1:
        for statement in MAKE[dialect]:
            connection.exec_driver_sql(statement)
