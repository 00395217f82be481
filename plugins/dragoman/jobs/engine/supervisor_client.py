"""A client of the supervisor: one connection of a server process, and what it has not taken yet."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dragoman.jobs.supervisor_requests import REPLIES
from dragoman.workers.framing import FrameReader, encode

if TYPE_CHECKING:
    from dragoman.jobs.supervisor_requests import Reply


@dataclass(eq=False)
class Client:
    """One connection of a server process."""

    socket: socket.socket
    reader: FrameReader = field(default_factory=FrameReader)
    unsent: bytearray = field(default_factory=bytearray)

    def answer(self, number: int, reply: Reply) -> None:
        """Send, or keep what the socket does not take at once: a client that hangs holds up nobody."""
        self.unsent += encode({"n": number, **REPLIES.dump(reply)})
        self.flush()

    def gone(self) -> bool:
        """Whether it has hung up."""
        try:
            return not self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def flush(self) -> None:
        """Send what is left."""
        with suppress(OSError):
            sent = self.socket.send(self.unsent, socket.MSG_DONTWAIT)
            del self.unsent[:sent]
