"""A real web server on loopback, told by each test what to answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from dragoman.config.settings import FetchSettings
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from pathlib import Path

type Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers by path; counts the requests for each."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.hosts: list[str | None] = []
        self.bodies: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.do_GET()

            def do_GET(self) -> None:
                outer.requests.append(self.path)
                outer.hosts.append(self.headers["Host"])
                outer.answers[self.path](self)

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that leaves in the middle is what these tests are about."""

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        self.netloc = f"127.0.0.1:{self.port}"

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def body(self, path: str, content: bytes, **headers: str) -> str:
        """Answer with this content; its URL."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            for name, value in {"Content_Length": str(len(content)), **headers}.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(content)

        self.answers[path] = answer
        return self.url(path)

    def redirect(self, path: str, location: str, status: int = 302) -> str:
        """Answer with a redirect; its URL."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Location", location)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        self.answers[path] = answer
        return self.url(path)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture
def policy(server: Server) -> SourcePolicy:
    """Only this server, small and quick."""
    return SourcePolicy(
        fetch=FetchSettings(allow=(server.netloc,), max_bytes=1_000_000, timeout=60, redirects=2)
    )


@pytest.fixture
def strict() -> SourcePolicy:
    """Nothing private, no files."""
    return SourcePolicy(fetch=FetchSettings())


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"
