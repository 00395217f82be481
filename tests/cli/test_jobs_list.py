"""``dragoman jobs list`` and ``dragoman serve``: what they make of their options."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from jobmaking import make_job
from typer.testing import CliRunner

from dragoman.cli import jobs, main, serve
from dragoman.model.job import Job, JobPage, JobQuery


def test_the_jobs_of_one_process_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [make_job(process_id=name) for name in ("ndvi", "echo", "ndvi")]

    def find(query: JobQuery) -> JobPage:
        found: list[Job] = [
            job for job in listed if job.process_id in (query.process_ids or (job.process_id,))
        ]
        return JobPage(jobs=tuple(found), matched=len(found))

    monkeypatch.setattr(jobs, "read_settings", lambda: None)
    monkeypatch.setattr(jobs, "existing_store", lambda _settings: SimpleNamespace(find=find))
    result = CliRunner().invoke(jobs.app, ["list", "--process", "ndvi"])
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "2 of 2")
    assert "echo" not in result.output
    assert "+00:00" in result.output, "times have their zone"


@pytest.mark.parametrize(
    ("host", "bind"),
    [("::1", "[::1]:5000"), ("127.0.0.1", "127.0.0.1:5000"), ("localhost", "localhost:5000")],
)
def test_gunicorn_is_told_an_address_that_it_understands(
    monkeypatch: pytest.MonkeyPatch, host: str, bind: str
) -> None:
    commands: list[list[str]] = []
    settings: Any = SimpleNamespace(host=host, port=5000)
    monkeypatch.setattr(serve, "read_settings", lambda: settings)
    monkeypatch.setattr(serve, "prepare", lambda _settings: None)
    monkeypatch.setattr(os, "execv", lambda _path, command: commands.append(command))
    CliRunner().invoke(main.app, ["serve", "--threads", "4"])
    assert commands[0][commands[0].index("--bind") + 1] == bind
