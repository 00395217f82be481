"""What happens to jobs, written down by triggers of the database: part of the very write that changes a job's state,
whoever writes, and no round trip more.

An event is known by its job's ``seq``, the attempt and what happened, for in one attempt each happens once at most.
That is the table's key; by it the events of new jobs lie at the end of the table, side by side. The worker is kept
with the beginning of its run alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

TRIGGERS = (
    "dragoman_events_added",
    "dragoman_events_begun",
    "dragoman_events_moved",
    "dragoman_events_removed",
)

COLUMNS = "job, attempt, what, at, worker, why"
AGAIN = "OLD.status = 'running' AND NEW.status = 'accepted'"

ADDED = (
    "NEW.seq, 0, CASE NEW.status WHEN 'running' THEN 'accepted' ELSE NEW.status END, NEW.created, NULL, NULL"
)
"""A job that is put in as running was accepted in the same moment."""
BEGUN = "NEW.seq, NEW.attempts, 'running', NEW.started, NEW.worker, NULL"
MOVED = f"""
    NEW.seq, NEW.attempts, CASE WHEN {AGAIN} THEN 'requeued' ELSE NEW.status END, NEW.updated,
    CASE NEW.status WHEN 'running' THEN NEW.worker END, CASE WHEN {AGAIN} THEN NEW.message END
"""
CHANGED = "OLD.status <> NEW.status"

SQLITE = (
    *(f"DROP TRIGGER IF EXISTS {name}" for name in TRIGGERS),
    "CREATE TRIGGER dragoman_events_added AFTER INSERT ON dragoman_jobs"
    f" BEGIN INSERT OR REPLACE INTO dragoman_events ({COLUMNS}) VALUES ({ADDED}); END",
    "CREATE TRIGGER dragoman_events_begun AFTER INSERT ON dragoman_jobs WHEN NEW.status = 'running'"
    f" BEGIN INSERT OR REPLACE INTO dragoman_events ({COLUMNS}) VALUES ({BEGUN}); END",
    f"CREATE TRIGGER dragoman_events_moved AFTER UPDATE OF status ON dragoman_jobs WHEN {CHANGED}"
    f" BEGIN INSERT OR REPLACE INTO dragoman_events ({COLUMNS}) VALUES ({MOVED}); END",
    "CREATE TRIGGER dragoman_events_removed AFTER DELETE ON dragoman_jobs"
    " BEGIN DELETE FROM dragoman_events WHERE job = OLD.seq; END",
)

REPLACE = """
    ON CONFLICT (job, attempt, what) DO UPDATE SET at = EXCLUDED.at, worker = EXCLUDED.worker, why = EXCLUDED.why
"""

FUNCTION = f"""
CREATE OR REPLACE FUNCTION dragoman_events_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM dragoman_events WHERE job = OLD.seq;
  ELSIF TG_OP = 'UPDATE' THEN
    INSERT INTO dragoman_events ({COLUMNS}) VALUES ({MOVED}) {REPLACE};
  ELSE
    INSERT INTO dragoman_events ({COLUMNS}) VALUES ({ADDED}) {REPLACE};
    IF NEW.status = 'running' THEN
      INSERT INTO dragoman_events ({COLUMNS}) VALUES ({BEGUN}) {REPLACE};
    END IF;
  END IF;
  RETURN NULL;
END $$
"""

POSTGRESQL = (
    FUNCTION,
    *(f"DROP TRIGGER IF EXISTS {name} ON dragoman_jobs" for name in TRIGGERS),
    "CREATE TRIGGER dragoman_events_added AFTER INSERT ON dragoman_jobs"
    " FOR EACH ROW EXECUTE FUNCTION dragoman_events_keep()",
    "CREATE TRIGGER dragoman_events_moved AFTER UPDATE OF status ON dragoman_jobs"
    f" FOR EACH ROW WHEN ({CHANGED}) EXECUTE FUNCTION dragoman_events_keep()",
    "CREATE TRIGGER dragoman_events_removed AFTER DELETE ON dragoman_jobs"
    " FOR EACH ROW EXECUTE FUNCTION dragoman_events_keep()",
)

NAMES = ", ".join(f"'{name}'" for name in TRIGGERS)

PRESENT: Mapping[str, str] = {
    "sqlite": f"SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN ({NAMES})",
    "postgresql": "SELECT count(*) FROM pg_trigger"
    f" WHERE tgrelid = 'dragoman_jobs'::regclass AND tgname IN ({NAMES})",
}

MAKE: Mapping[str, Sequence[str]] = {"sqlite": SQLITE, "postgresql": POSTGRESQL}

NUMBER: Mapping[str, int] = {"sqlite": 4, "postgresql": 3}
"""PostgreSQL's one function does both for a job that is put in."""


def keep(connection: Connection) -> None:
    """Have the database write events from now on, if it does not yet; within a migration's transaction."""
    dialect = connection.dialect.name
    if connection.exec_driver_sql(PRESENT[dialect]).scalar_one() != NUMBER[dialect]:
        for statement in MAKE[dialect]:
            connection.exec_driver_sql(statement)
