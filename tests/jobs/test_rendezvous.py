"""Where server processes and the supervisor meet."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from dragoman.errors import Unavailable
from dragoman.jobs.rendezvous import NOTE, SupervisorSocket, home_hash

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runtime"
    folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_nobody_is_there_at_first(home: Path) -> None:
    assert SupervisorSocket(home).connect() is None


def test_those_who_know_home_meet(home: Path) -> None:
    listener = SupervisorSocket(home).listen()
    try:
        caller = SupervisorSocket(home).connect()
        assert caller is not None
        answerer, _ = listener.accept()
        with caller, answerer:
            caller.sendall(b"hello")
            assert answerer.recv(10) == b"hello"
        assert json.loads((home / NOTE).read_text())["pid"] == os.getpid()
    finally:
        listener.close()


def test_a_deep_home_is_no_trouble(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-name-of-a-folder"] * 6)
    deep.mkdir(parents=True)
    listener = SupervisorSocket(deep).listen()
    try:
        caller = SupervisorSocket(deep).connect()
        assert caller is not None
        caller.close()
    finally:
        listener.close()


def test_what_a_killed_supervisor_left_is_replaced(home: Path) -> None:
    SupervisorSocket(home).listen().close()  # the socket's file and the note stay
    assert SupervisorSocket(home).connect() is None
    listener = SupervisorSocket(home).listen()
    try:
        caller = SupervisorSocket(home).connect()
        assert caller is not None
        caller.close()
    finally:
        listener.close()


def test_after_leaving_nobody_is_there(home: Path, runtime_folder: Path) -> None:
    listener = SupervisorSocket(home).listen()
    listener.close()
    SupervisorSocket(home).leave()
    assert SupervisorSocket(home).connect() is None
    assert not list(runtime_folder.rglob("*.sock"))
    SupervisorSocket(home).leave()


@pytest.mark.parametrize("note", ["", "{", "{}", '{"socket": "/nowhere/x.sock", "pid": 1}'])
def test_a_broken_note_is_as_none(home: Path, note: str) -> None:
    (home / NOTE).write_text(note)
    assert SupervisorSocket(home).connect() is None


def test_two_homes_do_not_meet(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    listener = SupervisorSocket(first).listen()
    try:
        assert SupervisorSocket(second).connect() is None
        assert home_hash(first) != home_hash(second)
        assert home_hash(first) == home_hash(first / ".." / "a")
    finally:
        listener.close()


def test_the_folder_is_its_owners_alone(home: Path, runtime_folder: Path) -> None:
    SupervisorSocket(home).listen().close()
    (folder,) = runtime_folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_others_may_enter_is_refused(home: Path, runtime_folder: Path) -> None:
    SupervisorSocket(home).listen().close()
    (folder,) = runtime_folder.iterdir()
    folder.chmod(0o755)
    with pytest.raises(Unavailable, match="others"):
        SupervisorSocket(home).listen()
