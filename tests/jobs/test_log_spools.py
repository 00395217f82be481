"""What workers print, until it is in the logs of their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from memoryresults import MemoryResults
from resultkit import log_of

from dragoman.jobs import log_spools
from dragoman.jobs.log_spools import LogSpools
from dragoman.jobs.result_folder import FolderResults

if TYPE_CHECKING:
    from pathlib import Path

ID = "0a1b2c3d-0000-4000-8000-0123456789ab"


@pytest.fixture
def spools(tmp_path: Path) -> LogSpools:
    (tmp_path / "workers").mkdir()
    return LogSpools(tmp_path)


@pytest.fixture
def results() -> MemoryResults:
    return MemoryResults()


def test_what_is_printed_can_be_read_while_it_is_printed(spools: LogSpools) -> None:
    assert spools.read(7, 0, 100) == b""
    spools.path(7).write_text("some words")
    assert spools.read(7, 0, 100) == b"some words"
    assert spools.read(7, 5, 3) == b"wor"
    assert spools.read(7, 50, 3) == b""


def test_logs_of_several_runs_stand_one_below_the_other(spools: LogSpools, results: MemoryResults) -> None:
    for run in ("first\n", "second\n"):
        spools.path(7).write_text(run)
        spools.keep(ID, 7, results)
        assert spools.read(7, 0, 100) == b""
    spools.keep(ID, 7, results)
    assert log_of(results, ID) == "first\nsecond\n"


def test_a_job_that_printed_nothing_has_no_log(spools: LogSpools, results: MemoryResults) -> None:
    spools.path(7).write_text("")
    spools.keep(ID, 7, results)
    assert results.jobs == {}


def test_of_a_very_long_one_the_end_is_lost(
    spools: LogSpools, results: MemoryResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_spools, "LOG_LIMIT", 5)
    spools.path(7).write_text("first and last")
    spools.keep(ID, 7, results)
    assert log_of(results, ID) == "first"


def test_what_a_crash_left_half_way_is_kept_at_the_next_try(
    spools: LogSpools, results: MemoryResults, tmp_path: Path
) -> None:
    spools.path(7).write_text("words")

    class Killed(MemoryResults):
        def append_log(self, job_id: str, printed: Path) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spools.keep(ID, 7, Killed())
    spools.keep(ID, 7, results)
    assert log_of(results, ID) == "words"
    assert list((tmp_path / "workers").iterdir()) == []


def test_a_log_that_cannot_be_kept_is_given_up(spools: LogSpools, tmp_path: Path) -> None:
    spools.path(7).write_text("words")
    (tmp_path / "jobs").write_text("no folder can be made here, as on a full disk")
    spools.keep(ID, 7, FolderResults(tmp_path))
    assert list((tmp_path / "workers").iterdir()) == []


def test_nothing_is_left_of_what_nobody_wants(spools: LogSpools, tmp_path: Path) -> None:
    spools.path(7).write_text("words")
    spools.discard(7)
    spools.discard(7)
    assert list((tmp_path / "workers").iterdir()) == []
    spools.path(8).write_text("words")
    spools.sweep()
    assert not (tmp_path / "workers").exists()
