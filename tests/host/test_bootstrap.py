"""The settings are read once for one file and environment, and again when either is another."""

from __future__ import annotations

import os
import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from harness import REPOSITORY

from dragoman.config.settings_file import VARIABLES
from dragoman.host import bootstrap, hook

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.yml"
    path.write_text((REPOSITORY / "pygeoapi-config.yml").read_text("utf-8"), "utf-8")
    for name in [name for name in os.environ if name.startswith(("DRAGOMAN_", "PYGEOAPI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYGEOAPI_CONFIG", str(path))
    monkeypatch.setenv("DRAGOMAN_URL", "http://geo.example.org")
    return path


def test_the_same_file_is_not_read_again(config: Path) -> None:
    assert bootstrap.read_settings() is bootstrap.read_settings()


def test_a_changed_file_is(config: Path) -> None:
    assert bootstrap.read_settings().warm_workers == 8
    config.write_text(config.read_text("utf-8").replace("warm_workers: 8", "warm_workers: 11"), "utf-8")
    assert bootstrap.read_settings().warm_workers == 11


def test_a_changed_environment_counts(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bootstrap.read_settings().port == 5000
    monkeypatch.setenv("DRAGOMAN_PORT", "6001")
    assert bootstrap.read_settings().port == 6001


def test_variables_that_are_empty_are_removed_every_time(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        monkeypatch.setenv("DRAGOMAN_HOME", "")
        bootstrap.read_settings()
        assert "DRAGOMAN_HOME" not in os.environ


@pytest.mark.parametrize(
    ("module", "name"), [("pygeoapi.starlette_app", "Starlette"), ("pygeoapi.django_.settings", "Django")]
)
def test_under_another_framework_the_start_is_refused_in_one_line(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str, name: str
) -> None:
    assert config.exists()
    monkeypatch.setitem(sys.modules, module, ModuleType(module))
    with pytest.raises(SystemExit) as ended:
        hook._get_config(dict)
    assert ended.value.code == 3
    told = capsys.readouterr().err
    assert (told.count("\n"), name in told) == (1, True)


def test_gunicorns_sync_worker_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    bootstrap.warn_of_sync_worker({"gunicorn.workers.gthread"})
    assert not caplog.records
    bootstrap.warn_of_sync_worker({"gunicorn.workers.sync"})
    assert "gthread" in caplog.text


def _default(match: re.Match[str]) -> str:
    return match[1] or "''"


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_without_effect_stops_the_start(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    plain = re.sub(rf"\$\{{{name}:-([^}}]*)\}}", _default, config.read_text("utf-8"))
    config.write_text(plain, "utf-8")
    monkeypatch.delenv("DRAGOMAN_URL")
    bootstrap.read_settings()
    monkeypatch.setenv(name, "7000")
    with pytest.raises(SystemExit):
        bootstrap.read_settings()
    assert name in capsys.readouterr().err
    monkeypatch.setenv(name, "tcp://10.0.0.1:5000")  # as Kubernetes sets it for a service of our name
    bootstrap.read_settings()
