"""Writes of SQLite that wait for the disk and those that do not, on one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from jobmaking import make_job
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from dragoman.jobs.stores import rows, statements
from dragoman.jobs.stores.engines import open_engine
from dragoman.jobs.stores.migrations import migrate
from dragoman.jobs.stores.sqlite_direct import SqliteDirect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL, NORMAL = 2, 1
"""What SQLite calls a write that waits for the disk, and one that does not."""


@pytest.fixture
def direct(tmp_path: Path) -> Iterator[SqliteDirect]:
    engine = open_engine(f"sqlite:///{tmp_path}/jobs.db")
    migrate(engine)
    opened = SqliteDirect(engine)
    yield opened
    opened.close()
    engine.dispose()


def _level(direct: SqliteDirect) -> int:
    """How the last write was done: asking changes nothing."""
    level: int = direct.run(text("PRAGMA synchronous"), {}, durable=True)[0][0]["synchronous"]
    return level


def _add(direct: SqliteDirect, *, durable: bool) -> None:
    direct.run(statements.insert_job(), rows.columns(make_job()), durable=durable)


def test_each_write_is_as_durable_as_it_is_said_to_be(direct: SqliteDirect) -> None:
    for durable in (True, False, False, True, False, True, True):
        _add(direct, durable=durable)
        assert _level(direct) == (FULL if durable else NORMAL)


@pytest.mark.parametrize("durable", [True, False])
def test_what_the_pool_gets_back_is_durable(direct: SqliteDirect, durable: bool) -> None:
    job = rows.columns(make_job())
    direct.run(statements.insert_job(), job, durable=durable)
    with pytest.raises(IntegrityError):
        direct.run(statements.insert_job(), job, durable=durable)
    assert _level(direct) == FULL


def test_reading_leaves_it_as_it_is(direct: SqliteDirect) -> None:
    _add(direct, durable=False)
    assert direct.run(statements.select_waiting_ids(), {}, durable=True)[0]
    assert _level(direct) == NORMAL
