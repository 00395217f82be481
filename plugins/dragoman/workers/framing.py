"""JSON messages in frames over a stream socket: four bytes of length, big-endian, then UTF-8 JSON.

Used between server processes and the supervisor, and between the supervisor and its workers.
"""

from __future__ import annotations

import json
import select
import socket
import struct
from contextlib import suppress
from typing import Any

HEADER = struct.Struct(">I")
ENCODER = json.JSONEncoder(separators=(",", ":"))
MAX_FRAME = 256 * 1024 * 1024
"""Bytes; what is larger is not one of ours."""


class Disconnected(ConnectionError):
    """The other side has gone."""


def encode(message: Any) -> bytes:
    """One frame."""
    body = ENCODER.encode(message).encode()
    return HEADER.pack(len(body)) + body


class FrameReader:
    """Takes bytes as they come, gives messages as they are whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """The messages that ``data`` completes; raises Disconnected for a frame that is not ours."""
        if not self._buffer and len(data) >= HEADER.size:
            (length,) = HEADER.unpack_from(data)
            if len(data) == HEADER.size + length:  # one whole message, as nearly always
                return [json.loads(data[HEADER.size :].decode())]
        self._buffer += data
        messages = []
        while len(self._buffer) >= HEADER.size:
            (length,) = HEADER.unpack_from(self._buffer)
            if length > MAX_FRAME:
                raise Disconnected("a frame is too large")
            end = HEADER.size + length
            if len(self._buffer) < end:
                break
            messages.append(json.loads(self._buffer[HEADER.size : end].decode()))
            del self._buffer[:end]
        return messages


class Channel:
    """A blocking end of a connection: one message at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._reader = FrameReader()
        self._ready: list[Any] = []

    def limit_sending(self, seconds: float) -> None:
        """Have ``send`` fail, of a BlockingIOError, if the other end takes nothing for so long.

        The kernel sees to it: a timeout of Python's own costs calls of the system with each message.
        """
        limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def send(self, *messages: Any) -> None:
        """Send messages, in one piece; raises Disconnected."""
        try:
            self.socket.sendall(b"".join(map(encode, messages)))
        except OSError as error:
            raise Disconnected(str(error)) from error

    def receive(self) -> Any:
        """The next message, as long as it takes; raises Disconnected."""
        while not self._ready:
            try:
                data = self.socket.recv(65536)
            except OSError as error:
                raise Disconnected(str(error)) from error
            if not data:
                raise Disconnected("the connection was closed")
            self._ready = self._reader.feed(data)
        return self._ready.pop(0)

    def receive_within(self, seconds: float) -> Any | None:
        """The next message; None if the other end is silent for so many seconds. Raises Disconnected."""
        while not self._ready:
            poll = select.poll()
            try:
                poll.register(self.socket, select.POLLIN)
                if not poll.poll(1000 * seconds):
                    return None
                data = self.socket.recv(65536)
            except (OSError, ValueError) as error:  # ValueError: it was closed in another thread
                raise Disconnected(str(error)) from error
            if not data:
                raise Disconnected("the connection was closed")
            self._ready = self._reader.feed(data)
        return self._ready.pop(0)

    def open(self) -> bool:
        """Whether the other end is still there; only for a connection on which nothing is awaited. Does not wait."""
        poll = (
            select.poll()
        )  # not MSG_DONTWAIT: on a socket with a timeout Python would wait for it all the same
        try:
            poll.register(self.socket, select.POLLIN)
            return not poll.poll(0) or bool(self.socket.recv(1, socket.MSG_PEEK))
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """Close; any number of times. Whoever waits in ``receive`` in another thread is woken."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
