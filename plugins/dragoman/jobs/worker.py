"""A worker process: runs the jobs of one package, one at a time, until it is told to stop or killed.

supervisor ──{"run": job}──► worker ──{"progress": [percent, message], "attempt": n}──► supervisor
                                    ──{"done": outputs, "attempt": n}──────────────►
                                    ──{"failed": failure, "attempt": n}────────────►
"""

from __future__ import annotations

import json
import logging
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
from typing import TYPE_CHECKING

from dragoman.errors import OutputError
from dragoman.jobs import proctree
from dragoman.jobs.codec import dump_failure, dump_outputs, load_job
from dragoman.jobs.results import FolderResults
from dragoman.jobs.runner import Program, RunContext, describe_failure, load_program, run_job
from dragoman.jobs.wire import Channel, Disconnected

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
    _settle(sock, setup)
    worker = _Worker(Channel(sock), setup)
    with suppress(Disconnected):
        worker.serve()
    os._exit(0)  # no atexit of a library may hold up a stop


class _Worker:
    def __init__(self, channel: Channel, setup: WorkerSetup) -> None:
        self._channel = channel
        self._setup = setup
        self._results = FolderResults(setup.home)
        self._program: Program | None = None
        self._kept: frozenset[int] = frozenset()
        """Processes that ``setup`` started: they belong to the worker, not to a job."""

    def serve(self) -> None:
        """Run what comes; a package that cannot be loaded ends the worker with the job that asked for it."""
        while True:
            job = load_job(self._channel.receive()["run"])
            _begin_log(job.attempts)
            message = self._run(job)
            self._end_log(job.id)
            # What a run leaves is ended with it. The program may count on it, a pool it made and kept, say: it
            # starts afresh in another worker, which setup() gives all that is to last.
            broken = proctree.end_children(self._kept | proctree.helpers())
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
                self._kept = proctree.children()
            outputs = run_job(
                job, self._program, results=self._results, policy=self._setup.policy, report=report
            )
        except Disconnected:
            raise
        except (
            BaseException
        ) as error:  # whatever an algorithm raises, sys.exit too, is its failure and not ours
            traceback.print_exc()
            return {"failed": dump_failure(describe_failure(error))}
        try:
            json.dumps(done := dump_outputs(outputs))
        except (TypeError, ValueError, RecursionError) as error:  # of a foreign processor, say
            return {"failed": dump_failure(describe_failure(OutputError(f"an output is not JSON: {error}")))}
        return {"done": done}

    def _end_log(self, job_id: str) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        if os.fstat(1).st_size:
            self._results.keep_log(job_id, os.getpid())

    def _load(self, job: Job) -> Program:
        scratch = self._results.scratch(job.id) / "setup"
        context = RunContext(job_id="", config={}, scratch=scratch, report=lambda _percent, _message: None)
        return load_program(self._setup.process_id, self._setup.runtime, context, self._setup.max_pixels)


def _settle(sock: socket.socket, setup: WorkerSetup) -> None:
    """Make this process what a worker is: its own group, mortal, limited, quiet."""
    with suppress(PermissionError):
        os.setpgid(0, 0)
    proctree.die_with_parent()
    proctree.become_subreaper()
    os.environ[proctree.MARK] = setup.mark
    multiprocessing.set_start_method(None, force=True)  # the platform's: how it was born itself is our affair
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if setup.runtime.memory_limit and sys.platform == "linux":
        limit = setup.runtime.memory_limit
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    _take_over_output(FolderResults(setup.home).spool(os.getpid()))
    threading.Thread(target=_watch, args=(sock,), daemon=True).start()


def _take_over_output(spool: Path) -> None:
    """Route prints, logging, warnings and C libraries, line by line, to the spool that jobs' logs are cut from."""
    spool.parent.mkdir(parents=True, exist_ok=True)
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(spool, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for descriptor, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, target)
    os.close(null)
    os.close(log)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False, encoding="utf-8", errors="replace")
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False, encoding="utf-8", errors="replace")
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    logging.captureWarnings(capture=True)


def _watch(sock: socket.socket) -> None:
    """End with the supervisor even where the kernel does not see to it, and while the main thread computes."""
    poll = select.poll()
    poll.register(sock, getattr(select, "POLLRDHUP", 0) | select.POLLHUP)
    poll.poll()
    proctree.kill_below(os.getpid())
    os._exit(1)


def _begin_log(attempt: int) -> None:
    """Whatever is written to standard output and error from now on, by anybody here, is the job's."""
    if os.fstat(1).st_size:  # said between two jobs, by a thread that one of them left
        os.ftruncate(1, 0)
    if attempt > 1:
        os.write(1, f"--- attempt {attempt} ---\n".encode())
