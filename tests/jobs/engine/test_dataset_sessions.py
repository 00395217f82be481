"""The supervisor's part in dataset sessions, over a real loader that is killed, hangs, or runs out of memory."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from datasetkit import DEADLY_MANIFEST, KILLER, Supervisor, deadly_main, fetched, stillborn_main

from dragoman.datasets import batch_files, loader_process
from dragoman.errors import DatasetError, NoSuchSession, Unavailable
from dragoman.jobs.engine import batch_desk, dataset_sessions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path)
    yield supervisor
    supervisor.close()


def read_to_the_end(supervisor: Supervisor, session_id: str) -> list[int]:
    numbers: list[int] = []
    while (batch := supervisor.next(session_id)) is not None:
        numbers += batch
    return numbers


def has_children(pid: int, number: int) -> bool:
    return len(psutil.Process(pid).children()) == number


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


def test_batches_come_in_order_and_the_end_stays(supervisor: Supervisor) -> None:
    session = supervisor.create("numbers.tsv")
    assert read_to_the_end(supervisor, session) == list(range(40))
    assert supervisor.next(session) is None
    supervisor.ask("reset", session=session)
    assert supervisor.next(session) == [0, 1]
    assert supervisor.ask("state", session=session)["position"] == 1


def test_a_loader_that_is_killed_costs_no_batch(supervisor: Supervisor) -> None:
    session = supervisor.create("numbers.tsv", numbers=400)
    link = supervisor.sessions._desk._link
    numbers = []
    for _ in range(4):
        for _ in range(25):
            numbers += supervisor.next(session) or []
        supervisor.until(lambda: not link._suspects)  # a batch that was at work at two deaths is held guilty
        supervisor.kill_loader()
    assert numbers + read_to_the_end(supervisor, session) == list(range(400))


def test_a_decoder_that_is_killed_costs_no_batch_and_none_outlives_its_loader(supervisor: Supervisor) -> None:
    session = supervisor.create("numbers.tsv", numbers=400)
    link = supervisor.sessions._desk._link
    numbers = []
    for _ in range(3):
        for _ in range(25):
            numbers += supervisor.next(session) or []
        supervisor.until(lambda: not link._suspects)  # as above
        loader_pid = supervisor.loader_pid()
        number = min(loader_process.MOST_DECODERS, os.cpu_count() or 1)
        supervisor.until(partial(has_children, loader_pid, number))  # once it opens something
        decoders = psutil.Process(loader_pid).children()
        decoders[-1].kill()
        supervisor.until(partial(gone, loader_pid))
        dead, _alive = psutil.wait_procs(decoders, timeout=60)
        assert len(dead) == len(decoders)
    assert numbers + read_to_the_end(supervisor, session) == list(range(400))


def test_a_record_that_kills_the_loader_is_a_failure_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader_process, "main", deadly_main)
    supervisor = Supervisor(tmp_path)
    try:
        other = supervisor.create("numbers.tsv", numbers=400)
        session = supervisor.create(DEADLY_MANIFEST)
        for number in range(0, KILLER - 1, 2):
            assert supervisor.next(session) == [number, number + 1]
        with pytest.raises(DatasetError, match="the loader died twice while it made this batch"):
            supervisor.next(session)
        assert supervisor.ask("state", session=session)["position"] == KILLER // 2
        pid = supervisor.loader_pid() if supervisor.sessions._desk._link._loader else None
        assert read_to_the_end(supervisor, other) == list(range(400))
        assert pid in (None, supervisor.loader_pid())  # nobody has tried the deadly one again
        with pytest.raises(DatasetError, match="the loader died twice"):
            supervisor.next(session)  # asking again tries again
    finally:
        supervisor.close()


def test_a_loader_that_dies_at_birth_refuses_the_session_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader_process, "main", stillborn_main)
    supervisor = Supervisor(tmp_path)
    try:
        with pytest.raises(DatasetError, match="died each time it opened this session"):
            supervisor.create("numbers.tsv")
    finally:
        supervisor.close()


def test_a_loader_that_hangs_holds_up_nobody(supervisor: Supervisor) -> None:
    """What is asked of it meanwhile waits in memory, however much it is."""
    session = supervisor.create("numbers.tsv", iteration_mode="INFINITE")
    os.kill(supervisor.loader_pid(), signal.SIGSTOP)
    try:
        waiting = []
        for number in range(3000):
            supervisor.ask("reset", session=session)
            if number % 100 == 0:
                waiting.append(supervisor.send("next", session=session))
    finally:
        os.kill(supervisor.loader_pid(), signal.SIGCONT)
    supervisor.until(lambda: all(each.value is not None for each in waiting))
    assert [fetched(each.value) for each in waiting[:2]] == [[0, 1], [2, 3]]


def test_batches_left_by_a_dead_loader_are_handed_out_while_the_next_one_opens(
    supervisor: Supervisor,
) -> None:
    """What is asked of the next loader meanwhile is not lost: it would wait for ever."""
    session = supervisor.create("numbers.tsv", numbers=400)
    live = supervisor.sessions._desk.live[session]
    supervisor.until(lambda: len(live.ready) == 64)
    supervisor.kill_loader()
    early = [supervisor.send("next", session=session) for _ in range(64)]
    assert [number for each in early for number in fetched(each.value)] == list(range(128))
    assert read_to_the_end(supervisor, session) == list(range(128, 400))


def test_whoever_has_hung_up_gets_no_batch(supervisor: Supervisor) -> None:
    session = supervisor.create("numbers.tsv")
    supervisor.ask("reset", session=session)
    leaving, staying = supervisor.send("next", session=session), supervisor.send("next", session=session)
    leaving.gone = True
    supervisor.until(lambda: staying.value is not None)
    assert fetched(staying.value) == [0, 1]
    assert leaving.value is None


def test_somebody_elses_session_is_not_there(supervisor: Supervisor) -> None:
    session = supervisor.create("numbers.tsv")
    for what in ("next", "reset", "remove", "state"):
        with pytest.raises(NoSuchSession):
            supervisor.ask(what, session=session, owner="bob")
    assert supervisor.ask("next", session=session, owner=None)["size"]  # an admin's
    with pytest.raises(NoSuchSession):
        supervisor.next("123")


def test_a_batch_whose_file_is_gone_is_made_again(supervisor: Supervisor) -> None:
    session = supervisor.create("numbers.tsv")
    supervisor.until(lambda: len(supervisor.files()) == 20)
    for file in supervisor.files():
        file.unlink()
    assert read_to_the_end(supervisor, session) == list(range(40))


def test_a_session_that_is_removed_leaves_nothing(supervisor: Supervisor) -> None:
    session = supervisor.create("numbers.tsv")
    supervisor.ask("remove", session=session)
    supervisor.until(lambda: not supervisor.files())
    with pytest.raises(NoSuchSession):
        supervisor.next(session)
    with pytest.raises(NoSuchSession):
        supervisor.ask("remove", session=session)


def test_idle_sessions_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_sessions, "SWEEP", 0.0)
    supervisor = Supervisor(tmp_path, idle_timeout=0.0)
    try:
        session = supervisor.create("numbers.tsv")
        supervisor.until(lambda: not supervisor.sessions._desk.live)
        with pytest.raises(NoSuchSession):
            supervisor.next(session)
        supervisor.until(lambda: not supervisor.files())
    finally:
        supervisor.close()


def test_a_session_that_nobody_asks_for_holds_no_memory_and_goes_on_later(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = supervisor.create("numbers.tsv")
    assert supervisor.next(session) == [0, 1]
    monkeypatch.setattr(batch_desk, "PARKED_AFTER", 0.0)
    supervisor.sessions._desk.clean()
    assert not supervisor.sessions._desk.live
    supervisor.until(lambda: not supervisor.files())
    assert supervisor.next(session) == [2, 3]


def test_live_sessions_are_bounded(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = [supervisor.create("numbers.tsv") for _ in range(4)]
    monkeypatch.setattr(batch_desk, "MOST_LIVE", 2)
    supervisor.sessions._desk.clean()
    assert list(supervisor.sessions._desk.live) == sessions[2:]
    assert supervisor.next(sessions[0]) == [0, 1]


def test_memory_is_shared_and_the_batches_of_who_is_idle_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor(tmp_path, memory=5 * 1000)
    big: dict[str, Any] = {"etl": [{"type": "label"}], "batch_size": 225}  # 900 bytes and a header
    try:
        first = supervisor.create("numbers.tsv", **big, iteration_mode="INFINITE")
        supervisor.until(lambda: len(supervisor.files()) >= 4)
        assert len(supervisor.files()) == 4
        second = supervisor.create("numbers.tsv", **big, iteration_mode="INFINITE")
        for _ in range(20):
            assert supervisor.ask("next", session=second)["size"]
        assert supervisor.ask("next", session=first)["size"]
        monkeypatch.setattr(batch_desk, "IN_USE", 0)
        third = supervisor.create("numbers.tsv", **big, iteration_mode="INFINITE")
        for _ in range(3):
            assert supervisor.ask("next", session=third)["size"]
        assert len(supervisor.sessions._desk.live) < 3
    finally:
        supervisor.close()


def test_too_much_at_once_is_refused(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    session = supervisor.create("numbers.tsv")
    monkeypatch.setattr(dataset_sessions, "MOST_WAITING", 0)
    with pytest.raises(Unavailable):
        supervisor.next(session)
    monkeypatch.setattr(dataset_sessions, "MOST_SESSIONS", 1)
    with pytest.raises(Unavailable, match="exceeded max value"):
        supervisor.create("numbers.tsv")


def test_files_that_nobody_fetches_are_swept(supervisor: Supervisor) -> None:
    """Handed out to a web process that died, or being made by a loader that did."""
    session = supervisor.create("numbers.tsv", iteration_mode="INFINITE")
    path = supervisor.ask("next", session=session)["path"]
    live = supervisor.sessions._desk.live[session]
    supervisor.until(lambda: len(live.ready) == 64)
    long_ago = time.time() - 2 * batch_files.FETCHED_WITHIN
    for file in supervisor.files():
        os.utime(file, (long_ago, long_ago))
    (supervisor.files()[0].parent / "9-0-1-2-3").write_bytes(b"young")
    supervisor.sessions._desk.clean()
    names = [file.name for file in supervisor.files()]
    assert os.path.basename(path) not in names
    assert "9-0-1-2-3" in names
    assert len(names) == 64 + 1
    assert supervisor.next(session) == [2, 3]


def test_nothing_is_left_in_memory_when_the_supervisor_ends(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.create("numbers.tsv")
    folder = supervisor.files()[0].parent
    supervisor.close()
    with suppress(FileNotFoundError):  # a loader that was being killed may have begun one more
        assert len(list(folder.iterdir())) <= 3
