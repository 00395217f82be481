"""The SessionStore in the jobs' database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from dragoman.errors import NoSuchSession
from dragoman.jobs.json_codec import from_micros, to_micros
from dragoman.jobs.stores import with_driver
from dragoman.jobs.stores.conditions import storable
from dragoman.jobs.stores.session import SqlSession
from dragoman.jobs.stores.tables import SESSIONS
from dragoman.model.dataset_session import DatasetSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.sql.base import Executable

_JSON = ("configuration", "description")
_TIMES = ("created", "used")


def open_session_store(url: str) -> SqlSessionStore:
    """The sessions in the database at ``url``; raises as ``stores.open_store``."""
    return with_driver(url, SqlSessionStore)


class SqlSessionStore:
    """See ``dragoman.datasets.ports.SessionStore``."""

    def __init__(self, url: str) -> None:
        self._session = SqlSession(url)

    def add(self, session: DatasetSession) -> None:
        """See the port."""
        self._session.check_file()
        try:
            self._session.run(_insert(), _row(session))
        except IntegrityError as error:
            raise ValueError(f"the id of session {session.id} is taken") from error

    def get(self, session_id: str) -> DatasetSession:
        """See the port."""
        rows, _ = self._session.run(_select(), {"old_id": session_id}) if storable(session_id) else ((), 0)
        if not rows:
            raise NoSuchSession
        return _read(rows[0])

    def advance(self, session_id: str, generation: int, position: int) -> bool:
        """See the port; what a power cut takes back is only a count."""
        values = {
            "old_id": session_id,
            "old_generation": generation,
            "old_position": position,
            "new_position": position + 1,
            "now": to_micros(datetime.now(UTC)),
        }
        return self._session.run(_advance(), values, durable=False)[1] == 1

    def rewind(self, session_id: str) -> DatasetSession:
        """See the port."""
        values = {"old_id": session_id, "now": to_micros(datetime.now(UTC))}
        if not storable(session_id) or self._session.run(_rewind(), values)[1] != 1:
            raise NoSuchSession
        return self.get(session_id)

    def remove(self, session_id: str) -> None:
        """See the port."""
        if not storable(session_id) or self._session.run(_delete(), {"old_id": session_id})[1] != 1:
            raise NoSuchSession

    def count(self, owner: str) -> int:
        """See the port."""
        return int(self._session.run(_count(), {"old_owner": owner})[0][0]["n"])

    def idle(self, before: datetime) -> list[str]:
        """See the port."""
        return [row["id"] for row in self._session.run(_idle(), {"before": to_micros(before)})[0]]

    def close(self) -> None:
        """See the port."""
        self._session.close()


def _row(session: DatasetSession) -> dict[str, Any]:
    row = {name: getattr(session, name) for name in DatasetSession.__slots__}
    for name in _JSON:
        row[name] = json.dumps(row[name], separators=(",", ":"))
    for name in _TIMES:
        row[name] = to_micros(row[name])
    return row


def _read(row: Mapping[str, Any]) -> DatasetSession:
    values = dict(row)
    for name in _JSON:
        values[name] = json.loads(values[name])
    for name in _TIMES:
        values[name] = from_micros(values[name])
    return DatasetSession(**values)


@cache
def _insert() -> Executable:
    return insert(SESSIONS).values({column.name: bindparam(column.name) for column in SESSIONS.c})


@cache
def _select() -> Executable:
    return select(SESSIONS).where(SESSIONS.c.id == bindparam("old_id"))


@cache
def _advance() -> Executable:
    return (
        update(SESSIONS)
        .where(
            SESSIONS.c.id == bindparam("old_id"),
            SESSIONS.c.generation == bindparam("old_generation"),
            SESSIONS.c.position == bindparam("old_position"),
        )
        .values(position=bindparam("new_position"), used=bindparam("now"))
    )


@cache
def _rewind() -> Executable:
    return (
        update(SESSIONS)
        .where(SESSIONS.c.id == bindparam("old_id"))
        .values(position=0, generation=SESSIONS.c.generation + 1, used=bindparam("now"))
    )


@cache
def _delete() -> Executable:
    return delete(SESSIONS).where(SESSIONS.c.id == bindparam("old_id"))


@cache
def _count() -> Executable:
    return select(func.count().label("n")).where(SESSIONS.c.owner == bindparam("old_owner"))


@cache
def _idle() -> Executable:
    return select(SESSIONS.c.id).where(SESSIONS.c.used < bindparam("before"))
