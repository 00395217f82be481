"""Files in memory: where they lie, who reads them, and what is swept away."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from harness import wait_for

from dragoman.datasets import batch_files, taken_batch
from dragoman.datasets.batch_files import (
    BatchFiles,
    batch_folder,
    batch_name,
    discard,
    sweep,
    touch,
)
from dragoman.datasets.taken_batch import BatchMaps

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for /dev/shm."""
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(batch_files, "SHARED", folder)
    return folder


@pytest.fixture
def files(tmp_path: Path) -> BatchFiles:
    return BatchFiles(tmp_path, 100)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_batch_is_written_in_place_and_taken_once(files: BatchFiles) -> None:
    file = files.begin(batch_name("1", 0, 5), 10, 10)
    assert file.path.name.startswith("1-0-5-")
    file.body[:5] = b"hello"
    with closing(BatchMaps().take(str(file.path))) as batch:
        assert b"".join(batch) == b"hello" + bytes(5)
        assert not file.path.exists()
        with pytest.raises(FileNotFoundError):
            BatchMaps().take(str(file.path))
    assert not touch(str(file.path))
    discard(str(file.path))


def test_a_large_batch_comes_in_blocks(tmp_path: Path) -> None:
    size = 2 * taken_batch.BLOCK + 1
    file = BatchFiles(tmp_path, size).begin("1-0-0-", size, size)
    file.body[:] = content = os.urandom(size)
    with closing(BatchMaps().take(str(file.path))) as batch:
        blocks = list(batch)
    assert [len(block) for block in blocks] == [taken_batch.BLOCK, taken_batch.BLOCK, 1]
    assert b"".join(blocks) == content


def test_a_file_is_used_again_once_it_has_been_sent_and_not_before(tmp_path: Path, files: BatchFiles) -> None:
    first = files.begin("1-0-0-", 10, 10)
    first.body[:] = b"0123456789"
    batch = BatchMaps().take(str(first.path))
    second = files.begin("1-0-1-", 10, 20)
    second.body[:] = b"xxxxxxxxxx"
    assert next(batch) == b"0123456789"
    batch.close()
    batch.close()
    third = files.begin("1-0-2-", 10, 20)
    assert third.memory is first.memory
    assert third.path.name.startswith("1-0-2-")
    assert names(tmp_path) == sorted([second.path.name, third.path.name])


def test_a_file_of_another_size_is_not_used(tmp_path: Path, files: BatchFiles) -> None:
    free_one(files, 10)
    assert len(files.begin("1-0-1-", 20, 20).body) == 20
    assert len(names(tmp_path)) == 2


def test_the_file_that_was_sent_last_is_used_first(files: BatchFiles) -> None:
    batches = [files.begin(f"1-0-{number}-", 10, 10 * number + 10) for number in range(3)]
    for number in (0, 2, 1):
        BatchMaps().take(str(batches[number].path)).close()
    again = [files.begin("2-0-0-", 10, 10 * number + 10).memory for number in range(3)]
    assert [id(memory) for memory in again] == [id(batches[number].memory) for number in (1, 2, 0)]


def test_free_files_make_room(tmp_path: Path, files: BatchFiles) -> None:
    """Those and the batches stay within the memory of 100 bytes together."""
    kept = [files.begin(f"1-0-{number}-", 30, 30 * number + 30) for number in range(3)]
    for file in kept:
        BatchMaps().take(str(file.path)).close()
    new = files.begin("2-0-0-", 40, 40)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 100
    assert new.path.exists()
    files.begin("2-0-1-", 40, 80)
    assert len(names(tmp_path)) == 2


