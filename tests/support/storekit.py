"""A database seen from beside the store: to empty it, to break it, to look into it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Engine, create_engine, inspect, text

from dragoman.jobs.stores.tables import JOBS, META, METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator


class Database:
    """A database by its URL, and a connection to it that the store knows nothing of."""

    def __init__(self, *, url: str) -> None:
        self.url = url
        self.engine: Engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://"),
            connect_args={"timeout": 60} if url.startswith("sqlite") else {},
        )

    def clear(self) -> None:
        """Delete every row, that of the schema's version too; the tally's go by themselves."""
        for table in (JOBS, META):
            if inspect(self.engine).has_table(table.name):
                self.execute(f"DELETE FROM {table.name}")

    def drop(self) -> None:
        """Drop the tables."""
        METADATA.drop_all(self.engine)

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
