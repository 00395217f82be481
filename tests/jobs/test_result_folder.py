"""What the ResultStore on a folder does beyond the contract: where files lie, and what a disk may do to it."""

from __future__ import annotations

import errno
import os
import time
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from resultkit import append_log, log_of, publish, read

from dragoman.errors import NoSuchJob, ResultNotAvailable
from dragoman.jobs.result_folder import FolderResults

ID = "0a1b2c3d-0000-4000-8000-0123456789ab"


@pytest.fixture
def results(tmp_path: Path) -> FolderResults:
    return FolderResults(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where all of the job lies."""
    return tmp_path / "jobs" / "0a" / ID


def _fill(results: FolderResults, job_id: str = ID) -> None:
    publish(results, job_id, {"file": "x", "deep/file": "x"})
    append_log(results, job_id, "log")
    results.save_request(job_id, "{}")


@given(st.text(max_size=50))
def test_what_is_no_job_id_never_becomes_a_path(text: str) -> None:
    with pytest.raises(NoSuchJob):
        FolderResults(Path("/nowhere")).content(text, "file")


@given(st.text(max_size=20), st.sampled_from(["../", "/", "a/../../", "", "./../"]))
def test_no_name_of_a_file_leads_out_of_the_outputs(text: str, before: str) -> None:
    inside = Path("/nowhere/jobs/0a") / ID / "outputs"
    try:
        path = FolderResults(Path("/nowhere"))._file(ID, before + text)
    except ResultNotAvailable:
        return
    assert Path(os.path.normpath(path)).is_relative_to(inside)


def test_all_of_a_job_lies_in_its_own_folder(results: FolderResults, folder: Path, tmp_path: Path) -> None:
    assert results.log(ID) is None
    assert not (tmp_path / "jobs").exists(), "looking makes nothing"
    _fill(results)
    assert {path.name for path in folder.iterdir()} == {"outputs", "log.txt", "request.json"}
    assert results.content(ID, "deep/file").path == folder / "outputs" / "deep" / "file"


def test_clear_removes_the_folder_as_a_whole(results: FolderResults, folder: Path) -> None:
    _fill(results)
    results.clear(ID)
    assert not folder.exists()


def test_clear_does_not_follow_a_link_out_of_the_folder(
    results: FolderResults, folder: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    _fill(results)
    (folder / "outputs" / "link").symlink_to(precious)
    results.clear(ID)
    assert (precious / "file").read_text() == "kept"


def test_an_outputs_folder_that_became_a_link_leads_nowhere(
    results: FolderResults, folder: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    folder.mkdir(parents=True)
    (folder / "outputs").symlink_to(precious)
    results.clear(ID, keep_log=True)
    assert not (folder / "outputs").is_symlink()
    assert (precious / "file").read_text() == "kept"


def test_folders_are_found_by_age_and_strangers_are_left_alone(
    results: FolderResults, folder: Path, tmp_path: Path
) -> None:
    young = str(uuid.uuid4())
    _fill(results)
    _fill(results, young)
    (tmp_path / "jobs" / "0a" / "notes").mkdir()
    now = time.time()
    os.utime(folder, (now - 100, now - 100))
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
    results: FolderResults, folder: Path, tmp_path: Path
) -> None:
    _fill(results)
    results.clear(ID)
    assert not folder.exists()
    assert list((tmp_path / "trash").iterdir())
    results.empty_trash()
    assert not list((tmp_path / "trash").iterdir())


def test_a_folder_of_any_depth_and_without_permissions_is_deleted(
    results: FolderResults, folder: Path, tmp_path: Path
) -> None:
    deep = folder / "outputs" / "deep"
    deep.mkdir(parents=True)
    before = Path.cwd()
    try:
        os.chdir(deep)
        for _ in range(3000):  # deeper than Python's stack, and longer than any path
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(before)
    locked = folder / "outputs" / "locked"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    locked.chmod(0o000)
    results.clear(ID)
    results.empty_trash()
    assert not folder.exists()
    assert not list((tmp_path / "trash").iterdir())


def test_where_nothing_can_be_moved_it_is_deleted_at_once(
    results: FolderResults, folder: Path, tmp_path: Path
) -> None:
    _fill(results)
    (tmp_path / "trash").write_text("no folder can be made here, as on a full disk")
    results.clear(ID)
    assert not folder.exists()


def test_what_was_written_on_another_file_system_is_published_all_the_same(
    results: FolderResults, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = tmp_path / "written"
    (written / "tiles").mkdir(parents=True)
    (written / "tiles" / "0.png").write_text("tile")
    rename = os.rename

    def within(source: Path, target: Path) -> None:
        if source == written:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, target)

    monkeypatch.setattr(os, "rename", within)
    results.publish(ID, written)
    assert read(results, ID, "tiles/0.png") == b"tile"
    assert not written.exists()
    assert [path.name for path in folder.iterdir()] == ["outputs"]


def test_a_log_needs_no_room_on_a_full_disk(results: FolderResults, folder: Path, tmp_path: Path) -> None:
    printed = tmp_path / "printed"
    printed.write_text("words")
    inode = printed.stat().st_ino
    results.append_log(ID, printed)
    assert (folder / "log.txt").stat().st_ino == inode, "it is the very file"
    assert log_of(results, ID) == "words"


def test_a_file_that_is_cut_short_while_it_is_read_is_not_taken_for_whole(
    results: FolderResults, folder: Path
) -> None:
    publish(results, ID, {"a.tif": b"x" * 1000})
    file = results.content(ID, "a.tif")
    os.truncate(folder / "outputs" / "a.tif", 10)
    with pytest.raises(ResultNotAvailable):
        file.content()


def test_a_file_that_grows_is_read_as_far_as_it_was_said_to_go(results: FolderResults, folder: Path) -> None:
    publish(results, ID, {"a.tif": b"x" * 10})
    file = results.content(ID, "a.tif")
    with (folder / "outputs" / "a.tif").open("ab") as more:
        more.write(b"y" * 10)
    assert file.content() == b"x" * 10
