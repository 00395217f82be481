"""Single statements straight to SQLite's driver: SQLAlchemy writes the text once, and the pool lends connections.

What SQLAlchemy does for each execution (events, contexts, result proxies) takes longer than SQLite does: a write
fell from 0.37-0.51 to 0.21-0.29 ms of CPU. PostgreSQL, whose round trip outweighs that, goes the ordinary way.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError, IntegrityError

from dragoman.jobs.stores.engines import DURABLE, LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Engine
    from sqlalchemy.pool import PoolProxiedConnection
    from sqlalchemy.sql.base import Executable

KEPT = 500
"""Statements whose text is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A statement's text, and how its parameters are picked from named values."""

    text: str
    constants: Mapping[str, Any]
    """Values that the statement itself holds."""
    pick: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    writes: bool


@dataclass(slots=True)
class _Lent:
    """A connection that the pool has lent; ``durable`` is how its next write would be."""

    connection: PoolProxiedConnection
    durable: bool = True


class SqliteDirect:
    """Runs statements of ``statements.py`` on connections that it keeps, each statement a transaction in itself.

    Durable writes and light ones go through the same connection: with one for each, every write would make the other
    read the pages again that it has in memory, some thirty a job.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        """Of durable connections."""
        self._idle: list[_Lent] = []
        self._left: list[_Lent] = []
        self._prepared: dict[Any, Prepared] = {}

    def run(
        self, statement: Executable, values: Mapping[str, Any], *, durable: bool
    ) -> tuple[Sequence[Mapping[str, Any]], int]:
        """The rows it returns, by column, and how many it changed; raises SQLAlchemy's own errors."""
        prepared = self._prepared.get(statement) or self._prepare(statement)
        arguments = prepared.pick({**prepared.constants, **values})
        try:
            lent = self._idle.pop()
        except IndexError:  # to look first would let another thread take it meanwhile
            lent = _Lent(self._engine.raw_connection())
        try:
            cursor = lent.connection.cursor()
            if prepared.writes and lent.durable is not durable:
                # A script, since the driver keeps statements, and SQLite does this when one is compiled.
                cursor.executescript(f"PRAGMA synchronous={DURABLE if durable else LIGHT}")
                lent.durable = durable
            cursor.execute(prepared.text, arguments)
            names = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []
            changed = cursor.rowcount
            cursor.close()
        except sqlite3.Error as error:
            self._give_back(lent)
            kind = IntegrityError if isinstance(error, sqlite3.IntegrityError) else DBAPIError
            raise kind(prepared.text, None, error) from error
        self._idle.append(lent)
        return rows, changed

    def _prepare(self, statement: Executable) -> Prepared:
        if len(self._prepared) >= KEPT:  # lists of jobs come in more shapes than anybody would keep
            self._prepared.clear()
        compiled = statement.compile(self._engine)  # type: ignore[attr-defined]
        names = compiled.positiontup
        self._prepared[statement] = prepared = Prepared(
            text=compiled.string,
            constants={
                name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required
            },
            pick=_picker(names),
            writes=statement.is_dml,
        )
        return prepared

    def leave(self) -> None:
        """Use none of the present connections any more, and let them be: they are another process's."""
        self._left, self._idle = self._left + self._idle, []

    def close(self) -> None:
        """Give every connection back."""
        while self._idle:
            self._give_back(self._idle.pop())

    def _give_back(self, lent: _Lent) -> None:
        """To the pool, which sees to what state it is in, but expects it durable."""
        if lent.durable:
            lent.connection.close()
        else:
            lent.connection.invalidate()


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """``itemgetter`` gives a tuple only of two and more."""
    return itemgetter(*names) if len(names) > 1 else lambda values: tuple(values[name] for name in names)
