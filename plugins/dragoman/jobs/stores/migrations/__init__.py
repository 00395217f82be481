"""The schema of the job store as numbered steps, from an empty database to today's tables.

Each step is a function of a connection, and a transaction of its own that also writes its number down; so a start
that is killed between two steps goes on at the next one. A step is never changed once it has been released: it names
its tables and columns itself, in SQL, and says nothing of ``tables.py``, which knows only today's.

An older dragoman refuses a database with a higher number than it knows, and so does this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, inspect, select, update

from dragoman.errors import SettingsError
from dragoman.jobs.stores import job_counters, job_events, task_removal
from dragoman.jobs.stores.engine_lock import ADVISORY_KEY
from dragoman.jobs.stores.engines import WRITING
from dragoman.jobs.stores.migrations import (
    m0001_jobs,
    m0002_counters,
    m0003_events,
    m0004_token,
    m0005_sessions,
    m0006_services,
    m0007_tasks,
)
from dragoman.jobs.stores.tables import META

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine

MIGRATIONS: Sequence[Callable[[Connection], None]] = (
    m0001_jobs.run,
    m0002_counters.run,
    m0003_events.run,
    m0004_token.run,
    m0005_sessions.run,
    m0006_services.run,
    m0007_tasks.run,
)

VERSION = len(MIGRATIONS)
"""Of the schema that this dragoman works with."""


def migrate(engine: Engine, target: int = VERSION) -> None:
    """Bring a database up to ``target``; any number of processes may do so at once.

    Raises SettingsError, and changes nothing, where it is newer than VERSION.
    """
    while _step(engine, target):
        pass


def refuse_newer(connection: Connection) -> int:
    """The database's version, 0 where it is empty; raises SettingsError for one of a newer dragoman."""
    version = 0
    if inspect(connection).has_table(META.name):
        stored = connection.execute(select(META.c.value).where(META.c.key == "version")).scalar_one_or_none()
        version = int(stored or 0)
    if version > VERSION:
        raise SettingsError(
            f"server.manager.connection: the store has schema {version}, this dragoman knows {VERSION}"
        )
    return version


def _step(engine: Engine, target: int) -> bool:
    """One step, under a lock that one process has at a time; whether there was one to take."""
    with engine.execution_options(**WRITING).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_KEY + 1)))
        version = refuse_newer(connection)
        if version >= target:
            _keep_triggers(connection, version)
            return False
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # a large table takes its time
            if (
                version
            ):  # at once and whole: a writer that has begun as a reader would wait for us, and we for it
                connection.exec_driver_sql("LOCK TABLE dragoman_jobs IN ACCESS EXCLUSIVE MODE")
        MIGRATIONS[version](connection)
        connection.execute(update(META).where(META.c.key == "version").values(value=str(version + 1)))
        return True


def _keep_triggers(connection: Connection, version: int) -> None:
    """Make the triggers that somebody may have dropped since."""
    if version == VERSION:
        job_counters.keep(connection)
        job_events.keep(connection)
        task_removal.keep(connection)
