"""What the settings name but cannot be used is one line before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from harness import deaf_port
from storekit import Database

from dragoman.adapters.registry import dialect_settings
from dragoman.config.settings import Settings
from dragoman.config.settings_file import load_settings
from dragoman.errors import SettingsError
from dragoman.host.startup_checks import prepare, unusable
from dragoman.jobs.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = (Path(__file__).parents[2] / "pygeoapi-config.yml").read_text(encoding="utf-8")


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Settings of our own file, some variables set and its section ``logging`` added to."""

    def build(logging: str = "", **env: str) -> Settings:
        path = tmp_path / "config.yml"
        path.write_text(TEXT.replace("  level: INFO\n", f"  level: INFO\n{logging}"), encoding="utf-8")
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        return load_settings(path, env, dialect_settings())

    return build


type Load = Callable[..., Settings]


def _refused(settings: Settings, key: str) -> str:
    """The line of the start; the check says the same, though the system may have other words for the cause."""
    with pytest.raises(SettingsError) as caught:
        prepare(settings)
    line = caught.value.detail
    assert line.split(" (")[0] in [fault.split(" (")[0] for fault in unusable(settings)]
    assert line.startswith(f"{settings.config_path}:")
    assert f" {key}: " in line
    assert "; allowed: " in line or "schema" in line
    assert "\n" not in line
    return line


def test_what_is_not_there_yet_is_made_and_only_by_the_start(load: Load, tmp_path: Path) -> None:
    settings = load(f"  logfile: {tmp_path}/x.log\n", DRAGOMAN_HOME="a/b")
    assert list(unusable(settings)) == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.yml"]
    prepare(settings)
    assert (tmp_path / "a" / "b" / "dragoman.db").is_file()
    assert list(unusable(settings)) == []


@pytest.mark.parametrize("home", ["file", "file/deeper", "/proc/x"])
def test_a_home_that_cannot_be_made(load: Load, tmp_path: Path, home: str) -> None:
    (tmp_path / "file").write_text("")
    assert repr(str(tmp_path / home)) in _refused(load(DRAGOMAN_HOME=home), "server.manager.output_dir")


@pytest.mark.parametrize("name", ["missing/x.log", "."])
def test_a_log_file_that_cannot_be_written(load: Load, tmp_path: Path, name: str) -> None:
    _refused(load(f"  logfile: {tmp_path}/{name}\n"), "logging.logfile")


def test_a_file_that_is_no_database(load: Load, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database, but long enough to be taken for one" * 100)
    line = _refused(load(DRAGOMAN_DATABASE_URL="sqlite:///x.db"), "server.manager.connection")
    assert f"{tmp_path}/x.db" in line
    assert "not a database" in line


def test_a_folder_that_a_database_cannot_be_made_in(load: Load) -> None:
    _refused(load(DRAGOMAN_DATABASE_URL="sqlite:////proc/x/y.db"), "server.manager.connection")


def test_a_database_that_cannot_be_reached_and_no_password(load: Load) -> None:
    with deaf_port() as port:
        url = f"postgresql://me:hush@127.0.0.1:{port}/x"
        line = _refused(load(DRAGOMAN_DATABASE_URL=url), "server.manager.connection")
    assert "127.0.0.1" in line
    assert "hush" not in line


def test_a_database_of_a_newer_schema(load: Load, tmp_path: Path) -> None:
    settings = load(DRAGOMAN_DATABASE_URL="sqlite:///x.db")
    open_store(settings.database_url).close()
    database = Database(url=settings.database_url)
    database.execute("UPDATE dragoman_meta SET value = '99' WHERE key = 'version'")
    database.close()
    line = _refused(settings, "server.manager.connection")
    assert f"{tmp_path}/x.db" in line
    assert "schema 99" in line


def test_the_check_names_every_fault(load: Load, tmp_path: Path) -> None:
    settings = load(f"  logfile: {tmp_path}/no/x.log\n", DRAGOMAN_HOME="/proc/x")
    keys = [line.split(": ")[1] for line in unusable(settings)]
    assert keys == ["server.manager.output_dir", "logging.logfile", "server.manager.connection"]
