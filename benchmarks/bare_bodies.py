"""A server that does nothing but send bodies from memory: what is left of a batch's way without dragoman.

.venv/bin/python -m benchmarks.bare_bodies PORT BYTES
"""

from __future__ import annotations

import mmap
import socket
import sys
import threading
from typing import Final

BODIES: Final = 36
"""Different ones, which are sent in turn, as batches are."""


def serve(connection: socket.socket, bodies: list[memoryview]) -> None:
    """Answer each request of a connection with the next body."""
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(bodies[0])}\r\n\r\n".encode()
    number = 0
    while True:
        asked = b""
        while b"\r\n\r\n" not in asked:
            data = connection.recv(65536)
            if not data:
                return
            asked += data
        connection.sendall(head)
        connection.sendall(bodies[number % BODIES])
        number += 1


def main(port: int, size: int) -> None:
    """Serve until it is killed."""
    bodies = []
    for _ in range(BODIES):
        memory = mmap.mmap(-1, size)
        memory.write(b"x" * size)
        bodies.append(memoryview(memory))
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(connection, bodies), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
