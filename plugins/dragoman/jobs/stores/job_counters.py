"""The tally: how many jobs there are of each owner, process and state, kept by triggers of the database.

Counting rows takes longer with every job that is stored; adding up the tally does not. It is exact, for a trigger is
part of the write that fires it, whoever writes: another process, an older dragoman, an operator with a shell.

SQLite has one writer at a time, so a row of the tally is a counter. On PostgreSQL two writers would wait for each
other's counters, and could do so in a circle (one job from accepted to running, another back). There every change only
adds rows, +1 and -1, for which nobody waits; and every now and then one writer, never two, sums them up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

TRIGGERS = ("dragoman_tally_added", "dragoman_tally_moved", "dragoman_tally_removed")

GROUP = "owner, process_id, status"
MOVED = (
    "OLD.status <> NEW.status OR OLD.owner <> NEW.owner OR OLD.process_id <> NEW.process_id"  # none is NULL
)

FILL = (
    "DELETE FROM dragoman_tally",
    f"INSERT INTO dragoman_tally ({GROUP}, n) SELECT {GROUP}, count(*) FROM dragoman_jobs GROUP BY {GROUP}",
)

LESS = (
    "UPDATE dragoman_tally SET n = n - 1"
    " WHERE owner = OLD.owner AND process_id = OLD.process_id AND status = OLD.status;"
)
MORE = (
    f"INSERT INTO dragoman_tally ({GROUP}, n) VALUES (NEW.owner, NEW.process_id, NEW.status, 1)"
    f" ON CONFLICT ({GROUP}) DO UPDATE SET n = n + 1;"
)
NONE_LEFT = "DELETE FROM dragoman_tally WHERE owner = OLD.owner AND process_id = OLD.process_id AND n = 0;"
"""Only when a job is removed: states come and go with every job, owners and processes do not."""

SQLITE = (
    *(f"DROP TRIGGER IF EXISTS {name}" for name in TRIGGERS),
    f"CREATE TRIGGER dragoman_tally_added AFTER INSERT ON dragoman_jobs BEGIN {MORE} END",
    f"CREATE TRIGGER dragoman_tally_moved AFTER UPDATE OF {GROUP} ON dragoman_jobs"
    f" WHEN {MOVED} BEGIN {LESS} {MORE} END",
    f"CREATE TRIGGER dragoman_tally_removed AFTER DELETE ON dragoman_jobs BEGIN {LESS} {NONE_LEFT} END",
)

ROWS_BETWEEN = 256
"""Jobs between two sums on PostgreSQL: the tally has a few times as many rows at most, read in 0.2 ms."""

FUNCTION = f"""
CREATE OR REPLACE FUNCTION dragoman_tally_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO dragoman_tally ({GROUP}, n) VALUES (OLD.owner, OLD.process_id, OLD.status, -1);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO dragoman_tally ({GROUP}, n) VALUES (NEW.owner, NEW.process_id, NEW.status, 1);
  END IF;
  IF mod(coalesce(NEW.seq, OLD.seq), {ROWS_BETWEEN}) = 0
    AND pg_try_advisory_xact_lock('dragoman_tally'::regclass::bigint)
  THEN
    WITH gone AS (DELETE FROM dragoman_tally RETURNING {GROUP}, n)
    INSERT INTO dragoman_tally ({GROUP}, n)
    SELECT {GROUP}, sum(n) FROM gone GROUP BY {GROUP} HAVING sum(n) <> 0;
  END IF;
  RETURN NULL;
END $$
"""

POSTGRESQL = (
    # At once and whole: a writer that has begun as a reader would wait for us, and we for it.
    "LOCK TABLE dragoman_jobs IN ACCESS EXCLUSIVE MODE",
    FUNCTION,
    *(f"DROP TRIGGER IF EXISTS {name} ON dragoman_jobs" for name in TRIGGERS),
    "CREATE TRIGGER dragoman_tally_added AFTER INSERT ON dragoman_jobs"
    " FOR EACH ROW EXECUTE FUNCTION dragoman_tally_keep()",
    f"CREATE TRIGGER dragoman_tally_moved AFTER UPDATE OF {GROUP} ON dragoman_jobs"
    f" FOR EACH ROW WHEN ({MOVED}) EXECUTE FUNCTION dragoman_tally_keep()",
    "CREATE TRIGGER dragoman_tally_removed AFTER DELETE ON dragoman_jobs"
    " FOR EACH ROW EXECUTE FUNCTION dragoman_tally_keep()",
)

NAMES = ", ".join(f"'{name}'" for name in TRIGGERS)

PRESENT: Mapping[str, str] = {
    "sqlite": f"SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN ({NAMES})",
    "postgresql": "SELECT count(*) FROM pg_trigger"
    f" WHERE tgrelid = 'dragoman_jobs'::regclass AND tgname IN ({NAMES})",
}

MAKE: Mapping[str, Sequence[str]] = {"sqlite": SQLITE, "postgresql": POSTGRESQL}


def keep(connection: Connection) -> None:
    """Have the database keep the tally from now on, if it does not yet; for the transaction that makes the tables.

    No writer comes between the triggers and the first filling: the transaction holds the lock that writers need.
    """
    dialect = connection.dialect.name
    if connection.exec_driver_sql(PRESENT[dialect]).scalar_one() == len(TRIGGERS):
        return
    for statement in (*MAKE[dialect], *FILL):
        connection.exec_driver_sql(statement)
