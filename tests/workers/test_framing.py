"""Frames over a stream: however the bytes are cut, the messages come whole and in order."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from harness import wait_for
from hypothesis import given
from hypothesis import strategies as st

from dragoman.workers import framing
from dragoman.workers.framing import Channel, Disconnected, FrameReader, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES = st.lists(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=5,
)


@given(MESSAGES, st.data())
def test_any_cut_gives_the_same_messages(messages: list[Any], data: st.DataObject) -> None:
    stream = b"".join(map(encode, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, got = FrameReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += reader.feed(stream[start:end])
    assert got == messages


def test_byte_by_byte() -> None:
    reader = FrameReader()
    parts = [reader.feed(bytes([byte])) for byte in encode({"a": "ä\ud800"})]
    assert parts[:-1] == [[]] * (len(parts) - 1)
    assert parts[-1] == [{"a": "ä\ud800"}]


def test_a_frame_that_is_too_large_is_not_waited_for() -> None:
    with pytest.raises(Disconnected):
        FrameReader().feed(framing.HEADER.pack(framing.MAX_FRAME + 1))


def test_a_frame_that_is_no_json_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        FrameReader().feed(framing.HEADER.pack(2) + b"{]")


def test_a_frame_is_its_length_and_json() -> None:
    frame = encode({"n": 1})
    assert frame[:4] == len(frame[4:]).to_bytes(4, "big")
    assert json.loads(frame[4:]) == {"n": 1}


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    ours, theirs = socket.socketpair()
    channels = Channel(ours), Channel(theirs)
    yield channels
    for channel in channels:
        channel.close()


def test_channels_carry_messages_both_ways_in_order(pair: tuple[Channel, Channel]) -> None:
    one, other = pair
    for number in range(3):
        one.send({"n": number})
    assert [other.receive() for _ in range(3)] == [{"n": 0}, {"n": 1}, {"n": 2}]
    other.send([1])
    assert one.receive() == [1]


def test_a_message_larger_than_any_buffer_arrives(pair: tuple[Channel, Channel]) -> None:
    one, other = pair
    text = "x" * 3_000_000
    sender = threading.Thread(target=one.send, args=(text,))
    sender.start()
    assert other.receive() == text
    sender.join(120)


def test_the_other_ends_death_is_told(pair: tuple[Channel, Channel]) -> None:
    one, other = pair
    assert one.open()
    other.close()
    assert not one.open()
    with pytest.raises(Disconnected):
        one.receive()
    with pytest.raises(Disconnected):
        one.send("x")


def test_a_time_limit_of_the_socket_holds_up_nobody_who_asks(pair: tuple[Channel, Channel]) -> None:
    one, _ = pair
    one.socket.settimeout(3600)
    assert one.open()


def test_sending_to_one_that_reads_no_more_fails(pair: tuple[Channel, Channel]) -> None:
    one, _ = pair
    one.limit_sending(0.1)
    with pytest.raises(Disconnected) as caught:
        one.send("x" * 10_000_000)
    assert isinstance(caught.value.__cause__, BlockingIOError)


def test_half_a_message_is_no_message(pair: tuple[Channel, Channel]) -> None:
    one, other = pair
    one.socket.sendall(encode("whole") + encode("half")[:-1])
    one.close()
    assert other.receive() == "whole"
    with pytest.raises(Disconnected):
        other.receive()


def test_closing_wakes_whoever_receives_and_tells_the_other_end(pair: tuple[Channel, Channel]) -> None:
    one, other = pair
    ended: list[str] = []

    def receive() -> None:
        try:
            one.receive()
        except Disconnected:
            ended.append("disconnected")

    thread = threading.Thread(target=receive)
    thread.start()
    time.sleep(0.05)  # most likely it is within recv by now, which a mere close() would not end
    one.close()
    thread.join(120)
    wait_for(lambda: not other.open(), "the other end sees it")
    assert ended == ["disconnected"]
    one.close()
