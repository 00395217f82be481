"""A database seen from beside the store: to empty it, to break it, to look into it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, inspect, text

from dragoman.jobs.stores.migrations import VERSION
from dragoman.jobs.stores.tables import JOBS, META, METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator

DUMPS = Path(__file__).parents[1] / "data" / "stores"


class Database:
    """A database by its URL, and a connection to it that the store knows nothing of."""

    def __init__(self, *, url: str) -> None:
        self.url = url
        self.engine: Engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://"),
            connect_args={"timeout": 60} if url.startswith("sqlite") else {},
        )

    def clear(self) -> None:
        """Delete every job; what counts and tells of them goes by itself."""
        if inspect(self.engine).has_table(META.name):
            self.execute(f"DELETE FROM {JOBS.name}")
            self.execute(f"UPDATE {META.name} SET value = '{VERSION}' WHERE key = 'version'")

    def drop(self) -> None:
        """Drop the tables."""
        METADATA.drop_all(self.engine)

    def restore(self, version: str, **names: str) -> None:
        """Make it what a dump of ``tests/data/stores`` holds, with its {NAMES} filled in."""
        dialect = self.engine.dialect.name
        script = (DUMPS / f"{version}.{dialect}.sql").read_text("utf-8")
        for name, value in names.items():
            script = script.replace(f"{{{name}}}", value)
        if dialect == "sqlite":
            self.drop()
        else:  # its functions too
            script = f"DROP SCHEMA public CASCADE; CREATE SCHEMA public; {script}"
        connection = self.engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            if dialect == "sqlite":
                driver.executescript(script)
            else:
                driver.execute(script)
                driver.commit()
        finally:
            connection.close()
            self.engine.dispose()  # the dump's settings are the connection's

    def execute(self, statement: str) -> None:
        """Run one statement of SQL."""
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    @contextmanager
    def away(self) -> Iterator[None]:
        """The tables cannot be used meanwhile."""
        names = [table.name for table in METADATA.sorted_tables]
        for name in names:
            self.execute(f"ALTER TABLE {name} RENAME TO away_{name}")
        try:
            yield
        finally:
            for name in names:
                self.execute(f"ALTER TABLE away_{name} RENAME TO {name}")

    def close(self) -> None:
        """Close the connection."""
        self.engine.dispose()