def test_what_has_been_free_for_long_goes(
    tmp_path: Path, files: BatchFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_one(files, 10)
    files.trim()
    assert len(names(tmp_path)) == 1
    monkeypatch.setattr(batch_files, "FREE_FOR", -1.0)
    files.trim()
    assert names(tmp_path) == []
    assert files._maps == {}


def test_memory_of_files_that_others_deleted_is_let_go_of(tmp_path: Path, files: BatchFiles) -> None:
    file = files.begin("1-0-0-", 10, 10)
    file.path.unlink()
    files.trim()
    assert files._maps == {}


def test_another_loader_uses_the_files_of_one_that_died(tmp_path: Path, files: BatchFiles) -> None:
    free_one(files, 10)
    other = BatchFiles(tmp_path, 100)
    file = other.begin("1-0-1-", 10, 10)
    file.body[:] = b"0123456789"
    assert file.path.read_bytes() == b"0123456789"
    assert len(names(tmp_path)) == 1


def test_a_file_that_is_used_again_is_not_swept_as_an_old_one(tmp_path: Path, files: BatchFiles) -> None:
    free_one(files, 10)
    for path in tmp_path.iterdir():
        os.utime(path, (1, 1))
    file = files.begin("1-0-1-", 10, 10)
    sweep(tmp_path, set(), [])
    assert file.path.exists()


def test_a_batch_that_was_swept_while_it_was_sent_is_whole(tmp_path: Path, files: BatchFiles) -> None:
    file = files.begin("1-0-0-", 10, 10)
    file.body[:] = b"0123456789"
    with closing(BatchMaps().take(str(file.path))) as batch:
        for path in tmp_path.iterdir():
            path.unlink()
        files.begin("1-0-1-", 10, 10).body[:] = b"xxxxxxxxxx"
        assert b"".join(batch) == b"0123456789"
    assert len(names(tmp_path)) == 1


def test_few_maps_are_kept_and_one_that_is_sent_stays(
    tmp_path: Path, files: BatchFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds a descriptor."""
    monkeypatch.setattr(taken_batch, "MOST", 2)
    maps = BatchMaps()
    batches = [files.begin(f"1-0-{number}-", 10, 10 * number + 10) for number in range(4)]
    for number, file in enumerate(batches):
        file.body[:] = b"%d" % number * 10
    taken = [maps.take(str(file.path)) for file in batches]
    assert maps.size == 20
    assert [next(batch) for batch in taken] == [b"%d" % number * 10 for number in range(4)]
    for batch in taken:
        batch.close()


def test_maps_are_looked_after_again_once_descriptors_are_there(
    tmp_path: Path, files: BatchFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = BatchMaps(look=0.01)
    lacking, failures, real = threading.Event(), threading.Event(), os.listdir
    lacking.set()

    def without(path: Path) -> list[str]:
        if lacking.is_set():
            failures.set()
            raise OSError(errno.EMFILE, "Too many open files")
        return real(path)

    file = files.begin("1-0-0-", 10, 10)
    monkeypatch.setattr("os.listdir", without)
    maps.take(str(file.path)).close()
    with os.scandir(tmp_path) as entries:
        for entry in entries:
            os.unlink(entry)
    failures.clear()
    assert failures.wait(30), "the thread has not looked"
    assert maps.size == 10
    lacking.clear()
    wait_for(lambda: maps.size == 0)


def test_where_there_is_no_room_no_file_stays(
    tmp_path: Path, files: BatchFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int, _start: int, _size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(batch_files, "ROOM_WITHIN", 0.2)
    with pytest.raises(OSError, match="No space left"):
        files.begin("1-0-0-", 10, 10)
    assert names(tmp_path) == []


def free_one(files: BatchFiles, size: int) -> None:
    """Make a batch, and have it sent."""
    BatchMaps().take(str(files.begin("1-0-0-", size, size).path)).close()


def test_room_that_is_short_until_others_have_let_go_is_waited_for(
    tmp_path: Path, files: BatchFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when sessions change size: free files of the old one go, and who has mapped them lets go a moment later."""
    fallocate, tries = os.posix_fallocate, []
    free_one(files, 20)

    def short(file: int, offset: int, size: int) -> None:
        tries.append([name for name in os.listdir(tmp_path) if name.startswith("free")])
        if len(tries) < 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fallocate(file, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", short)
    assert len(files.begin("2-0-0-", 10, 10).body) == 10
    assert [len(free) for free in tries] == [1, 0, 0, 0]


def test_a_file_is_nobody_elses(files: BatchFiles) -> None:
    file = files.begin("1-0-0-", 10, 10)
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_the_folder_is_in_shared_memory_and_empty(tmp_path: Path, shared: Path) -> None:
    first = batch_folder(tmp_path / "home", 1)
    (first / "left").write_bytes(b"of a supervisor that was killed")
    second = batch_folder(tmp_path / "home", 1)
    assert first == second
    assert second.parent == shared
    assert not list(second.iterdir())
    assert second.stat().st_mode & 0o777 == 0o700
    assert batch_folder(tmp_path / "other", 1) != first


def test_it_is_in_home_where_there_is_too_little(tmp_path: Path, shared: Path) -> None:
    much = 2 * shutil.disk_usage(shared).total
    assert batch_folder(tmp_path / "home", much) == tmp_path / "home" / "batches"
    assert not list(shared.iterdir())


def test_it_is_in_home_where_there_is_none_or_somebody_has_taken_the_name(
    tmp_path: Path, shared: Path
) -> None:
    taken = batch_folder(tmp_path / "home", 1)
    taken.rmdir()
    taken.symlink_to(tmp_path)
    assert batch_folder(tmp_path / "home", 1) == tmp_path / "home" / "batches"
    taken.unlink()
    shared.rmdir()
    assert batch_folder(tmp_path / "home", 1) == tmp_path / "home" / "batches"


def test_what_nobody_knows_is_swept_when_it_is_old(tmp_path: Path) -> None:
    names = ["1-0-5-77-0", "2-0-5-77-1", "3-0-5-77-2", "4-0-55-77-3"]
    long_ago = time.time() - 2 * batch_files.FETCHED_WITHIN
    for name in names:
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (long_ago, long_ago))
    assert touch(str(tmp_path / names[2]))  # handed out just now
    sweep(tmp_path, {str(tmp_path / names[0])}, [batch_name("4", 0, 5)])
    assert sorted(path.name for path in tmp_path.iterdir()) == [names[0], names[2]]
    os.utime(tmp_path / names[2], (long_ago, long_ago))
    sweep(tmp_path, set(), [batch_name("1", 0, 5)])
    assert [path.name for path in tmp_path.iterdir()] == [names[0]]
    sweep(tmp_path / "gone", set(), [])


def test_memory_of_what_has_been_deleted_is_let_go_of(tmp_path: Path, files: BatchFiles) -> None:
    maps = BatchMaps(look=0.01)
    batch = maps.take(str(files.begin("1-0-0-", 10, 10).path))
    for path in tmp_path.iterdir():
        path.unlink()
    wait_for(lambda: maps.size == 0)
    assert next(batch) == bytes(10)  # what is being sent stays
    batch.close()
    maps.take(str(files.begin("1-0-1-", 10, 10).path)).close()
    assert maps.size == 10
    for path in tmp_path.iterdir():
        path.unlink()
    wait_for(lambda: maps.size == 0)


def test_a_batch_that_is_taken_again_is_mapped_once(files: BatchFiles) -> None:
    maps = BatchMaps()
    for number in range(3):
        file = files.begin(f"1-0-{number}-", 10, 10)
        file.body[:] = content = bytes([number]) * 10
        with closing(maps.take(str(file.path))) as batch:
            assert bytes(batch.memory) == content
    assert maps.size == 10
