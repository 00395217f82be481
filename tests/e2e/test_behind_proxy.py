"""A real nginx, configured as docs/operating.md says, before a real server: what is refused is heard."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests
from harness import HANG, REPOSITORY, Server, free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

JSON = {"Content-Type": "application/json"}

REFUSED = [
    ("POST", "/processes/echo/execution", JSON, 21_000_000, 413),
    ("POST", "/processes/nope/execution", JSON, 3_000_000, 404),
    ("POST", "/nowhere", JSON, 3_000_000, 404),
    ("POST", "/processes/echo/execution", {"Content-Type": "text/csv"}, 3_000_000, 415),
    ("POST", "/processes/echo/execution", {**JSON, "Content-Encoding": "gzip"}, 3_000_000, 415),
    ("PUT", "/processes", JSON, 3_000_000, 405),
    ("POST", "/processes/echo/execution", {**JSON, "Origin": "http://evil.example"}, 3_000_000, 403),
    ("GET", "/openapi", JSON, 200_000, 200),
]
"""Method, path, headers, bytes of the body, and the status of the answer: none needs the body."""


@contextmanager
def nginx(folder: Path, upstream: int, *, keepalive: bool) -> Iterator[str]:
    """The documented location before a server; its URL. Skips where there is no nginx."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    text = (REPOSITORY / "docs" / "operating.md").read_text()
    block = re.search(r"```nginx\n(.*?)```", text, re.DOTALL)
    assert block is not None
    location = block[1].replace("http://127.0.0.1:5000", "http://dragoman")
    if keepalive:
        location = location.replace("location / {", 'location / { proxy_set_header Connection "";')
    port = free_port()
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary}\n"
        f"upstream dragoman {{ server 127.0.0.1:{upstream}; {'keepalive 4;' if keepalive else ''} }}\n"
        f"server {{ listen 127.0.0.1:{port};\n{location}\n}}\n}}\n"
    )
    process = subprocess.Popen(
        [program, "-p", str(folder), "-c", str(config), "-e", str(folder / "first.log")]
    )
    url = f"http://127.0.0.1:{port}"

    def up() -> bool:
        assert process.poll() is None, (folder / "first.log").read_text()
        try:
            return requests.get(f"{url}/livez", timeout=HANG).status_code == 200
        except requests.ConnectionError:
            return False

    try:
        wait_for(up, "nginx answers")
        yield url
    finally:
        process.terminate()
        process.wait(HANG)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    manager = {"limits": {"request_bytes": "4MiB"}, "auth": {"behind_proxy": True}}
    server = Server(tmp_path_factory.mktemp("server"), manager)
    try:
        yield server.start(gunicorn=1)
    finally:
        server.stop()


def refuse_all(url: str, rounds: int = 3) -> None:
    """Send each of REFUSED, several times, over one connection that is kept."""
    with requests.Session() as session:
        for method, path, headers, size, status in REFUSED * rounds:
            answer = session.request(method, url + path, headers=headers, data=b"0" * size, timeout=HANG)
            assert answer.status_code == status, f"{method} {path}, {size} bytes: {answer.text[:200]}"
            assert status == 200 or answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("keepalive", [False, True])
def test_refusals_are_heard_behind_nginx(server: Server, tmp_path: Path, keepalive: bool) -> None:
    with nginx(tmp_path, server.port, keepalive=keepalive) as url:
        refuse_all(url)


def test_a_kept_connection_goes_on_after_a_refusal(server: Server) -> None:
    refuse_all(server.url)


def test_a_refused_body_in_chunks_ends_where_it_ends(server: Server) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(30):
            yield b"0" * 100_000

    with requests.Session() as session:
        for _ in range(3):
            url = f"{server.url}/processes/nope/execution"
            assert session.post(url, data=body(), headers=JSON, timeout=HANG).status_code == 404
            assert session.get(f"{server.url}/processes/echo", timeout=HANG).status_code == 200
