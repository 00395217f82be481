"""A supervisor that has hardly any descriptors left puts off what can wait, says so once, and loses nothing."""

from __future__ import annotations

import errno
import os
import resource
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest
from enginekit import EngineKit, engine
from harness import wait_for

from dragoman.jobs.rendezvous import SupervisorSocket
from dragoman.jobs.supervisor_requests import REQUESTS, Hello
from dragoman.model.status import JobStatus
from dragoman.workers.descriptors import RESERVE, beyond_reserve, scarce
from dragoman.workers.framing import Channel
from dragoman.workers.pool import Kind, Pool

if TYPE_CHECKING:
    from pathlib import Path


class NoForkserver:
    """Takes orders and does nothing."""

    def fork(self, _main: object, sock: socket.socket, *_others: object) -> None:
        sock.close()


def _pool(forkserver: Any) -> Pool[str, str]:
    kind: Kind[str] = Kind(main=lambda _sock, _setup: None, setup=lambda key: key, warm=1)
    return Pool(kind, forkserver, lambda _pool, _worker: None)


def test_an_order_without_descriptors_is_none_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    pool, real, errors = _pool(NoForkserver()), socket.socketpair, [errno.EMFILE, errno.ENFILE]

    def socketpair() -> tuple[socket.socket, socket.socket]:
        if errors:
            raise OSError(errors.pop(), "x")
        return real()

    monkeypatch.setattr(socket, "socketpair", socketpair)
    assert [pool.order("a", "one"), pool.order("a", "one")] == [None, None]
    assert (pool.workers, pool.busy) == (set(), 0)
    worker = pool.order("a", "one")
    assert worker is not None
    pool.forget(worker)
    begun, over = [record.message for record in caplog.records]
    assert begun.startswith("no worker can be started: too many open files (")
    assert "there are descriptors again" in over


def test_another_error_of_the_system_is_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def socketpair() -> tuple[socket.socket, socket.socket]:
        raise OSError(errno.EACCES, "x")

    monkeypatch.setattr(socket, "socketpair", socketpair)
    with pytest.raises(PermissionError):
        _pool(NoForkserver()).order("a", "one")


def test_the_last_descriptors_are_kept_for_what_cannot_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (1024, 4096))
    assert [beyond_reserve(number) for number in (3, 1024 - RESERVE - 1, 1024 - RESERVE)] == [
        False,
        False,
        True,
    ]
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (64, 64))
    assert [beyond_reserve(number) for number in (55, 56)] == [False, True], "an eighth of few"
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (resource.RLIM_INFINITY, -1))
    assert not beyond_reserve(10**6)
    assert not scarce()
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (8, 8))
    assert scarce()


def _leave_hardly_any(pid: int) -> tuple[int, int]:
    """Allow the process so few descriptors that what it opens next is one of the last; the limits before."""
    free = next(number for number in range(10_000) if not os.path.lexists(f"/proc/{pid}/fd/{number}"))
    few = max(limit for limit in range(free, 2 * free + 2) if limit - min(RESERVE, limit // 8) <= free)
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    return resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, hard))


def _lines(kit: EngineKit, words: str) -> int:
    return sum(words in line for line in kit.log().splitlines())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux changes another process's limits")
def test_an_engine_keeps_its_jobs_and_its_clients_until_there_are_descriptors(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with engine(tmp_path / "home", slots=3) as kit:
        supervisor, warm = kit.supervisor, kit.run("number", number=1)
        runs = kit.submit("loop", seconds=600, until=str(gate))
        wait_for(lambda: kit.store.get(runs.id).status is JobStatus.RUNNING, "it runs")
        limits = _leave_hardly_any(supervisor)
        waits = kit.submit("writer")
        wait_for(lambda: _lines(kit, "no worker can be started: too many open files"), "it says so")
        assert kit.run("number", number=2).status is warm.status is JobStatus.SUCCESSFUL, "by its warm worker"
        client = SupervisorSocket(kit.home).connect()
        assert client is not None
        wait_for(lambda: _lines(kit, "no connection is taken: too many open files"), "and this")
        gate.touch()
        assert kit.finished(runs).status is JobStatus.SUCCESSFUL
        assert kit.store.get(waits.id).status is JobStatus.ACCEPTED
        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, limits)
        assert kit.finished(waits).status is JobStatus.SUCCESSFUL
        client.settimeout(60)
        channel = Channel(client)
        channel.send({"n": 1, **REQUESTS.dump(Hello())})
        assert channel.receive()["n"] == 1, "whoever came meanwhile is served"
        client.close()
        assert kit.supervisor == supervisor, "it is the same"
        assert _lines(kit, "too many open files") == 2, "once each"
        assert _lines(kit, "there are descriptors again") == 2
