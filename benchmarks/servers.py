"""The servers that are measured: real ones, under gunicorn, each on a free port of loopback with state of its own.

dragoman and pygeoapi's own manager run under the very same web server with the same options: one process of
16 threads that keeps connections alive.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import yaml
from benchmarks.load import Client

from dragoman.jobs.stores import open_store
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dragoman.jobs.stores.sql import SqlStore

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
ALGORITHMS = ROOT / "benchmarks" / "algorithms"
HELLO: Mapping[str, Any] = {"type": "process", "processor": {"name": "HelloWorld"}}
PACKAGED = "dragoman.plugin.PackagedProcessor"
PYGEOAPI = "pygeoapi.flask_app:APP"
OPTIONS = [
    "--workers",
    "1",
    "--worker-class",
    "gthread",
    "--threads",
    "16",
    "--keep-alive",
    "30",
    "--no-control-socket",
]


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until it holds; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.002)


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Server:
    """One web server in a process group of its own, which can be killed and started again."""

    def __init__(self, folder: Path, app: str, *, ready: str, environment: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self._app = app
        self._ready = ready
        self.environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DRAGOMAN_", "PYGEOAPI_"))}
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env={**kept, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._is_ready, 60, f"{self._app} answers at {self._ready}")

    def command(self) -> list[str]:
        """What starts it: gunicorn."""
        return [str(BIN / "gunicorn"), *OPTIONS, "--bind", f"127.0.0.1:{self.port}", self._app]

    def stop(self) -> None:
        """End it with all that it started."""
        if self._process is None:
            return
        family = self._family()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        _, left = psutil.wait_procs(family, timeout=5)
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        self._process.wait(10)
        self._process = None

    def process(self) -> psutil.Process:
        """The web server's first process."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def kill(self) -> None:
        """SIGKILL to its whole process group; returns when nothing of it is left."""
        assert self._process is not None
        family = self._family()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        psutil.wait_procs(family, timeout=10)
        self._process = None

    def _family(self) -> list[psutil.Process]:
        assert self._process is not None
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self._process.pid)
            return [root, *root.children(recursive=True)]
        return []

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError((self.folder / "server.log").read_text(errors="replace")[-2000:])
        with suppress(OSError, HTTPException), Client(self.port) as client:
            return client.get(self._ready)[0] == 200
        return False


class Dragoman(Server):
    """dragoman: by default the packages echo, ndvi, and those of the benchmarks, and HelloWorld."""

    def __init__(
        self,
        folder: Path,
        *,
        resources: Mapping[str, Any] | None = None,
        manager: Mapping[str, Any] | None = None,
        app: str = PYGEOAPI,
    ) -> None:
        config = folder / "config.yml"
        environment = {"PYGEOAPI_CONFIG": str(config)}
        super().__init__(folder, app, ready="/readyz", environment=environment)
        self.home = folder / "home"
        name = {
            "name": "dragoman.plugin.JobManager",
            "output_dir": str(self.home),
            "connection": "",
            "workers": 2,
        }
        write_config(config, self.url, {**name, **(manager or {})}, resources or _packages())

    def store(self) -> SqlStore:
        """Its job store, for looking at and for filling."""
        return open_store(f"sqlite:///{self.home / 'dragoman.db'}")


def same_stack(folder: Path) -> Dragoman:
    """dragoman's web stack, whose jobs run in the web server's own process and are not kept."""
    server = Dragoman(folder, app="same_stack_app:app")
    server.environment["PYTHONPATH"] = str(ROOT / "benchmarks" / "scripts")
    return server


class TinyDb(Server):
    """pygeoapi with its own TinyDB manager."""

    def __init__(self, folder: Path, *, resources: Mapping[str, Any] | None = None) -> None:
        config, self.openapi = folder / "config.yml", folder / "pygeoapi-openapi.yml"
        environment = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(self.openapi)}
        super().__init__(folder, PYGEOAPI, ready="/processes?f=json", environment=environment)
        self.database = folder / "tinydb.json"
        manager = {"name": "TinyDB", "connection": str(self.database), "output_dir": str(folder / "results")}
        (folder / "results").mkdir()
        write_config(config, self.url, manager, resources or {"hello-world": HELLO})
        command = [
            str(BIN / "pygeoapi"),
            "openapi",
            "generate",
            str(config),
            "--output-file",
            str(self.openapi),
        ]
        subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True)


def in_process(folder: Path) -> Server:
    """The echo algorithm called in the web server's own process: no job, no store."""
    script = ROOT / "benchmarks" / "scripts"
    return Server(folder, "in_process_app:app", ready="/livez", environment={"PYTHONPATH": str(script)})


@contextmanager
def running[S: Server](*servers: S) -> Iterator[None]:
    """Start them all; stop them all, whatever happens."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.stop()


def unfinished(store: SqlStore) -> int:
    """How many jobs wait or run."""
    counts = store.counts()
    return counts[JobStatus.ACCEPTED] + counts[JobStatus.RUNNING]


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_config(path: Path, url: str, manager: Mapping[str, Any], resources: Mapping[str, Any]) -> None:
    """The repository's configuration with another address, manager and set of processes."""
    base = yaml.safe_load((ROOT / "pygeoapi-config.yml").read_text("utf-8"))
    host, port = url.removeprefix("http://").split(":")
    bind = {"host": host, "port": int(port)}
    server = {**base["server"], "bind": bind, "url": url, "manager": dict(manager)}
    config = {**base, "server": server, "logging": {"level": "ERROR"}, "resources": dict(resources)}
    path.write_text(yaml.safe_dump(config), "utf-8")


def _packages() -> dict[str, Any]:
    folders = [ROOT / "processes" / "echo", ROOT / "processes" / "ndvi", *sorted(ALGORITHMS.iterdir())]
    declared: dict[str, Any] = {
        folder.name: {"type": "process", "processor": {"name": PACKAGED, "package": str(folder)}}
        for folder in folders
    }
    return declared | {"hello-world": dict(HELLO)}
