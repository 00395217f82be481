"""The databases that the JobStore's suite runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from postgresql import NoPostgresql, postgresql
from storekit import Database

from dragoman.jobs.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.jobs.stores.sql import SqlStore


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """Of a PostgreSQL that this session has started."""
    try:
        with postgresql() as url:
            yield url
    except NoPostgresql as error:
        pytest.skip(str(error))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    if request.param == "sqlite":
        made = Database(url=f"sqlite:///{tmp_path}/jobs.db")
    else:
        made = Database(url=request.getfixturevalue("postgresql_url"))
        made.clear()
    yield made
    made.close()


@pytest.fixture
def store(database: Database) -> Iterator[SqlStore]:
    """An empty store."""
    opened = open_store(database.url)
    yield opened
    opened.close()
