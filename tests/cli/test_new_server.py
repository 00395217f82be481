"""``dragoman init --server`` writes what serves as it is, and nothing over what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from dragoman.adapters.registry import dialect_settings
from dragoman.cli.main import app, main
from dragoman.config.bundled import bundled_names
from dragoman.config.settings_file import load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("arguments", [[], ["geo"], ["a folder/geo"]])
def test_the_configuration_is_a_server_of_all_that_comes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["init", "--server", *arguments])
    folder = tmp_path.joinpath(*arguments)
    settings = load_settings(folder / "pygeoapi-config.yml", {}, dialect_settings())
    assert {process.id for process in settings.processes} == {*bundled_names(), "hello-world"}
    assert settings.home == folder / "var"
    assert "dragoman serve" in done.output
    assert ("cd 'a folder/geo' && " in done.output) == (arguments == ["a folder/geo"])


def test_what_is_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pygeoapi-config.yml").write_text("mine")
    with pytest.raises(SystemExit):
        main(["init", "--server"])
    assert capsys.readouterr().err == "pygeoapi-config.yml exists already; nothing was written\n"
    assert (tmp_path / "pygeoapi-config.yml").read_text() == "mine"


def test_a_package_needs_a_name() -> None:
    done = CliRunner().invoke(app, ["init"])
    assert done.exit_code == 2
    assert "--server" in done.output
