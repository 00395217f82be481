"""The connections to one database: single statements and transactions, durable or light; what fails is Unavailable."""

from __future__ import annotations

import os
import weakref
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from dragoman.errors import Unavailable
from dragoman.jobs.stores.availability import AvailabilityGuard
from dragoman.jobs.stores.engine_lock import EngineLock
from dragoman.jobs.stores.engines import ALONE, WRITING, open_engine
from dragoman.jobs.stores.migrations import migrate
from dragoman.jobs.stores.outage_log import OutageLog
from dragoman.jobs.stores.salvage import DamageNote, is_damage
from dragoman.jobs.stores.sqlite_direct import SqliteDirect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine
    from sqlalchemy.sql.base import Executable

type Rows = Sequence[Mapping[str, Any]]
"""By column."""


class SqlSession:
    """Safe for threads, and across a fork. Opening it brings the schema up to date."""

    def __init__(self, url: str) -> None:
        lite = url.startswith("sqlite")
        self._guard = AvailabilityGuard(rests=not lite)
        self._outages: OutageLog | None = None  # while it is opened, whoever opens it is told
        with self.reaching():
            self.engine = open_engine(url)
            self._light_engine = self.engine if lite else open_engine(url, durable=False)
        self.lock = None if lite else EngineLock(self.engine)
        """None for SQLite, whose file lies in HOME, which the engine's lock file guards."""
        self._direct = SqliteDirect(self.engine) if lite else None
        self._durable = self.engine.execution_options(**ALONE)
        self._light = self._light_engine.execution_options(**ALONE)
        try:
            with self.reaching():
                migrate(self.engine)
        except BaseException:  # whatever it was goes on; the connections do not
            self.close()
            raise
        self._outages = OutageLog(url)
        self.damage = DamageNote(self.engine.url.database if lite else None)
        self._file = _file_identity(self.engine)
        os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    def run(
        self, statement: Executable, values: Mapping[str, Any], *, durable: bool = True
    ) -> tuple[Rows, int]:
        """One statement: the rows it returns, and how many it changed.

        What a power cut would only have done again (a claim, a report) need not be ``durable``.
        """
        if self._direct is not None:
            try:
                return self._direct.run(statement, values, durable=durable)
            except Exception:  # whatever the driver raises is put in our words
                with self.reaching():  # only now: it costs more than some statements do
                    raise
        with self.reaching(), (self._durable if durable else self._light).begin() as connection:
            result: Any = connection.execute(statement, values)
            return (result.mappings().all() if result.returns_rows else ()), result.rowcount

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """For several statements that write."""
        with self.reaching(), self.engine.execution_options(**WRITING).begin() as connection:
            yield connection

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Turn a database that cannot be reached, or is full or read-only, into Unavailable; log why."""
        try:
            with self._guard():
                yield
        except Unavailable as error:
            if is_damage(error) and error.__cause__ is not None and self._outages is not None:
                self.damage.write(getattr(error.__cause__, "orig", error.__cause__))
            elif self._outages is not None and error.__cause__ is not None:
                self._outages.note(error.__cause__)
            raise

    def check_file(self) -> None:
        """SQLite goes on writing to a file that was deleted; what is accepted there would be lost."""
        if _file_identity(self.engine) != self._file:
            raise Unavailable("the job store cannot be used: its file is gone, or is another one")

    def close(self) -> None:
        """Close every connection."""
        if self.lock is not None:
            self.lock.close()
        if self._direct is not None:
            self._direct.close()
        self.engine.dispose()
        self._light_engine.dispose()

    def _after_fork(self) -> None:
        """A forked server process must not share connections with its parent: each would read the other's answers."""
        if self._direct is not None:
            self._direct.leave()
        self.engine.dispose(close=False)
        self._light_engine.dispose(close=False)


def _file_identity(engine: Engine) -> tuple[int, int] | None:
    """Which file an SQLite database is; None where there is none."""
    try:
        status = os.stat(engine.url.database or "") if engine.dialect.name == "sqlite" else None
    except OSError:
        status = None
    return status and (status.st_dev, status.st_ino)


def _forked(reference: weakref.ref[SqlSession]) -> None:
    session = reference()
    if session is not None:
        session._after_fork()
