"""Reading around damage: rows one by one where SQLite finds that a page of its file makes no sense.

The places of rows come from an index, which does not touch the rows themselves; each that can be read counts. That
there is damage is noted in a file beside the database, for every process and for the operator, who removes it.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, bindparam, select

from dragoman.errors import Unavailable
from dragoman.jobs.stores.tables import JOBS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Select

    from dragoman.jobs.stores.session import Rows, SqlSession

LOGGER = logging.getLogger(__name__)

CODES: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
SUFFIX: Final = ".damaged"


def is_damage(error: Unavailable) -> bool:
    """Whether the database says that its file is damaged, and not that it cannot be reached."""
    original = getattr(error.__cause__, "orig", None)
    return getattr(original, "sqlite_errorcode", 0) & 0xFF in CODES


def rows_apart(
    session: SqlSession, statement: Select[Any], places: Select[Any], values: Mapping[str, Any]
) -> Rows:
    """The rows of ``statement`` that can be read; ``places`` selects their ``seq`` by an index alone."""
    try:
        return session.run(statement, values)[0]
    except Unavailable as error:
        if not is_damage(error):
            raise
    single = select(*statement.selected_columns).where(JOBS.c.seq == bindparam("old_seq", type_=BigInteger))
    rows: list[Mapping[str, Any]] = []
    for place in session.run(places, values)[0]:
        try:
            rows.extend(session.run(single, {"old_seq": place["seq"]})[0])
        except Unavailable as error:
            if not is_damage(error):
                raise
    return rows


class DamageNote:
    """A file beside the database of an SQLite URL's path; for any other database there is none."""

    def __init__(self, database: str | None) -> None:
        self._path = Path(database + SUFFIX) if database else None

    def write(self, error: BaseException) -> None:
        """Note the damage, once."""
        if self._path is not None and not self._path.exists():
            LOGGER.error(
                "the database is damaged: %s; see docs/operating.md", error, extra={"action": "store"}
            )
            with suppress(OSError):
                self._path.write_text(f"{error}\n", "utf-8")

    def there(self) -> bool:
        """Whether damage was noted, by whatever process."""
        return self._path is not None and self._path.exists()
