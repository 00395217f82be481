"""`dragoman stubs`: the program that the server gives, without a server."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from harness import REPOSITORY

from dragoman.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYGEOAPI_CONFIG", str(REPOSITORY / "pygeoapi-config.yml"))
    monkeypatch.setenv("DRAGOMAN_HOME", str(tmp_path))


def run(arguments: Sequence[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def test_it_prints_a_program_for_the_server_that_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["stubs", "echo", "python", "--url", "https://geo.example/x/"]) == 0
    program = capfd.readouterr().out
    ast.parse(program)
    assert "EXECUTION = 'https://geo.example/x/processes/echo/execution'" in program
    assert "'text': 'Hello'" in program


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["echo", "cobol"],
            "there is no stub in 'cobol'; allowed: r, python, julia, javascript, curl, jupyter",
        ),
        (["nothing", "r"], "nothing"),
    ],
)
def test_what_there_is_not_is_one_line(
    arguments: list[str], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["stubs", *arguments]) == 1
    printed = capfd.readouterr()
    assert (printed.out, len(printed.err.splitlines())) == ("", 1)
    assert words in printed.err
