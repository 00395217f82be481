"""A server of files that is as hostile as a test wants, and the smallest supervisor that has files fetched."""

from __future__ import annotations

import re
import selectors
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from dragoman.config.settings import FetchSettings
from dragoman.sources.fetching.messages import Fetched, FetchFailed, FetchTask
from dragoman.sources.fetching.pool import FetchPool
from dragoman.sources.fetching.settings import FetchPoolSettings, Patience
from dragoman.sources.policy import SourcePolicy
from dragoman.workers import process_tree
from dragoman.workers.forkserver import Forkserver
from dragoman.workers.watch import WorkerWatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HANG = 120.0
QUICK = Patience(first_wait=0.01, longest_wait=0.05, stall=10.0)
_RANGE = re.compile(r"bytes=(\d+)-")


@dataclass(eq=False, kw_only=True)
class ServedFile:
    """One file, and how it is served; ``sent`` and ``ranges`` tell of each request in turn."""

    content: bytes
    etag: str | None = '"one"'
    modified: float | None = None
    """Last-Modified, seconds since 1970."""
    cuts: list[int | None] = field(default_factory=list)
    """Of each request in turn: the bytes after which the connection is dropped; None, and beyond: not dropped."""
    statuses: list[int] = field(default_factory=list)
    """Of each request in turn, as long as there are some: a status that is answered instead."""
    retry_after: str | None = None
    takes_ranges: bool = True
    range_headers: dict[str, str] = field(default_factory=dict)
    """Of a 206, instead of the true ones."""
    pause: threading.Event | None = None
    """Waited for in the middle of the body."""
    ranges: list[str | None] = field(default_factory=list)
    if_ranges: list[str | None] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Serve one request."""
        number = len(self.ranges)
        self.ranges.append(handler.headers["Range"])
        self.if_ranges.append(handler.headers["If-Range"])
        self.sent.append(0)
        if number < len(self.statuses):
            handler.send_response(self.statuses[number])
            if self.retry_after is not None:
                handler.send_header("Retry-After", self.retry_after)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        start = self._start(handler)
        body = memoryview(self.content)[start:]
        headers = {"Content-Length": str(len(body)), "Content-Type": "Image/TIFF; x=y"}
        if self.etag is not None:
            headers["ETag"] = self.etag
        if self.modified is not None:
            headers["Last-Modified"] = formatdate(self.modified, usegmt=True)
        if start:
            end, total = len(self.content) - 1, len(self.content)
            headers |= {"Content-Range": f"bytes {start}-{end}/{total}", **self.range_headers}
        handler.send_response(206 if start else 200)
        for name, value in headers.items():
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        cut = self.cuts[number] if number < len(self.cuts) else None
        self._send(handler, body if cut is None else body[:cut], number)

    def _start(self, handler: BaseHTTPRequestHandler) -> int:
        match = _RANGE.fullmatch(handler.headers["Range"] or "")
        if match is None or not self.takes_ranges:
            return 0
        dates = [self.etag] if self.modified is None else [self.etag, formatdate(self.modified, usegmt=True)]
        return int(match[1]) if handler.headers["If-Range"] in dates else 0

    def _send(self, handler: BaseHTTPRequestHandler, body: memoryview, number: int) -> None:
        half = len(body) // 2 if self.pause is not None else len(body)
        for piece in (body[:half], body[half:]):
            for begin in range(0, len(piece), 65536):
                handler.wfile.write(piece[begin : begin + 65536])
                self.sent[number] += len(piece[begin : begin + 65536])
            if self.pause is not None and piece is not body[half:] and self.pause.wait(HANG):
                continue
        handler.close_connection = True


class FileServer:
    """Serves files, and answers of a test's own, on loopback."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                outer.answers[self.path](self)

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that leaves in the middle is what these tests are about."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self.port = self._http.server_address[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Of what is served at a path."""
        return f"http://{host}:{self.port}{path}"

    def file(self, path: str, content: bytes, **how: Any) -> ServedFile:
        """Serve a file."""
        served = ServedFile(content=content, **how)
        self.answers[path] = served.answer
        return served


def settings_for(
    *ports: int,
    at_once: int = 8,
    per_host: int | None = None,
    timeout: float = 100.0,
    max_bytes: int = 50_000_000,
    min_free: int = 0,
    patience: Patience = QUICK,
) -> FetchPoolSettings:
    """Settings that let servers on loopback be asked."""
    allow = tuple(f"{host}:{port}" for port in ports for host in ("127.0.0.1", "localhost"))
    fetch = FetchSettings(allow=allow, timeout=timeout, max_bytes=max_bytes, redirects=3)
    return FetchPoolSettings(
        policy=SourcePolicy(fetch=fetch),
        at_once=at_once,
        per_host=per_host,
        min_free_disk=min_free,
        patience=patience,
    )


class FetchingSupervisor:
    """For a process of the test's own; keeps what came of each errand."""

    def __init__(self, settings: FetchPoolSettings) -> None:
        process_tree.become_subreaper()
        self.selector = selectors.DefaultSelector()
        self.forkserver = Forkserver(["dragoman.sources.fetching.fetcher"])
        self.pool = FetchPool(
            self.forkserver, WorkerWatch(self.selector, self.forkserver), settings, mark="toy:1"
        )
        self.outcomes: dict[str, Fetched | FetchFailed] = {}
        self.ended: dict[str, float] = {}

    def fetch(self, task_id: str, url: str, target: Path, **whose: str) -> None:
        """Have a file fetched."""
        task = FetchTask(id=task_id, url=url, target=target, **whose)
        self.pool.fetch(task, lambda outcome: self.outcomes.__setitem__(task_id, outcome))

    def cancel(self, task_id: str) -> None:
        """Cancel it; ``ended`` tells the seconds that it took."""
        began = time.monotonic()
        self.pool.cancel(task_id, lambda: self.ended.__setitem__(task_id, time.monotonic() - began))

    def until(self, condition: Callable[[], object]) -> None:
        """Run the event loop until something is so."""
        deadline = time.monotonic() + HANG
        while not condition():
            assert time.monotonic() < deadline, (self.outcomes, self.ended)
            for key, events in self.selector.select(0.02):
                if self.selector.get_map().get(key.fd) is key:
                    key.data(events)
            self.pool.tick()

    def done(self, *task_ids: str) -> list[dict[str, Any]]:
        """What came of these, once it is known."""
        self.until(lambda: all(task_id in self.outcomes for task_id in task_ids))
        return [
            {"is": type(outcome).__name__, **{name: getattr(outcome, name) for name in outcome.__slots__}}
            for outcome in (self.outcomes[task_id] for task_id in task_ids)
        ]

    def close(self) -> None:
        """End all that is left."""
        self.pool.close()
        self.forkserver.close()
        self.forkserver.reap_orphans()
