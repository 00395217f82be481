"""A file server on loopback that does all that servers do to those who fetch from them; told by the path.

``/good/NAME``      the content of ``content(NAME)``, with an ETag, by ranges
``/drops/NAME``     breaks off after each third of it; goes on by ranges
``/stalls/NAME``    sends half and then nothing, the first time; goes on by ranges
``/busy/NAME``      503 the first time
``/lies/NAME``      says that it is longer than it is
``/endless/NAME``   never ends
``/inside/NAME``    redirects to an address of this very network
``/missing/NAME``   404
``/held/NAME``      good, but not before ``release``
"""

from __future__ import annotations

import hashlib
import re
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE: Final = 30_000
INSIDE: Final = "http://10.0.0.1/secret"


def content(name: str, size: int = SIZE) -> bytes:
    """What a file of that name holds: like no other's, and always the same; a picture where it is called so."""
    block = hashlib.sha512(name.encode()).digest()
    if name.endswith(".png"):
        return picture(block[:3])
    return (block * (size // len(block) + 1))[:size]


def picture(color: bytes) -> bytes:
    """A PNG of 8 x 8 pixels of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head, rows = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0), (b"\0" + color * 8) * 8
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


class FileServer:
    """Counts what it has sent of each path, and how often it was asked for it."""

    def __init__(self, size: int = SIZE) -> None:
        self.size = size
        self.asked: Counter[str] = Counter()
        self.wholes: Counter[str] = Counter()
        """How often all bytes from the first to the last went out in one answer."""
        self.sent: Counter[str] = Counter()
        """Bytes."""
        self._lock = threading.Lock()
        self._held = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with suppress(OSError):
                    outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: object, client_address: object) -> None:
                """Clients that are killed are what these tests are about."""

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.netloc = f"127.0.0.1:{self.http.server_address[1]}"

    def url(self, kind: str, name: str) -> str:
        """Where a file of that kind is."""
        return f"http://{self.netloc}/{kind}/{name}"

    def release(self) -> None:
        """Let go of all that is held."""
        self._held.set()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        path = handler.path
        _, kind, name = path.split("/", 2)
        with self._lock:
            self.asked[path] += 1
            first = self.asked[path] == 1
        if kind == "held":
            self._held.wait(120)
        if kind == "inside":
            self._head(handler, 302, {"Location": INSIDE, "Content-Length": "0"})
        elif kind == "missing" or (kind == "busy" and first):
            self._head(handler, 404 if kind == "missing" else 503, {"Content-Length": "0"})
        else:
            self._file(handler, kind, path, content(name, self.size), first=first)

    def _file(
        self, handler: BaseHTTPRequestHandler, kind: str, path: str, data: bytes, *, first: bool
    ) -> None:
        match = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(match[1]) if match and kind not in ("lies", "endless") else 0
        headers = {
            "ETag": f'"{hashlib.sha256(data).hexdigest()[:16]}"',
            "Content-Type": "application/octet-stream",
        }
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        length = 10**6 if kind == "lies" else len(data) - start
        ends = {"Connection": "close"} if kind == "endless" else {"Content-Length": str(length)}
        self._head(handler, 206 if start else 200, {**headers, **ends})
        if kind == "endless":
            self._send_without_end(handler)
            return
        part = data[start:]
        if kind == "drops":
            part = part[: len(data) // 3 + 1]
        elif kind == "stalls" and first:
            part = part[: len(data) // 2]
        handler.wfile.write(part)
        handler.wfile.flush()
        with self._lock:
            self.sent[path] += len(part)
            self.wholes[path] += start == 0 and len(part) == len(data)
        if kind == "stalls" and first:
            time.sleep(30)
        if kind in ("drops", "stalls", "lies"):
            handler.close_connection = True
            with suppress(OSError):
                handler.connection.shutdown(socket.SHUT_RDWR)

    def _send_without_end(self, handler: BaseHTTPRequestHandler) -> None:
        while True:
            handler.wfile.write(b"x" * 65536)
            time.sleep(0.01)

    @staticmethod
    def _head(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()


@contextmanager
def serving_files(size: int = SIZE) -> Iterator[FileServer]:
    """A server that listens until the end of the block."""
    server = FileServer(size)
    thread = threading.Thread(target=server.http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release()
        server.http.shutdown()
        server.http.server_close()
        thread.join(10)
