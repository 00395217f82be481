"""What a killed supervisor leaves behind is ended before another takes its place."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from enginekit import engine
from harness import gone, wait_for

from dragoman.jobs.engine.home_lock import CGROUP
from dragoman.model.status import JobStatus
from dragoman.workers import cage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to their ancestors"),
]


def _started(pids: Path) -> list[int]:
    return [int(pid) for pid in pids.read_text().split()] if pids.exists() else []


def test_children_without_mark_group_or_session_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    with engine(tmp_path / "home") as kit:
        pids = tmp_path / "pids"
        job = kit.submit("spawner", pids=str(pids), disowned=True)
        wait_for(lambda: _started(pids), "it has its children")
        first, before = kit.supervisor, _started(pids)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: kit.supervisor != first and _started(pids) != before, "the job runs again")
        assert all(map(gone, before)), "none of the first run's is left beside the second's"
        again = _started(pids)
        assert kit.executor.dismiss(job.id).status is JobStatus.DISMISSED
        assert all(map(gone, again))


def test_so_does_everything_when_no_server_is_left(tmp_path: Path) -> None:
    with engine(tmp_path / "home") as kit:
        pids = tmp_path / "pids"
        kit.submit("spawner", pids=str(pids), disowned=True)
        wait_for(lambda: _started(pids), "it has its children")
        supervisor = psutil.Process(kit.supervisor)
        guardian = supervisor.parent()
        assert guardian is not None
        assert os.getpgid(guardian.pid) != os.getpgid(os.getpid())
        kit.executor.close()
        supervisor.kill()
        wait_for(lambda: all(map(gone, _started(pids))), "all have ended")
        wait_for(lambda: gone(guardian.pid), "and the guardian with them")


@pytest.mark.skipif(not cage.can_be_made(), reason="no cgroup can be made here")
def test_nothing_lives_on_if_both_are_killed_in_one_moment(tmp_path: Path) -> None:
    with engine(tmp_path / "home") as kit:
        pids = tmp_path / "pids"
        job = kit.submit("spawner", pids=str(pids), disowned=True)
        wait_for(lambda: _started(pids), "it has its children")
        first, before = kit.supervisor, _started(pids)
        guardian = psutil.Process(first).parent()
        assert guardian is not None
        guardian.suspend()  # so that neither sees the other die
        os.kill(first, signal.SIGKILL)
        guardian.kill()
        wait_for(lambda: kit.supervisor != first and _started(pids) != before, "the job runs again")
        assert all(map(gone, before)), "none of the first run's is left beside the second's"
        folder = Path((kit.home / CGROUP).read_text())
        assert str(kit.supervisor) in (folder / "cgroup.procs").read_text().split()
        assert kit.executor.dismiss(job.id).status is JobStatus.DISMISSED
    wait_for(lambda: not folder.exists(), "nor is the cgroup left")


def test_a_guardian_that_is_told_to_end_ends_all(tmp_path: Path) -> None:
    with engine(tmp_path / "home") as kit:
        job = kit.submit("loop", seconds=1)
        worker = kit.worker(job)
        guardian = psutil.Process(kit.supervisor).parent()
        assert guardian is not None
        guardian.terminate()
        wait_for(lambda: gone(guardian.pid), "it has ended")
        assert gone(worker)
        assert kit.finished(job).restarts == 1
