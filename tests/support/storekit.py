"""A database seen from beside the store: to empty it, to break it, to look into it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Engine, create_engine, inspect, text

from dragoman.jobs.stores.schema import METADATA

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
        """Delete every row, that of the schema's version too."""
        for table in METADATA.sorted_tables:
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
        self.execute("ALTER TABLE dragoman_jobs RENAME TO away_jobs")
        self.execute("ALTER TABLE dragoman_meta RENAME TO away_meta")
        try:
            yield
        finally:
            self.execute("ALTER TABLE away_jobs RENAME TO dragoman_jobs")
            self.execute("ALTER TABLE away_meta RENAME TO dragoman_meta")

    def close(self) -> None:
        """Close the connection."""
        self.engine.dispose()
