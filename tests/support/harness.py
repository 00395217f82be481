"""A real server for tests: its own processes, its own HOME, a free port, ended by pid whatever happens."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psutil
import requests
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REPOSITORY = Path(__file__).parents[2]
TEST_PROCESSES = REPOSITORY / "tests" / "e2e" / "processes"
BIN = Path(sys.executable).parent
HANG = 120.0
"""Seconds after which something is taken to hang, however slow the machine is; never a measure of speed."""


def wait_for[T](
    condition: Callable[[], T | Literal[False] | None], what: str = "", *, seconds: float = HANG
) -> T:
    """What ``condition`` gives once it is true; fails the test if it is not by the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        late = time.monotonic() > deadline
        value = condition()
        if value:
            return value
        if late:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        time.sleep(0.01)


def free_port() -> int:
    """A port of loopback that nobody listens on, to be listened on later.

    Not of those that the kernel gives to whoever connects or asks for any: it might be gone, or met by its own
    client, before the server has come up.
    """
    try:
        given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii")
        lowest = int(given.split()[0])
    except OSError:
        lowest = 32768
    while True:
        with socket.socket() as probe:
            port = random.SystemRandom().randrange(10_000, lowest) if lowest > 12_000 else 0
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
        if found not in _GIVEN:
            _GIVEN.add(found)
            return found


_GIVEN: set[int] = set()
"""Ports that were given already in this process."""


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port of loopback that refuses every connection, and that nobody else can get meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Server:
    """One HOME and the server on it, which can be started, killed and started again.

    ``packages`` are served besides the repository's: by id what stands beside the name of their processor.
    """

    bin = BIN
    """The commands that it is served by."""

    def __init__(
        self,
        folder: Path,
        manager: Mapping[str, Any] | None = None,
        workers: int = 2,
        packages: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.home = folder / "home"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "config.yml"
        self.log = folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.config.write_text(yaml.safe_dump(self._configuration(manager or {}, workers, packages or {})))

    def start(self, *, gunicorn: int = 0, ready: bool = True) -> Server:
        """Start it in a process group of its own; with ``gunicorn``, that many processes of it."""
        command = [str(self.bin / "pygeoapi"), "serve"]
        if gunicorn:
            options = [
                "--worker-class",
                "gthread",
                "--threads",
                "16",
                "--workers",
                str(gunicorn),
                "--timeout",
                str(int(HANG)),
                "--no-control-socket",
            ]
            bind = f"127.0.0.1:{self.port}"
            command = [str(self.bin / "gunicorn"), *options, "--bind", bind, "pygeoapi.flask_app:APP"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if ready:
            try:
                wait_for(self.is_ready)
            except AssertionError as error:
                raise AssertionError(f"the server is not ready: {error}\n{self.log.read_text()}") from error
        return self

    def environment(self) -> dict[str, str]:
        """The environment of the server and of the command line tools."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DRAGOMAN_", "PYGEOAPI_"))}
        return {**kept, "PYGEOAPI_CONFIG": str(self.config)}

    def is_ready(self) -> bool:
        """Whether /readyz says so."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}\n{self.log.read_text()}")
        try:
            return requests.get(f"{self.url}/readyz", timeout=60).status_code == 200
        except (requests.ConnectionError, requests.Timeout):  # gunicorn listens before the app is there
            return False

    def stop(self) -> None:
        """End it as Ctrl-C does, and wait until nothing of it is left."""
        family = self.family()
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(HANG / 2)
            except subprocess.TimeoutExpired:
                self.kill_group()
            self.process = None
        try:
            wait_for(lambda: all(gone(pid) for pid in family), "every process of the server has ended")
        finally:
            for pid in family:
                if not gone(pid):
                    os.kill(pid, signal.SIGKILL)

    def kill_group(self) -> None:
        """SIGKILL to the server's whole process group."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(HANG)

    def family(self) -> list[int]:
        """The pids of the server and of all below it."""
        if self.process is None:
            return []
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            return [root.pid, *(child.pid for child in root.children(recursive=True))]
        return []

    @property
    def supervisor(self) -> int:
        """The supervisor's pid."""
        pid: int = json.loads((self.home / "supervisor.json").read_text())["pid"]
        return pid

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line tool on this HOME."""
        command = [str(self.bin / "dragoman"), *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )

    # -- OGC, in as few words as the tests need ----------------------------------------------------------

    def execute(self, process: str, *, wait: bool = False, **inputs: Any) -> requests.Response:
        """Execute, asynchronously unless ``wait``."""
        headers = {} if wait else {"Prefer": "respond-async"}
        return requests.post(
            f"{self.url}/processes/{process}/execution",
            json={"inputs": inputs},
            headers=headers,
            timeout=HANG,
        )

    def submit(self, process: str, **inputs: Any) -> str:
        """The id of a new asynchronous job."""
        answer = self.execute(process, **inputs)
        assert answer.status_code == 201, answer.text
        job_id: str = answer.json()["jobID"]
        return job_id

    def job(self, job_id: str) -> dict[str, Any]:
        """statusInfo."""
        answer = requests.get(f"{self.url}/jobs/{job_id}", timeout=HANG)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()
        return data

    def running(self, job_id: str) -> int:
        """Wait until a job runs; the pid of its worker."""
        wait_for(lambda: self.job(job_id)["status"] == "running", f"{job_id} runs")
        pid: int = self.details(job_id)["worker"]["pid"]
        return pid

    def finished(self, job_id: str) -> dict[str, Any]:
        """Wait until a job has finished; its statusInfo."""
        ends = {"successful", "failed", "dismissed"}
        return wait_for(lambda: (info := self.job(job_id))["status"] in ends and info, f"{job_id} ends") or {}

    def dismiss(self, job_id: str) -> requests.Response:
        """DELETE a job."""
        return requests.delete(f"{self.url}/jobs/{job_id}", timeout=HANG)

    def details(self, job_id: str) -> dict[str, Any]:
        """All that the store holds of a job."""
        shown = self.cli("jobs", "show", job_id)
        assert shown.returncode == 0, shown.stderr
        data: dict[str, Any] = json.loads(shown.stdout)
        return data

    def _configuration(
        self, manager: Mapping[str, Any], workers: int, more: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        base = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text())
        packages = [*(REPOSITORY / "processes").iterdir(), *TEST_PROCESSES.iterdir()]
        return {
            "server": {
                **base["server"],
                "bind": {"host": "127.0.0.1", "port": self.port},
                "url": self.url,
                "manager": {
                    "name": "dragoman.plugin.JobManager",
                    "output_dir": str(self.home),
                    "connection": "",
                    "workers": workers,
                    **manager,
                    "jobs": {
                        "sync_slots": 0,
                        **manager.get("jobs", {}),
                    },  # tests have two that run side by side
                },
            },
            "logging": {"level": "INFO"},
            "metadata": base["metadata"],
            "resources": {
                folder.name: {
                    "type": "process",
                    "processor": {"name": "dragoman.plugin.PackagedProcessor", "package": str(folder)},
                }
                for folder in packages
                if (folder / "process.yml").is_file()
            }
            | {"hello-world": {"type": "process", "processor": {"name": "HelloWorld"}}}
            | {
                name: {"type": "process", "processor": {"name": "dragoman.plugin.PackagedProcessor", **given}}
                for name, given in more.items()
            },
        }


@contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Server]:
    """A started server, stopped at the end, with all it started."""
    server = Server(folder, **options)
    try:
        yield server.start()
    finally:
        server.stop()
