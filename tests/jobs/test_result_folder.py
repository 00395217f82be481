"""The ResultStore port on a folder."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import NoSuchJob
from dragoman.jobs.result_folder import FolderResults

ID = "0a1b2c3d-0000-4000-8000-0123456789ab"


@pytest.fixture
def results(tmp_path: Path) -> FolderResults:
    return FolderResults(tmp_path)


def _fill(results: FolderResults, job_id: str = ID) -> None:
    for folder in (results.outputs(job_id), results.scratch(job_id) / "deep"):
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
    results.log(job_id).write_text("log")
    results.save_request(job_id, "{}")


BAD = [
    "..",
    "../../etc",
    "",
    ".",
    "/etc/passwd",
    ID.upper(),
    ID + "/..",
    f"../{ID}",
    ID[:-1],
    ID + "\n",
    ID + "\0",
    "%2e",
]


@pytest.mark.parametrize("job_id", BAD)
def test_what_is_no_job_id_never_becomes_a_path(results: FolderResults, job_id: str) -> None:
    for action in (results.outputs, results.scratch, results.log, results.load_request, results.clear):
        with pytest.raises(NoSuchJob):
            action(job_id)
    with pytest.raises(NoSuchJob):
        results.save_request(job_id, "{}")


@given(st.text(max_size=50))
def test_nor_does_any_other_text(text: str) -> None:
    with pytest.raises(NoSuchJob):
        FolderResults(Path("/nowhere")).outputs(text)


def test_all_of_a_job_lies_in_its_own_folder(results: FolderResults, tmp_path: Path) -> None:
    for path in (results.outputs(ID), results.scratch(ID), results.log(ID)):
        assert path.parent == tmp_path / "jobs" / "0a" / ID
    assert not (tmp_path / "jobs").exists()


def test_a_request_comes_back_to_the_letter(results: FolderResults) -> None:
    text = "漢字\r\n\u2028 \U0001f6f0" * 50_000
    results.save_request(ID, text)
    assert results.load_request(ID) == text
    results.save_request(ID, "again")
    assert results.load_request(ID) == "again"


def test_a_request_that_is_gone_is_said_to_be_gone(results: FolderResults) -> None:
    with pytest.raises(NoSuchJob, match=ID):
        results.load_request(ID)


def test_clear_removes_the_folder_as_a_whole(results: FolderResults) -> None:
    other = str(uuid.uuid4())
    _fill(results)
    _fill(results, other)
    results.clear(ID)
    assert not results.log(ID).parent.exists()
    assert results.load_request(other) == "{}"
    results.clear(ID)


def test_clear_may_keep_what_another_run_needs(results: FolderResults) -> None:
    _fill(results)
    results.clear(ID, keep_log=True)
    assert results.log(ID).read_text() == "log"
    assert results.load_request(ID) == "{}"
    assert not results.outputs(ID).exists()
    assert not results.scratch(ID).exists()


def test_clear_does_not_follow_a_link_out_of_the_folder(results: FolderResults, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    _fill(results)
    (results.scratch(ID) / "link").symlink_to(precious)
    results.clear(ID)
    assert (precious / "file").read_text() == "kept"


def test_free_space_is_known_before_there_is_a_job(results: FolderResults) -> None:
    assert results.free_bytes() > 0


def test_folders_are_found_by_age_and_strangers_are_left_alone(
    results: FolderResults, tmp_path: Path
) -> None:
    young = str(uuid.uuid4())
    _fill(results)
    _fill(results, young)
    (tmp_path / "jobs" / "0a" / "notes").mkdir()
    now = time.time()
    os.utime(results.log(ID).parent, (now - 100, now - 100))
    assert list(results.job_ids(older_than=now - 50)) == [ID]
    assert set(results.job_ids(older_than=now + 50)) == {ID, young}


def test_a_folder_that_vanishes_meanwhile_is_passed_over(results: FolderResults) -> None:
    ids = [f"0a1b2c3d-0000-4000-8000-{n:012}" for n in range(4)]
    for job_id in ids:
        _fill(results, job_id)
    seen = results.job_ids(older_than=time.time() + 50)
    first = next(seen)
    for job_id in ids:
        results.clear(job_id)
    assert list(seen) == []
    assert first in ids


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.jobs.result_folder.PATIENCE", 0.0)


@pytest.mark.usefixtures("impatient")
def test_what_takes_too_long_to_delete_is_out_of_sight_at_once_and_gone_later(
    results: FolderResults, tmp_path: Path
) -> None:
    _fill(results)
    results.clear(ID)
    assert not results.log(ID).parent.exists()
    assert list((tmp_path / "trash").iterdir())
    results.empty_trash()
    assert not list((tmp_path / "trash").iterdir())


def test_a_folder_of_any_depth_and_without_permissions_is_deleted(
    results: FolderResults, tmp_path: Path
) -> None:
    deep = results.scratch(ID)
    deep.mkdir(parents=True)
    before = Path.cwd()
    try:
        os.chdir(deep)
        for _ in range(3000):  # deeper than Python's stack, and longer than any path
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(before)
    locked = results.outputs(ID) / "locked"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    locked.chmod(0o000)
    results.clear(ID)
    results.empty_trash()
    assert not results.scratch(ID).parent.exists()
    assert not list((tmp_path / "trash").iterdir())


def test_a_scratch_folder_that_became_a_link_leads_nowhere(results: FolderResults, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    results.scratch(ID).parent.mkdir(parents=True)
    results.scratch(ID).symlink_to(precious)
    results.clear(ID, keep_log=True)
    assert not results.scratch(ID).is_symlink()
    assert (precious / "file").read_text() == "kept"


def test_a_log_that_cannot_be_kept_is_given_up(results: FolderResults, tmp_path: Path) -> None:
    spool = results.spool(7)
    spool.parent.mkdir(parents=True)
    spool.write_text("words")
    (tmp_path / "jobs").write_text("no folder can be made here, as on a full disk")
    results.keep_log(ID, 7)
    assert not spool.exists()


def test_logs_of_several_runs_stand_one_below_the_other(results: FolderResults) -> None:
    results.spool(7).parent.mkdir(parents=True)
    for run in ("first\n", "second\n"):
        results.spool(7).write_text(run)
        results.keep_log(ID, 7)
    results.keep_log(ID, 7)
    assert results.log(ID).read_text() == "first\nsecond\n"
