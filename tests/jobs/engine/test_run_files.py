"""The folders of runs: of their own, beside the results, and gone as a whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from memoryresults import MemoryResults
from resultkit import anything_of, append_log, log_of, publish

from dragoman.jobs.engine.run_files import RunFiles

if TYPE_CHECKING:
    from pathlib import Path

ID = "0a1b2c3d-0000-4000-8000-0123456789ab"


@pytest.fixture
def files(tmp_path: Path) -> RunFiles:
    return RunFiles(tmp_path, MemoryResults())


def _write(files: RunFiles) -> None:
    """What a run writes, prints and publishes."""
    (files.folder(ID) / "scratch" / "deep").mkdir(parents=True)
    files.spools.path(7).parent.mkdir(exist_ok=True)
    files.spools.path(7).write_text("words")
    publish(files.results, ID, {"a.tif": "x"})


@pytest.mark.parametrize("keep_log", [False, True])
def test_clear_deletes_what_the_run_wrote_and_what_was_published(files: RunFiles, keep_log: bool) -> None:
    _write(files)
    append_log(files.results, ID, "log")
    files.clear(ID, keep_log=keep_log)
    assert not files.folder(ID).exists()
    assert log_of(files.results, ID) == ("log" if keep_log else "")
    assert anything_of(files.results, ID) is keep_log


def test_what_takes_long_to_delete_is_deleted_with_the_trash(
    files: RunFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.jobs.engine.run_files.PATIENCE", 0.0)
    _write(files)
    files.clear(ID)
    assert list((tmp_path / "trash").iterdir())
    files.empty_trash()
    assert not list((tmp_path / "trash").iterdir())


def test_a_new_engine_begins_without_what_an_earlier_one_left(files: RunFiles, tmp_path: Path) -> None:
    _write(files)
    files.sweep()
    assert not files.folder(ID).exists()
    assert files.spools.read(7, 0, 10) == b""
    assert anything_of(files.results, ID), "what was published is its job's"
    files.empty_trash()
    assert not list((tmp_path / "trash").iterdir())


def test_services_are_placed_as_a_whole_in_place_of_an_earlier_runs_and_cleared_with_the_run(
    files: RunFiles, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        made = files.folder(ID) / "services"
        made.mkdir(parents=True)
        (made / f"{name}.nc").write_text(name)
        files.place_services(ID, made)
        assert [path.name for path in (tmp_path / "services" / ID).iterdir()] == [f"{name}.nc"]
        assert list(files.job_ids(float("inf"))) == [ID]
    files.clear(ID, keep_log=True)
    assert not (tmp_path / "services" / ID).exists()


def test_gathered_files_outlast_a_run_and_go_with_the_job(files: RunFiles) -> None:
    folder = files.gathered(ID)
    folder.mkdir(parents=True)
    (folder / "000000.png").write_bytes(b"x")
    files.clear(ID, keep_log=True)
    assert (folder / "000000.png").exists(), "the job may run again"
    assert list(files.job_ids(older_than=0)) == []
    os.utime(folder, (0, 0))
    assert list(files.job_ids(older_than=1)) == [ID], "so it is swept if there is no such job"
    files.drop_gathered(ID)
    assert not folder.exists()
    folder.mkdir()
    files.clear(ID)
    assert not folder.exists()
