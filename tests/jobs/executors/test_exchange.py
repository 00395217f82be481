"""One request and its reply: a long wait is not silence, silence is not long, and not all threads wait in it."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.errors import Unavailable
from dragoman.jobs.executors import exchange as subject
from dragoman.jobs.executors.exchange import Silence, exchange
from dragoman.jobs.supervisor_requests import REPLIES, Facts, Health, Ok
from dragoman.workers.framing import Channel, Disconnected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FACTS = Facts(build="b", digest="d", pid=1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST", "PULSE", "RETRY"):
        monkeypatch.setattr(subject, name, 0.02)
    monkeypatch.setattr(subject, "PATIENCE", 0.3)


@contextmanager
def engine(*, pulses: int) -> Iterator[Channel]:
    """Says so many times that it lives, and then replies; with a negative number it says nothing at all."""
    ours, theirs = socket.socketpair()
    server = Channel(theirs)

    def serve() -> None:
        try:
            assert server.receive()["verb"] == "health"
            for _ in range(pulses):
                question = server.receive()
                server.send({"n": question["n"], **REPLIES.dump(FACTS)})
            if pulses >= 0:
                server.send({"n": 0, **REPLIES.dump(Ok())})
            while True:
                server.receive()
        except Disconnected:
            server.close()

    thread = threading.Thread(target=serve)
    thread.start()
    channel = Channel(ours)
    try:
        yield channel
    finally:
        channel.close()
        thread.join()


def _ask(channel: Channel, silence: Silence, abandoned: Callable[[], bool] = lambda: False) -> Any:
    return exchange(channel, Health(), silence, abandoned=abandoned)


def test_a_long_wait_is_not_silence() -> None:
    with engine(pulses=20) as channel:
        assert _ask(channel, Silence(1)) == Ok()


def test_one_that_says_nothing_is_given_up_and_newcomers_are_refused_until_the_next_try() -> None:
    silence = Silence(None)
    with engine(pulses=-1) as channel, pytest.raises(Unavailable, match="does not answer"):
        _ask(channel, silence)
    refused = 0
    while True:
        try:
            silence.admit()
        except Unavailable:
            refused += 1
        else:
            break
    with engine(pulses=0) as channel:
        assert _ask(channel, silence) == Ok()
    for _ in range(10):
        silence.admit()


def test_one_that_reads_no_more_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    ours.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            ours.send(b"x" * 100_000)
    ours.setblocking(True)
    with pytest.raises(Unavailable, match="does not answer"):
        _ask(channel, Silence(None))
    theirs.close()
    channel.close()


def test_no_more_threads_wait_than_may() -> None:
    silence, waiting, limit = Silence(2), threading.Barrier(3), 2

    def wait() -> None:
        with silence.unheard(resumed=False):
            waiting.wait()
            waiting.wait()

    with ThreadPoolExecutor(limit) as pool:
        held = [pool.submit(wait) for _ in range(limit)]
        waiting.wait()
        with pytest.raises(Unavailable, match="as many requests as may"):
            silence.admit()
        with engine(pulses=-1) as channel, pytest.raises(Unavailable, match="as many requests as may"):
            _ask(channel, silence)
        with silence.unheard(resumed=True):
            pass
        waiting.wait()
        for each in held:
            each.result()
    silence.admit()


def test_who_has_hung_up_is_not_waited_for_once_the_engine_has_the_request() -> None:
    with engine(pulses=-1) as channel, pytest.raises(Unavailable):
        _ask(channel, Silence(None), lambda: True)
    with engine(pulses=10_000) as channel:
        assert _ask(channel, Silence(None), lambda: True) is None


def test_a_channel_with_an_answer_still_on_its_way_is_not_used_again() -> None:
    ours, theirs = socket.socketpair()
    channel, server = Channel(ours), Channel(theirs)

    def serve() -> None:
        server.receive()
        server.receive()  # the question, which crosses the reply
        server.send({"n": 0, **REPLIES.dump(Ok())})

    thread = threading.Thread(target=serve)
    thread.start()
    assert _ask(channel, Silence(None)) == Ok()
    assert channel.socket.fileno() == -1
    thread.join()
    server.close()


def test_one_that_reads_no_more_is_silent() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    ours.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            ours.send(b"x" * 65536)
    with pytest.raises(Unavailable, match="does not answer"):
        _ask(channel, Silence(None))
    channel.close()
    theirs.close()
