"""Implementations of the JobStore port, chosen by the URL's scheme and imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.jobs.stores.sql import SqlStore

DRIVERS = {
    "sqlite": ("sqlite", None),
    "postgresql": ("postgresql+psycopg", "postgresql"),
    "postgres": ("postgresql+psycopg", "postgresql"),
    "postgresql+psycopg": ("postgresql+psycopg", "postgresql"),
}
"""URL scheme: (SQLAlchemy's dialect and driver, the extra that brings the driver)."""


def open_store(url: str) -> SqlStore:
    """The store at ``url``, its tables made if there are none.

    Raises SettingsError for a scheme that is not served or a driver that is not installed, and Unavailable
    if the database cannot be reached.
    """
    from dragoman.jobs.stores.sql import SqlStore

    return with_driver(url, SqlStore)


def examine_store(url: str) -> None:
    """Look whether ``open_store`` would succeed, and change nothing; raises what it would."""
    from dragoman.jobs.stores.sql import examine

    with_driver(url, examine)


def with_driver[T](url: str, use: Callable[[str], T]) -> T:
    """What ``use`` makes of a database's URL in SQLAlchemy's form; raises SettingsError where it is none of ours."""
    scheme, _, rest = url.partition("://")
    if scheme not in DRIVERS:
        raise SettingsError(
            f"server.manager.connection: '{scheme}' is not a database served here; allowed: sqlite, postgresql"
        )
    driver, extra = DRIVERS[scheme]
    try:
        return use(f"{driver}://{rest}")
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"server.manager.connection: {scheme} needs {error.name}; install dragoman[{extra}]"
        ) from error
