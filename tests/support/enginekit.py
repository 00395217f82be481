"""A real embedded engine in a HOME of its own: supervisor, forkserver, workers; none of them is left behind."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil
from harness import HANG, TEST_PROCESSES, gone, wait_for
from jobmaking import make_job
from memoryengine import MemoryEngine

from dragoman.config.settings import FetchSettings
from dragoman.errors import AlgorithmError
from dragoman.jobs.engine.run_files import RunFiles
from dragoman.jobs.engine_settings import EngineSettings
from dragoman.jobs.executors.local import LocalExecutor
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.stores import open_store
from dragoman.model.job import InputValue, Job, JobRequest, Output
from dragoman.model.status import JobStatus
from dragoman.packages.native.loader import load_package
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.jobs.ports import Executor, JobStore
    from dragoman.jobs.stores.sql import SqlStore

COMMAND = [sys.executable, "-P", "-m", "dragoman.cli", "supervise"]


def engine_settings(home: Path, **changes: Any) -> EngineSettings:
    """Two slots, the bundled limits, logs in HOME."""
    home.mkdir(exist_ok=True)
    plain = EngineSettings(
        home=home,
        database_url=f"sqlite:///{home}/jobs.db",
        slots=2,
        warm_workers=4,
        queue_limit=100,
        max_attempts=3,
        keep_results=None,
        max_pixels=None,
        policy=SourcePolicy(fetch=FetchSettings()),
        server_url="http://localhost:5000",
        log_level="INFO",
        log_file=str(home / "supervisor.log"),
        build="build-1",
        digest="settings-1",
    )
    return replace(plain, **changes)


def process_job(process: str | Path, *, job: dict[str, Any] | None = None, **inputs: Any) -> Job:
    """A job for a process of the tests, or for a package's folder."""
    loaded = load_package(TEST_PROCESSES / process if isinstance(process, str) else process)
    request = JobRequest(inputs={name: (InputValue(value=value),) for name, value in inputs.items()})
    changes = {"timeout": loaded.timeout, **(job or {})}
    return make_job(process_id=loaded.id, runtime=loaded.runtime, request=request, **changes)


class ExecutorKit:
    """One executor, and a view of what it does from beside it: the base of every engine's kit."""

    home: Path
    executor: Executor
    store: JobStore
    results: FolderResults

    def submit(self, process: str | Path, *, job: dict[str, Any] | None = None, **inputs: Any) -> Job:
        """Submit a job."""
        return self.executor.submit(process_job(process, job=job, **inputs))

    def run(self, process: str | Path, *, job: dict[str, Any] | None = None, **inputs: Any) -> Job:
        """Submit a job and wait for its end."""
        return self.finished(self.submit(process, job=job, **inputs))

    def finished(self, job: Job) -> Job:
        """Wait for a job's end."""
        ended = self.executor.wait(job.id, HANG)
        assert ended.status.finished, f"{ended}\n{self.log()}"
        return ended

    def files(self, job: Job) -> list[Path]:
        """What is kept of a job: results, log and request."""
        return list((self.home / "jobs" / job.id[:2] / job.id).rglob("*"))

    def log(self) -> str:
        """What the engine logged."""
        return ""


class MemoryKit(ExecutorKit):
    """The engine in memory, with those of the tests' processes that need none."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.results = FolderResults(home)
        runs = {"number": _number, "writer": _writer, "loop": None}
        self.executor = self.store = MemoryEngine(self.results, runs)


def _number(job: Job, _folder: Path) -> dict[str, Output]:
    (value,) = job.request.inputs["number"]
    return {"double": Output(id="double", media_type="application/json", value=2 * value.value)}


def _writer(job: Job, folder: Path) -> dict[str, Output]:
    if "fail" in job.request.inputs:
        raise AlgorithmError(f"RuntimeError: {job.request.inputs['fail'][0].value}")
    size = job.request.inputs["size"][0].value if "size" in job.request.inputs else 100
    folder.mkdir(parents=True)
    (folder / "file.bin").write_bytes(bytes(size))
    return {
        "file": Output(id="file", media_type="application/octet-stream", file="file.bin", size=size),
        "note": Output(id="note", media_type="application/json", value="written"),
    }


class EngineKit(ExecutorKit):
    """The embedded engine: real processes, which can be looked at and killed."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.home = settings.home
        self.executor: LocalExecutor = LocalExecutor(settings, COMMAND)
        self.store: SqlStore = open_store(settings.database_url)
        self.results = FolderResults(settings.home)
        self.run_files = RunFiles(settings.home, self.results)

    def worker(self, job: Job) -> int:
        """Wait until a job runs; the pid of its worker."""
        running = wait_for(lambda: self._running(job), f"{job.id} runs\n{self.log()}")
        assert running is not None
        assert running.worker is not None
        return running.worker.pid

    def _running(self, job: Job) -> Job | None:
        now = self.store.get(job.id)
        return now if now.status is JobStatus.RUNNING else None

    def files(self, job: Job) -> list[Path]:
        """All that there is of a job, with what a run of it writes."""
        return [*super().files(job), *self.run_files.folder(job.id).rglob("*")]

    @property
    def supervisor(self) -> int:
        """The supervisor's pid."""
        pid: int = json.loads((self.settings.home / "supervisor.json").read_text())["pid"]
        return pid

    def family(self) -> list[int]:
        """The supervisor and all below it."""
        try:
            root = psutil.Process(self.supervisor)
            return [root.pid, *(child.pid for child in root.children(recursive=True))]
        except (OSError, psutil.NoSuchProcess):
            return []

    def log(self) -> str:
        """What the supervisor logged."""
        path = self.settings.home / "supervisor.log"
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        """Let go of the engine, which ends it if nobody else holds it."""
        self.executor.close()
        self.store.close()


@contextmanager
def engine(home: Path, **changes: Any) -> Iterator[EngineKit]:
    """A started engine; in the end nothing of it may be left."""
    kit = EngineKit(engine_settings(home, **changes))
    try:
        kit.executor.start()
        yield kit
    finally:
        family = kit.family()
        kit.close()
        try:
            wait_for(lambda: all(map(gone, family)), "every process of the engine has ended")
        finally:
            for pid in family:
                if not gone(pid):
                    os.kill(pid, signal.SIGKILL)
