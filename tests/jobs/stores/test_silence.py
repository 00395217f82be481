"""A database that is silent, gone or taken; on a real PostgreSQL whose packets the kernel drops."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from harness import wait_for
from jobmaking import make_job
from sqlalchemy.exc import OperationalError

from dragoman.errors import Unavailable
from dragoman.jobs.stores import engines, open_store
from dragoman.jobs.stores.availability import AvailabilityGuard
from dragoman.jobs.stores.engine_lock import ADVISORY_KEY, EngineLock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

SO_ATTACH_FILTER = 26
DROP_ALL = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
"""One instruction of the kernel's packet filter: return 0, which is no byte of the packet."""


def silence(connection: Connection) -> None:
    """From now on nothing that is sent to this connection arrives, not even that what it sent has come."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    program = struct.pack("HL", 1, ctypes.addressof(DROP_ALL))
    with socket.socket(fileno=os.dup(driver.fileno())) as end:
        end.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits, in a test's time."""
    monkeypatch.setattr(engines, "SILENCE", 2)
    monkeypatch.setattr(engines, "CONNECT_TIMEOUT", 2)


@pytest.fixture
def engine(postgresql_url: str, quick: None) -> Iterator[Engine]:
    made = engines.open_engine(postgresql_url.replace("postgresql://", "postgresql+psycopg://"))
    yield made
    made.dispose()


@pytest.fixture
def hold(engine: Engine, postgresql_url: str) -> Iterator[EngineLock]:
    """Free: a session that another test let go may be one of the server's for a moment more."""
    wait_for(lambda: holders(postgresql_url) == [], "no one holds it")
    made = EngineLock(engine)
    yield made
    made.close()


def holders(url: str) -> list[int]:
    """The sessions that have the engine's lock."""
    asked = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = %s"
    with psycopg.connect(url) as connection:
        return [pid for (pid,) in connection.execute(asked, [ADVISORY_KEY & 0xFFFFFFFF]).fetchall()]


def end_session(url: str, pid: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


class TestSilence:
    @pytest.mark.skipif(sys.platform != "linux", reason="drops packets with Linux's filter")
    def test_a_connection_that_swallows_packets_is_given_up_soon(
        self, postgresql_url: str, quick: None
    ) -> None:
        store = open_store(postgresql_url)
        try:
            job = store.add(make_job())
            with store._session.engine.connect() as connection:
                silence(connection)
            began = time.monotonic()
            assert store.get(job.id) == job, "over another connection"
            assert time.monotonic() - began < 20, "by itself the kernel tries for a quarter of an hour"
        finally:
            store.close()

    @pytest.mark.skipif(sys.platform != "linux", reason="drops packets with Linux's filter")
    def test_so_is_the_one_that_holds_the_database(self, hold: EngineLock, postgresql_url: str) -> None:
        assert hold.take()
        (first,) = holders(postgresql_url)
        assert hold._connection is not None
        silence(hold._connection)
        began = time.monotonic()
        assert hold.take(), "it is free, since this was ours"
        assert time.monotonic() - began < 20
        assert holders(postgresql_url) != [first]

    def test_a_host_that_never_answers_is_waited_for_once(self, quick: None) -> None:
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            began = time.monotonic()
            with pytest.raises(Unavailable):
                open_store(f"postgresql://nobody@127.0.0.1:{mute.getsockname()[1]}/none")
            assert time.monotonic() - began < 20

    def test_both_ends_have_the_limits(self, engine: Engine) -> None:
        with engine.connect() as connection:
            shown = {
                name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
                for name in ("statement_timeout", "lock_timeout", "tcp_user_timeout", "tcp_keepalives_idle")
            }
        assert shown["statement_timeout"] == "30s"
        assert shown["lock_timeout"] == "10s"
        assert shown["tcp_keepalives_idle"] in ("1", "1s")
        assert shown["tcp_user_timeout"] in ("2s", "2000ms", "2000")

    def test_the_operators_own_come_first(self, postgresql_url: str) -> None:
        url = postgresql_url.replace("postgresql://", "postgresql+psycopg://")
        engine = engines.open_engine(f"{url}?connect_timeout=3&options=-c%20statement_timeout%3D7s")
        try:
            with engine.connect() as connection:
                assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == "7s"
                assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "10s"
        finally:
            engine.dispose()


class TestHold:
    def test_one_that_is_lost_is_taken_again(self, hold: EngineLock, postgresql_url: str) -> None:
        assert hold.take()
        (first,) = holders(postgresql_url)
        end_session(postgresql_url, first)
        assert hold.take()
        (second,) = holders(postgresql_url)
        assert second != first

    def test_unless_another_has_it(self, hold: EngineLock, engine: Engine, postgresql_url: str) -> None:
        other = EngineLock(engine)
        try:
            assert hold.take()
            assert not other.take()
            end_session(postgresql_url, *holders(postgresql_url))
            assert other.take()
            assert not hold.take()
            assert not hold.take(), "asking ends nobody else's session"
            other.close()
            wait_for(hold.take, "it is free again")
        finally:
            other.close()

    def test_a_session_of_our_own_that_the_server_still_keeps_is_no_other(
        self, hold: EngineLock, postgresql_url: str
    ) -> None:
        assert hold.take()
        lost, hold._connection = hold._connection, None  # we gave it up; the server has not heard of that
        assert lost is not None
        (first,) = holders(postgresql_url)
        try:
            assert hold.take()
            assert holders(postgresql_url) != [first]
        finally:
            lost.invalidate()
            lost.close()

    def test_it_is_asked_for_as_often_as_one_likes(self, hold: EngineLock, postgresql_url: str) -> None:
        assert all(hold.take() for _ in range(5))
        assert len(holders(postgresql_url)) == 1
        hold.close()
        hold.close()
        wait_for(lambda: holders(postgresql_url) == [], "let go")


class TestReach:
    def test_what_cannot_be_reached_is_not_tried_again_at_once(self) -> None:
        reach = AvailabilityGuard(rests=True)
        tried = []

        def attempt() -> bool:
            try:
                with reach():
                    tried.append(1)
                    raise OperationalError("SELECT", {}, psycopg.OperationalError("no route"))
            except Unavailable as error:
                return "a moment ago" not in error.detail

        assert attempt()
        assert not any(attempt() for _ in range(10))
        assert len(tried) == 1
        wait_for(attempt, "but it is tried again")

    def test_what_the_server_refuses_is_no_reason_to_rest(self) -> None:
        reach = AvailabilityGuard(rests=True)
        for _ in range(3):
            with pytest.raises(Unavailable, match="LockNotAvailable"), reach():
                raise OperationalError("SELECT", {}, psycopg.errors.LockNotAvailable("locked"))
