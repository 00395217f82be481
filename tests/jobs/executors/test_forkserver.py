"""The process that workers are forked from dies, and they with it: no fault of their jobs'."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psutil
import pytest
from enginekit import engine

from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="workers die with it on Linux only"),
]


def test_its_death_is_no_run_of_the_job(tmp_path: Path) -> None:
    with engine(tmp_path / "home", max_attempts=1) as kit:
        jobs = [kit.submit("loop", seconds=3) for _ in range(2)]
        workers = [kit.worker(job) for job in jobs]
        forkserver = psutil.Process(workers[0]).parent()
        assert forkserver is not None
        assert forkserver.pid not in (kit.supervisor, 1)
        forkserver.kill()
        for job in jobs:
            done = kit.finished(job)
            assert (done.status, done.attempts, done.restarts) == (JobStatus.SUCCESSFUL, 2, 1), done.message


def test_a_worker_that_ends_with_the_same_exit_code_has_itself_to_blame(tmp_path: Path) -> None:
    package = tmp_path / "quitter"
    package.mkdir()
    (package / "process.yml").write_text(
        "id: quitter\nversion: '1'\ninputs: {}\noutputs: {ok: {schema: {}}}\n"
    )
    (package / "algorithm.py").write_text("import os\ndef run():\n    os._exit(255)\n")
    with engine(tmp_path / "home", max_attempts=1) as kit:
        done = kit.run(package)
        assert (done.status, done.attempts, done.restarts) == (JobStatus.FAILED, 1, 0)
        assert "exit code" in done.message
