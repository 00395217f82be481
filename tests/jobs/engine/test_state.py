"""An engine says what it is doing, whatever it is doing."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
from enginekit import engine
from harness import wait_for

from dragoman.jobs.engine.state import STATE_FILE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_at_sigusr1_it_writes_down_its_threads_what_waits_and_what_its_workers_are_about(
    tmp_path: Path,
) -> None:
    with engine(tmp_path / "home", slots=1) as kit:
        file = kit.home / STATE_FILE
        running = kit.submit("loop")
        worker = kit.worker(running)
        waiting = kit.submit("loop")
        os.kill(kit.supervisor, signal.SIGUSR1)
        wait_for(lambda: file.read_text().count("\n}\n") == 1, "it has said so")
        os.kill(kit.supervisor, signal.SIGUSR1)
        wait_for(lambda: file.read_text().count("\n}\n") == 2, "and again")
        stacks, _, state = file.read_text().rpartition("\n\n")
        told = json.loads(state)
        assert "most recent call first" in stacks
        assert told["queue"] == [waiting.id]
        assert told["assigned"] == {running.id: worker}
        (only,) = told["workers"]
        assert (only["pid"], only["job"], only["begun"], only["connected"]) == (
            worker,
            running.id,
            True,
            True,
        )
        for job in (waiting, running):
            kit.executor.dismiss(job.id)
