"""The settings are read once for one file and environment, and again when either is another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from harness import REPOSITORY

from dragoman.host import bootstrap

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
