"""How a store is found by its URL, and what is said where it cannot be."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from harness import deaf_port
from jobmaking import make_job
from sqlalchemy import text
from storekit import Database

from dragoman.errors import SettingsError, Unavailable
from dragoman.jobs.stores import examine_store, open_store, outage_log
from dragoman.jobs.stores.outage_log import cause_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("url", ["mysql://x/y", "nothing", "", "mssql+pyodbc://x"])
def test_another_database_is_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(SettingsError, match="sqlite, postgresql"):
        open_store(url)


def test_a_postgresql_that_is_not_there_is_unavailable() -> None:
    with deaf_port() as port, pytest.raises(Unavailable):
        open_store(f"postgresql://nobody@127.0.0.1:{port}/none?connect_timeout=2")


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        open_store(f"sqlite:///{tmp_path}/file/deeper/jobs.db")


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_text("not a database, but long enough to be taken for one" * 100)
    with pytest.raises(Unavailable):
        open_store(f"sqlite:///{tmp_path}/jobs.db")


@pytest.mark.parametrize("look", [open_store, examine_store])
def test_a_store_of_a_newer_schema_is_refused(tmp_path: Path, look: Callable[[str], object]) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    open_store(url).close()
    database = Database(url=url)
    database.execute("UPDATE dragoman_meta SET value = '99' WHERE key = 'version'")
    database.close()
    with pytest.raises(SettingsError, match="schema 99"):
        look(url)


def test_looking_at_a_store_makes_no_tables(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    examine_store(url)
    with closing(
        sqlite3.connect(tmp_path / "jobs.db")
    ) as database:  # open, it would keep what is written below
        tables = database.execute("SELECT * FROM sqlite_master").fetchall()
    assert tables == []
    open_store(url).close()
    examine_store(url)
    (tmp_path / "jobs.db").write_text("not a database, but long enough to be taken for one" * 100)
    with pytest.raises(Unavailable):
        examine_store(url)


def test_the_words_of_an_outage_hold_no_password() -> None:
    said = cause_of(OSError("cannot log in with\n hush"), "postgresql://me:hush@h/x")
    assert said == "OSError: cannot log in with ***"


def test_a_later_outage_is_logged_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = outage_log.OutageLog("sqlite:////x")
    found.note(OSError("full"))
    found.note(OSError("full"))
    found.note(OSError("gone"))
    monkeypatch.setattr(outage_log, "APART", 0.0)
    found.note(OSError("gone"))
    assert [record.getMessage().rpartition(" ")[2] for record in caplog.records] == ["full", "gone", "gone"]


def test_the_folder_of_a_new_database_is_made(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/a/b/jobs.db").close()
    assert (tmp_path / "a" / "b" / "jobs.db").is_file()


def test_a_new_database_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself waits for every lock but for that of turning to WAL."""
    other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.execute, ["COMMIT"])
    release.start()
    try:
        open_store(f"sqlite:///{tmp_path}/jobs.db").close()
    finally:
        release.join()
        other.close()


def test_a_postgresql_that_was_restarted_is_found_again(postgresql_url: str) -> None:
    database = Database(url=postgresql_url)
    database.drop()
    store = open_store(postgresql_url)
    try:
        job = store.add(make_job())
        with database.engine.connect() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.execute(text(f"{others} AND backend_type = 'client backend'"))
        assert store.get(job.id) == job
    finally:
        store.close()
        database.close()
