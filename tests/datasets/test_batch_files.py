"""Files in memory: where they lie, who reads them, and what is swept away."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from dragoman.datasets import batch_files
from dragoman.datasets.batch_files import BatchFile, batch_folder, batch_name, discard, sweep, take, touch

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for /dev/shm."""
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(batch_files, "SHARED", folder)
    return folder


def test_a_batch_is_written_in_place_and_taken_once(tmp_path: Path) -> None:
    file = BatchFile(tmp_path / "batch", 10)
    file.body[:5] = b"hello"
    descriptor = take(str(file.path))
    assert os.read(descriptor, 20) == b"hello" + bytes(5)
    os.close(descriptor)
    assert not file.path.exists()
    with pytest.raises(FileNotFoundError):
        take(str(file.path))
    assert not touch(str(file.path))
    discard(str(file.path))


def test_a_file_is_nobody_elses(tmp_path: Path) -> None:
    file = BatchFile(tmp_path / "batch", 10)
    assert file.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        BatchFile(file.path, 10)


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
