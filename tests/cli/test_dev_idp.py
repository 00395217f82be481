"""`dragoman dev-idp` as it is typed."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import requests
from harness import BIN, free_port, wait_for
from typer.testing import CliRunner

from dragoman.cli.main import app

if TYPE_CHECKING:
    from pathlib import Path


def test_it_says_that_it_guards_nothing_and_gives_tokens(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    command = [str(BIN / "dragoman"), "dev-idp", "--port", str(port), "--lifetime", "7"]
    command += ["--user", "ann:pa:ss", "--role", "ann:analyst", "--client", "app", "--audience", "geo"]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            printed = wait_for(lambda: re.search(r"token endpoint +(\S+)", log.read_text()), "it is up")
            form = {"grant_type": "password", "client_id": "app", "username": "ann", "password": "pa:ss"}
            body = requests.post(printed[1], data=form, timeout=30).json()
        finally:
            process.terminate()
    assert body["expires_in"] == 7
    assert "guards nothing" in log.read_text()
    assert f"http://127.0.0.1:{port}/realms/geo" in log.read_text()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--user", "ann"], "--user 'ann' is not NAME:PASSWORD"),
        (["--role", "zoe:analyst"], "there is no user or client 'zoe'"),
        (["--file", "missing.yml"], "missing.yml: cannot be read"),
    ],
)
def test_a_mistake_is_named(options: list[str], reason: str) -> None:
    result = CliRunner().invoke(app, ["dev-idp", *options])
    assert result.exit_code != 0
    assert reason in " ".join((result.output + str(result.exception)).replace("│", " ").split())
