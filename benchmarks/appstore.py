"""A synchronous echo while a task's files are fetched, beside the same on an idle server, in turns of one run.

    .venv/bin/python benchmarks/appstore.py [ROUNDS]

Not part of ``make bench``; it prints what it measured.
"""

from __future__ import annotations

import http.server
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
PORT: Final = 5078
FILES: Final = 24
SIZE: Final = 64 * 2**20
RATE: Final = 20 * 2**20
"""Bytes a second of each file; four come at once from one host: more than most networks bring."""
CALLS: Final = 150
APPLICATION: Final = {"process": "mosaic", "assets_per_batch": 100, "quiet_period": 3600}


class Slow(http.server.BaseHTTPRequestHandler):
    """Sends zeros at RATE."""

    def do_GET(self) -> None:
        """Any path is a file."""
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()
        block, begun, sent = bytes(2**18), time.monotonic(), 0
        with suppress(OSError):
            while sent < SIZE:
                self.wfile.write(block)
                sent += len(block)
                time.sleep(max(0.0, begun + sent / RATE - time.monotonic()))

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def files() -> Iterator[int]:
    """The port of a server of files, in a process of its own."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    child = os.fork()
    if child == 0:
        server.serve_forever()
    try:
        yield server.server_address[1]
    finally:
        server.server_close()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@contextmanager
def serving(folder: Path, port: int) -> Iterator[str]:
    """A server as it comes, under gunicorn, that may fetch from this port."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "pygeoapi-config.yml").read_text())
    url = f"http://127.0.0.1:{PORT}"
    config["server"] |= {"bind": {"host": "127.0.0.1", "port": PORT}, "url": url}
    config["server"]["manager"] |= {
        "output_dir": str(folder / "home"),
        "connection": "",
        "workers": 2,
        "fetch": {"allow": [f"127.0.0.1:{port}"]},
        "dialects": {"appstore": {"applications": {"bench": APPLICATION}}},
    }
    config["resources"] = {
        name: {
            "type": "process",
            "processor": {
                "name": "dragoman.plugin.PackagedProcessor",
                "package": str(ROOT / "processes" / name),
            },
        }
        for name in ("echo", "mosaic")
    }
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "gunicorn", "--threads", "8", "--bind", f"127.0.0.1:{PORT}"]
    environment = {**os.environ, "PYGEOAPI_CONFIG": str(path)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "pygeoapi.flask_app:APP"], env=environment, stdout=log, stderr=log, cwd=folder
        )
    try:
        while True:
            with suppress(requests.ConnectionError):
                if requests.get(f"{url}/readyz", timeout=60).ok:
                    break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def echo(session: requests.Session, url: str) -> float:
    """Milliseconds of the median synchronous echo."""
    taken = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        answer = session.post(f"{url}/processes/echo/execution", json={"inputs": {"text": "x"}}, timeout=60)
        taken.append(1000 * (time.perf_counter() - begun))
        answer.raise_for_status()
    return statistics.median(taken)


def begin(url: str, port: int) -> str:
    """A task whose files are being fetched."""
    task_id = requests.post(f"{url}/api/v1/task", timeout=60).json()["data"]["task_id"]
    assets = [{"file_name": f"{n}.tif", "download_url": f"http://127.0.0.1:{port}/{n}"} for n in range(FILES)]
    requests.post(
        f"{url}/api/v1/assets", json={"task_id": task_id, "data": assets}, timeout=60
    ).raise_for_status()
    time.sleep(1)
    return str(task_id)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    idle, busy = [], []
    with tempfile.TemporaryDirectory() as name, files() as port, serving(Path(name), port) as url:
        session = requests.Session()
        echo(session, url)
        for _ in range(rounds):
            idle.append(echo(session, url))
            task_id = begin(url, port)
            busy.append(echo(session, url))
            state = requests.get(f"{url}/api/v1/task", params={"id": task_id}, timeout=60).json()["data"]
            assert state["status"] == "DOWNLOADING", state
            requests.delete(f"{url}/api/v1/task", params={"id": task_id}, timeout=60).raise_for_status()
            time.sleep(1.5)
    pairs = ", ".join(f"{one:.2f}/{other:.2f}" for one, other in zip(idle, busy, strict=True))
    print(f"synchronous echo, p50 in ms, idle/while 4 files come at {RATE >> 20} MiB/s each: {pairs}")
    ratio = statistics.median(other / one for one, other in zip(idle, busy, strict=True))
    print(f"median ratio {ratio:.2f} (aim: at most 1.25)")


if __name__ == "__main__":
    main()
