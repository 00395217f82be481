"""Where server processes and the supervisor meet."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dragoman.errors import Unavailable
from dragoman.jobs.rendezvous import NOTE, SOCKET, SupervisorSocket, home_hash

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def runtime_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Short, as such folders are: a socket's path has to fit."""
    with tempfile.TemporaryDirectory(prefix="r-") as name:
        monkeypatch.setenv("XDG_RUNTIME_DIR", name)
        yield Path(name)


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


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A HOME whose path is too long for a socket."""
    folder = tmp_path.joinpath(*["a-rather-long-name-of-a-folder"] * 6)
    folder.mkdir(parents=True)
    return folder


def test_those_of_another_temporary_folder_meet_as_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("h")
    listener = SupervisorSocket(home).listen()
    try:
        assert stat.S_IMODE((home / SOCKET).stat().st_mode) == 0o600
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/nowhere")
        monkeypatch.setenv("TMPDIR", "/nowhere")
        caller = SupervisorSocket(home).connect()
        assert caller is not None
        caller.close()
    finally:
        listener.close()


@pytest.mark.parametrize("name", [SOCKET, NOTE])
@pytest.mark.parametrize("replaced", [False, True])
def test_it_notices_what_is_gone_or_replaced_and_can_listen_anew(
    home: Path, name: str, replaced: bool
) -> None:
    endpoint = SupervisorSocket(home)
    assert not endpoint.intact()
    first = endpoint.listen()
    assert endpoint.intact()
    (home / name).unlink()
    if replaced:
        (home / name).write_text('{"socket": "/nowhere"}')
    assert not endpoint.intact()
    second = endpoint.listen()
    try:
        caller = SupervisorSocket(home).connect()
        assert caller is not None
        caller.close()
        assert endpoint.intact()
    finally:
        first.close()
        second.close()


def test_a_deep_home_is_no_trouble(deep: Path) -> None:
    listener = SupervisorSocket(deep).listen()
    try:
        caller = SupervisorSocket(deep).connect()
        assert caller is not None
        caller.close()
    finally:
        listener.close()


def test_a_deep_temporary_folder_is_none_either(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    listener = SupervisorSocket(deep).listen()
    try:
        caller = SupervisorSocket(deep).connect()
        assert caller is not None
        caller.close()
    finally:
        listener.close()
        SupervisorSocket(deep).leave()


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


def test_the_folder_is_its_owners_alone(deep: Path, runtime_folder: Path) -> None:
    SupervisorSocket(deep).listen().close()
    (folder,) = runtime_folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_others_may_enter_is_refused(deep: Path, runtime_folder: Path) -> None:
    SupervisorSocket(deep).listen().close()
    (folder,) = runtime_folder.iterdir()
    folder.chmod(0o755)
    with pytest.raises(Unavailable, match="others"):
        SupervisorSocket(deep).listen()
