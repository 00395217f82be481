"""The contract of the SessionStore port, run on every database that is served."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from dragoman.errors import NoSuchSession, Unavailable
from dragoman.jobs.stores import open_store
from dragoman.jobs.stores.dataset_sessions import open_session_store
from dragoman.model.dataset_session import DatasetSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storekit import Database

    from dragoman.datasets.ports import SessionStore

THEN = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def make_session(**members: Any) -> DatasetSession:
    known: dict[str, Any] = {
        "id": "123456789012345678",
        "owner": "alice",
        "configuration": {
            "manifest_filename": "/data/größe 漢字.tsv",
            "batch_size": 2,
            "etl": [{"type": "label"}],
        },
        "description": {"batch_count": 2**40, "buffers": []},
        "manifest_size": 2**40,
        "manifest_modified": 1_700_000_000_123_456_789,
        "created": THEN,
        "used": THEN,
    }
    return DatasetSession(**known | members)


@pytest.fixture
def sessions(database: Database) -> Iterator[SessionStore]:
    """An empty store of sessions, in a database that has its tables."""
    open_store(database.url).close()
    database.execute("DELETE FROM dragoman_sessions")
    with closing(open_session_store(database.url)) as opened:
        yield opened


def test_a_session_is_read_as_it_was_written(sessions: SessionStore, database: Database) -> None:
    session = make_session()
    sessions.add(session)
    assert sessions.get(session.id) == session
    with closing(open_session_store(database.url)) as other:  # another process's
        assert other.get(session.id) == session


def test_an_id_is_taken_once(sessions: SessionStore) -> None:
    sessions.add(make_session())
    with pytest.raises(ValueError, match="is taken"):
        sessions.add(make_session(owner="bob"))
    assert sessions.get(make_session().id).owner == "alice"


@pytest.mark.parametrize("session_id", ["1", "", "a\0b", "'; DROP", "9" * 200])
def test_what_is_not_there_is_refused(sessions: SessionStore, session_id: str) -> None:
    for ask in (sessions.get, sessions.rewind, sessions.remove):
        with pytest.raises(NoSuchSession):
            ask(session_id)


def test_the_position_moves_from_where_it_is_alone(sessions: SessionStore) -> None:
    session = make_session()
    sessions.add(session)
    assert sessions.advance(session.id, 0, 0)
    assert not sessions.advance(session.id, 0, 0)  # a batch is handed out once
    assert not sessions.advance(session.id, 1, 1)
    assert not sessions.advance("1", 0, 0)
    moved = sessions.get(session.id)
    assert moved.position == 1
    assert moved.used > THEN
    assert replace(moved, position=0, used=THEN) == session


def test_a_batch_is_won_by_one_of_many(sessions: SessionStore) -> None:
    session = make_session()
    sessions.add(session)
    with ThreadPoolExecutor(8) as pool:
        for position in range(5):
            won = list(pool.map(lambda _n, at=position: sessions.advance(session.id, 0, at), range(8)))
            assert sum(won) == 1
    assert sessions.get(session.id).position == 5


def test_a_reset_begins_a_generation(sessions: SessionStore) -> None:
    session = make_session()
    sessions.add(session)
    sessions.advance(session.id, 0, 0)
    rewound = sessions.rewind(session.id)
    assert (rewound.position, rewound.generation) == (0, 1)
    assert rewound == sessions.get(session.id)
    assert not sessions.advance(session.id, 0, 0)  # of the generation before
    assert sessions.advance(session.id, 1, 0)


def test_sessions_are_counted_by_owner_and_removed(sessions: SessionStore) -> None:
    for number in range(3):
        sessions.add(make_session(id=str(number), owner="alice" if number else "bob"))
    assert (sessions.count("alice"), sessions.count("bob"), sessions.count("carol")) == (2, 1, 0)
    sessions.remove("1")
    assert sessions.count("alice") == 1
    with pytest.raises(NoSuchSession):
        sessions.get("1")
    with pytest.raises(NoSuchSession):
        sessions.remove("1")


def test_those_that_nobody_uses_are_named(sessions: SessionStore) -> None:
    for number in range(3):
        sessions.add(make_session(id=str(number), used=THEN + timedelta(hours=number)))
    assert sorted(sessions.idle(THEN + timedelta(hours=1))) == ["0"]
    sessions.advance("0", 0, 0)
    assert sessions.idle(THEN + timedelta(hours=1)) == []


def test_they_outlast_the_migration_of_the_tables(sessions: SessionStore, database: Database) -> None:
    sessions.add(make_session())
    open_store(database.url).close()
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM dragoman_sessions")).scalar_one() == 1


def test_a_database_that_is_away_is_unavailable(sessions: SessionStore, database: Database) -> None:
    sessions.add(make_session())
    with database.away(), pytest.raises(Unavailable):
        sessions.advance(make_session().id, 0, 0)
    assert sessions.advance(make_session().id, 0, 0)
