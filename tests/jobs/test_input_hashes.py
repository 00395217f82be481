"""Hashes of inputs by reference: of files beside the run, and ended with it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from dragoman.jobs.input_hashes import SETTLED, HashMemory, InputHashes
from dragoman.sources.fingerprints import hash_now, hashing, note_file

if TYPE_CHECKING:
    from pathlib import Path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_each_value_has_its_hash_whoever_worked_it_out(tmp_path: Path) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(os.urandom(3_000_000))
    with InputHashes() as hashes:
        with hashes.of("a", 0):
            note_file(file)
        with hashes.of("a", 2), hashing() as digest:
            digest.update(b"down")
            digest.update(b"loaded")
        with hashes.of("b", 0):
            hash_now(file)
        with hashes.of("c", 0):
            pass
        expected = {
            "a": {"0": sha256(file.read_bytes()), "2": sha256(b"downloaded")},
            "b": {"0": sha256(file.read_bytes())},
        }
        assert json.loads(hashes.text()) == expected


def test_without_a_reference_there_is_nothing_to_keep() -> None:
    with InputHashes() as hashes:
        assert hashes.text() == ""


def test_nothing_is_hashed_that_nobody_asked_for(tmp_path: Path) -> None:
    note_file(tmp_path / "missing")
    hash_now(tmp_path / "missing")
    with hashing() as digest:
        digest.update(b"x")


def test_a_file_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    with InputHashes() as hashes:
        with hashes.of("a", 0):
            note_file(tmp_path / "missing")
        assert hashes.text() == ""


def test_a_run_that_failed_does_not_wait_for_a_large_file(tmp_path: Path) -> None:
    pipe = tmp_path / "endless"
    os.mkfifo(pipe)
    fed = threading.Event()

    def feed() -> None:
        with pipe.open("wb", buffering=0) as end:
            try:
                while True:
                    end.write(bytes(65536))
                    fed.set()
            except BrokenPipeError:
                return

    feeder = threading.Thread(target=feed)
    feeder.start()

    def fail() -> None:
        with InputHashes() as hashes:
            with hashes.of("a", 0):
                note_file(pipe)
            assert fed.wait(60)
            raise ValueError("the run failed")

    with pytest.raises(ValueError, match="the run failed"):
        fail()
    feeder.join(60)
    assert not feeder.is_alive()


def hashed(file: Path, memory: HashMemory) -> str:
    with InputHashes(memory) as hashes:
        with hashes.of("a", 0):
            note_file(file)
        found: str = json.loads(hashes.text())["a"]["0"]
    return found


def settle(file: Path) -> os.stat_result:
    """As it was written some time ago; the time of its last change cannot be set."""
    earlier = time.time() - 10 * SETTLED
    os.utime(file, (earlier, earlier))
    status = list(file.stat())
    return os.stat_result([*status[:9], int(earlier)])


def test_a_hash_is_remembered_while_the_file_is_the_same(tmp_path: Path) -> None:
    file, memory = tmp_path / "x", HashMemory()
    file.write_bytes(b"first")
    old = settle(file)
    memory.keep(old, old, "of the first")
    assert memory.get(old) == "of the first"
    file.write_bytes(b"other")
    assert memory.get(file.stat()) is None


def test_a_file_just_written_is_hashed_again(tmp_path: Path) -> None:
    file, memory = tmp_path / "x", HashMemory()
    file.write_bytes(b"first")
    assert hashed(file, memory) == sha256(b"first")
    before = file.stat()
    file.write_bytes(b"other")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert hashed(file, memory) == sha256(b"other")


def test_what_changes_while_it_is_read_is_not_remembered(tmp_path: Path) -> None:
    file, memory = tmp_path / "x", HashMemory()
    file.write_bytes(b"first")
    before = settle(file)
    file.write_bytes(b"longer than before")
    memory.keep(before, settle(file), "of a mixture")
    assert memory.get(before) is None
    assert memory.get(file.stat()) is None


def test_a_run_takes_the_remembered_hash(tmp_path: Path) -> None:
    file, memory = tmp_path / "x", HashMemory()
    file.write_bytes(b"content")
    status = file.stat()
    memory._known[status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns] = (
        "known"
    )
    assert hashed(file, memory) == "known"
