"""What every ResultStore does, asked of each."""

from __future__ import annotations

import time
import uuid
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

import pytest
from memoryresults import MemoryResults
from resultkit import anything_of, append_log, has_file, log_of, publish, read

from dragoman.errors import NoSuchJob, ResultNotAvailable
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.stored_file import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragoman.jobs.ports import ResultStore

STORES: dict[str, Callable[[Path], ResultStore]] = {
    "folder": FolderResults,
    "memory": lambda _home: MemoryResults(),
}
"""Each store that is served, and the one that suites of other things stand on."""

ID = "0a1b2c3d-0000-4000-8000-0123456789ab"
BAD_IDS = [
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
BAD_NAMES = ["", ".", "..", "../request.json", "a/../../log.txt", "/etc/passwd", "a.tif\0"]


def fill(results: ResultStore, job_id: str = ID) -> None:
    """Something of everything."""
    publish(results, job_id, {"file": "x"})
    append_log(results, job_id, "log")
    results.save_request(job_id, "{}")


@pytest.fixture(params=STORES)
def results(request: pytest.FixtureRequest, tmp_path: Path) -> ResultStore:
    return STORES[request.param](tmp_path / "home")


@pytest.mark.parametrize("job_id", BAD_IDS)
def test_what_is_no_job_id_is_no_job(results: ResultStore, job_id: str, tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    actions: list[Callable[[], object]] = [
        lambda: results.publish(job_id, tmp_path / "local"),
        lambda: results.content(job_id, "file"),
        lambda: results.remove_file(job_id, "file"),
        lambda: results.append_log(job_id, tmp_path / "local"),
        lambda: results.log(job_id),
        lambda: results.save_request(job_id, "{}"),
        lambda: results.load_request(job_id),
        lambda: results.remove_request(job_id),
        lambda: results.save_sent(job_id, "{}"),
        lambda: results.load_sent(job_id),
        lambda: results.clear(job_id),
        lambda: results.clear(job_id, keep_log=True),
    ]
    for action in actions:
        with pytest.raises(NoSuchJob):
            action()


@pytest.mark.parametrize("name", BAD_NAMES)
def test_no_name_leads_out_of_the_outputs(results: ResultStore, name: str) -> None:
    fill(results)
    with pytest.raises(ResultNotAvailable):
        results.content(ID, name)
    if name not in ("", "."):
        before = (log_of(results, ID), results.load_request(ID))
        for _ in range(2):
            with suppress(ResultNotAvailable):
                results.remove_file(ID, name)
        assert (log_of(results, ID), results.load_request(ID)) == before


def test_what_is_published_is_there_as_a_whole_and_gone_where_it_was(
    results: ResultStore, tmp_path: Path
) -> None:
    folder = tmp_path / "written"
    (folder / "tiles").mkdir(parents=True)
    (folder / "a.tif").write_bytes(b"raster")
    (folder / "tiles" / "0.png").write_bytes(b"tile")
    before = datetime.now(UTC).timestamp()
    results.publish(ID, folder)
    assert not folder.exists()
    assert read(results, ID, "a.tif") == b"raster"
    tile = results.content(ID, "tiles/0.png")
    assert (tile.name, tile.size, tile.content()) == ("0.png", 4, b"tile")
    assert tile.modified.tzinfo is UTC
    assert abs(tile.modified.timestamp() - before) < 60
    with pytest.raises(ResultNotAvailable):
        results.content(ID, "tiles")


def test_what_is_published_stays(results: ResultStore, tmp_path: Path) -> None:
    publish(results, ID, {"a.tif": "first"})
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "a.tif").write_text("late")
    with pytest.raises(OSError):  # noqa: PT011  # which of them is the implementation's affair
        results.publish(ID, tmp_path / "late")
    assert read(results, ID, "a.tif") == b"first"


def test_any_range_is_read_in_blocks(results: ResultStore) -> None:
    data = bytes(range(256)) * (2 * BLOCK // 256) + b"rest"
    publish(results, ID, {"a": data, "empty": b""})
    file = results.content(ID, "a")
    assert file.size == len(data)
    for start, stop in ((0, None), (0, 0), (0, 1), (5, 5), (3, BLOCK + 7), (len(data) - 1, None)):
        with closing(file.blocks(start, stop)) as blocks:
            pieces = list(blocks)
        assert b"".join(pieces) == data[start:stop]
        assert all(0 < len(piece) <= BLOCK for piece in pieces)
    assert results.content(ID, "empty").content() == b""


def test_an_etag_is_of_the_content(results: ResultStore) -> None:
    publish(results, ID, {"a": b"one", "b": b"other"})
    first = results.content(ID, "a").etag
    assert results.content(ID, "a").etag == first
    assert results.content(ID, "b").etag != first
    assert '"' not in first
    assert first.isascii()


def test_a_file_that_is_being_read_is_read_to_its_end(results: ResultStore) -> None:
    publish(results, ID, {"a": b"x" * (3 * BLOCK)})
    with closing(results.content(ID, "a").blocks()) as blocks:
        read_before = len(next(blocks))
        results.clear(ID)
        results.empty_trash()
        assert read_before + sum(map(len, blocks)) == 3 * BLOCK


def test_one_file_is_removed_and_the_others_stay(results: ResultStore) -> None:
    publish(results, ID, {"a": "1", "b": "2"})
    for _ in range(2):
        results.remove_file(ID, "a")
    assert not has_file(results, ID, "a")
    assert has_file(results, ID, "b")
    results.remove_file(str(uuid.uuid4()), "a")


def test_logs_of_several_runs_stand_one_below_the_other(results: ResultStore, tmp_path: Path) -> None:
    assert results.log(ID) is None
    printed = tmp_path / "printed"
    for run in ("first\n", "second\n"):
        printed.write_text(run)
        results.append_log(ID, printed)
        assert not printed.exists()
    log = results.log(ID)
    assert log is not None
    assert log.size == 13
    with closing(log.blocks(6)) as blocks:
        assert b"".join(blocks) == b"second\n"


def test_a_request_comes_back_to_the_letter(results: ResultStore) -> None:
    text = "漢字\r\n\u2028 \U0001f6f0" * 50_000
    results.save_request(ID, text)
    assert results.load_request(ID) == text
    results.save_request(ID, "again")
    assert results.load_request(ID) == "again"


def test_a_request_that_is_gone_is_said_to_be_gone(results: ResultStore) -> None:
    with pytest.raises(NoSuchJob, match=ID):
        results.load_request(ID)


def test_a_request_can_go_without_the_rest(results: ResultStore) -> None:
    fill(results)
    for _ in range(2):
        results.remove_request(ID)
    with pytest.raises(NoSuchJob, match=ID):
        results.load_request(ID)
    assert has_file(results, ID, "file")
    results.remove_request(str(uuid.uuid4()))


def test_what_was_sent_comes_back_to_the_letter_and_outlasts_the_request(results: ResultStore) -> None:
    assert results.load_sent(ID) is None
    text = "漢字\r\n\u2028 \U0001f6f0"
    results.save_sent(ID, text)
    results.save_request(ID, "{}")
    results.remove_request(ID)
    results.clear(ID, keep_log=True)
    assert results.load_sent(ID) == text
    results.clear(ID)
    assert results.load_sent(ID) is None


def test_clear_removes_all_of_a_job_and_of_no_other(results: ResultStore) -> None:
    other = str(uuid.uuid4())
    fill(results)
    fill(results, other)
    for _ in range(2):
        results.clear(ID)
    assert not has_file(results, ID, "file")
    assert results.log(ID) is None
    assert not anything_of(results, ID)
    with pytest.raises(NoSuchJob):
        results.load_request(ID)
    assert results.load_request(other) == "{}"
    assert has_file(results, other, "file")


def test_clear_may_keep_what_another_run_needs(results: ResultStore) -> None:
    fill(results)
    results.clear(ID, keep_log=True)
    assert log_of(results, ID) == "log"
    assert results.load_request(ID) == "{}"
    assert not has_file(results, ID, "file")
    publish(results, ID, {"file": "of the next run"})
    assert read(results, ID, "file") == b"of the next run"


def test_jobs_are_found_by_their_age(results: ResultStore) -> None:
    other = str(uuid.uuid4())
    fill(results)
    results.save_request(other, "{}")
    assert list(results.job_ids(older_than=time.time() - 50)) == []
    assert set(results.job_ids(older_than=time.time() + 50)) == {ID, other}


def test_free_space_is_known_before_there_is_a_job(results: ResultStore) -> None:
    assert results.free_bytes() > 0


def test_a_derived_file_is_made_once_and_the_latest_of_its_kind_is_kept(results: ResultStore) -> None:
    fill(results)
    first = results.derived(ID, "x-1.zip", lambda file: void(file.write(b"one")))
    again = results.derived(ID, "x-1.zip", lambda file: void(file.write(b"other")))
    assert (first.content(), first.etag) == (again.content(), again.etag) == (b"one", first.etag)
    results.derived(ID, "y-1.zip", lambda file: void(file.write(b"why")))
    results.derived(ID, "x-2.zip", lambda file: void(file.write(b"two")))
    assert results.derived(ID, "y-1.zip", lambda file: None).content() == b"why"
    assert results.derived(ID, "x-1.zip", lambda file: void(file.write(b"new"))).content() == b"new"


def void(_result: object) -> None:
    """For a lambda that has to give nothing."""


def test_a_derived_file_that_could_not_be_made_is_not_there(results: ResultStore) -> None:
    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise ResultNotAvailable

    with pytest.raises(ResultNotAvailable):
        results.derived(ID, "x-1.zip", fail)
    assert results.derived(ID, "x-1.zip", lambda file: void(file.write(b"whole"))).content() == b"whole"


@pytest.mark.parametrize("keep_log", [False, True])
def test_derived_files_go_with_the_outputs(results: ResultStore, keep_log: bool) -> None:
    fill(results)
    for all_of_it in (True, False):
        results.derived(ID, "x-1.zip", lambda file: void(file.write(b"one")))
        if all_of_it:
            results.clear(ID, keep_log=keep_log)
        else:
            results.remove_derived(ID)
        assert results.derived(ID, "x-1.zip", lambda file: void(file.write(b"new"))).content() == b"new"
        results.remove_derived(ID)
