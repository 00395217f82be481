"""A worker process: runs the jobs of one package, one at a time, until it is told to stop or killed.

supervisor ──{"run": job}──► worker ──{"progress": [percent, message], "attempt": n}──► supervisor
                                    ──{"done": outputs, "attempt": n}──────────────►
                                    ──{"failed": failure, "attempt": n}────────────►
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import select
import signal
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dragoman.errors import OutputError
from dragoman.jobs.engine.run_files import RunFiles
from dragoman.jobs.json_codec import dump_failure, dump_outputs, load_job
from dragoman.jobs.log_spools import LogSpools
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.runner import Program, RunContext, describe_failure, load_program, run_job
from dragoman.workers import process_tree
from dragoman.workers.framing import Channel, Disconnected
from dragoman.workers.output_capture import OutputCapture

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from dragoman.model.job import Job
    from dragoman.model.process import Runtime
    from dragoman.sources.policy import SourcePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSetup:
    """All that a worker is told when it is born."""

    process_id: str
    runtime: Runtime
    home: Path
    policy: SourcePolicy
    max_pixels: int | None
    mark: str
    """Value of the environment variable by which a later supervisor knows this one's offspring."""


def main(sock: socket.socket, setup: WorkerSetup) -> None:
    """Serve jobs until the other end of ``sock`` closes."""
    printing = _settle(sock, setup)
    worker = _Worker(Channel(sock), setup, printing)
    with suppress(Disconnected):
        worker.serve()
    os._exit(0)  # no atexit of a library may hold up a stop


class _Worker:
    def __init__(self, channel: Channel, setup: WorkerSetup, printing: OutputCapture) -> None:
        self._channel = channel
        self._setup = setup
        self._printing = printing
        self._surroundings = _Surroundings()
        self._files = RunFiles(setup.home, FolderResults(setup.home))
        self._program: Program | None = None
        self._kept: frozenset[int] = frozenset()
        """Processes that ``setup`` started: they belong to the worker, not to a job."""

    def serve(self) -> None:
        """Run what comes; a package that cannot be loaded ends the worker with the job that asked for it."""
        while True:
            job = load_job(self._channel.receive()["run"])
            self._printing.begin(job.attempts)
            message = self._run(job)
            self._printing.end(partial(self._files.keep_log, job.id, os.getpid()))
            self._surroundings.restore()
            # What a run leaves is ended with it. The program may count on it, a pool it made and kept, say: it
            # starts afresh in another worker, which setup() gives all that is to last.
            broken = process_tree.end_children(self._kept | process_tree.helpers())
            leaving = broken or self._program is None
            self._channel.send({**message, "attempt": job.attempts, "leaving": leaving})
            if leaving:
                return

    def _run(self, job: Job) -> dict[str, object]:
        def report(percent: int, message: str) -> None:
            self._channel.send({"progress": [percent, message], "attempt": job.attempts})

        try:
            if self._program is None:
                self._program = self._load(job)
                self._kept = process_tree.children()
            outputs = run_job(
                job,
                self._program,
                folder=self._files.folder(job.id),
                results=self._files.results,
                policy=self._setup.policy,
                report=report,
            )
        except Disconnected:
            raise
        except BaseException as error:  # whatever an algorithm raises, sys.exit too, is its failure
            self._printing.write(traceback.format_exc())
            return {"failed": dump_failure(describe_failure(error))}
        try:
            json.dumps(done := dump_outputs(outputs))
        except (TypeError, ValueError, RecursionError) as error:  # of a foreign processor, say
            return {"failed": dump_failure(describe_failure(OutputError(f"an output is not JSON: {error}")))}
        return {"done": done}

    def _load(self, job: Job) -> Program:
        scratch = self._files.folder(job.id) / "setup"
        context = RunContext(job_id="", config={}, scratch=scratch, report=lambda _percent, _message: None)
        return load_program(self._setup.process_id, self._setup.runtime, context, self._setup.max_pixels)


class _Surroundings:
    """What belongs to the process as a whole, and what one job changes must not meet the next."""

    def __init__(self) -> None:
        self._folder = os.open(".", os.O_RDONLY)
        self._umask = os.umask(0o022)
        os.umask(self._umask)

    def restore(self) -> None:
        """As it was when the worker was born."""
        with suppress(OSError):
            os.fchdir(self._folder)
        os.umask(self._umask)


def _settle(sock: socket.socket, setup: WorkerSetup) -> OutputCapture:
    """Make this process what a worker is: its own group, mortal, limited, quiet."""
    with suppress(PermissionError):
        os.setpgid(0, 0)
    process_tree.die_with_parent()
    process_tree.become_subreaper()
    os.environ[process_tree.MARK] = setup.mark
    multiprocessing.set_start_method(None, force=True)  # the platform's: how it was born itself is our affair
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if setup.runtime.memory_limit and sys.platform == "linux":
        limit = setup.runtime.memory_limit
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    printing = OutputCapture(LogSpools(setup.home).path(os.getpid()))
    threading.Thread(target=_watch, args=(sock, printing), daemon=True).start()
    return printing


def _watch(sock: socket.socket, printing: OutputCapture) -> None:
    """End with the supervisor even where the kernel does not see to it, and while the main thread computes."""
    poll = select.poll()
    poll.register(sock, getattr(select, "POLLRDHUP", 0) | select.POLLHUP)
    while not poll.poll(1000):
        printing.trim()
    process_tree.kill_below(os.getpid())
    os._exit(1)
