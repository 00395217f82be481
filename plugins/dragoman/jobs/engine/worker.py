"""A worker process: runs the jobs of one package, one at a time, until it is told to stop or killed.

It gets ``messages.Run`` and answers with ``Progress``, then ``Done`` or ``Failed``.
"""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dragoman.errors import OutputError
from dragoman.jobs.engine.messages import ORDERS, REPORTS, Done, Failed, Opening, Progress
from dragoman.jobs.engine.run_files import RunFiles
from dragoman.jobs.engine.run_publisher import RunPublisher
from dragoman.jobs.failures import describe_failure
from dragoman.jobs.input_hashes import HashMemory
from dragoman.jobs.log_spools import LogSpools
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.run_context import joined
from dragoman.jobs.runner import load_program, other_version, run_job
from dragoman.packages.program import RunLimits
from dragoman.rasters.gdal_limits import limit_gdal
from dragoman.sources.metering import metered
from dragoman.workers import loky, process_tree
from dragoman.workers.child import end_with_supervisor, settle
from dragoman.workers.framing import Channel, Disconnected
from dragoman.workers.output_capture import OutputCapture
from dragoman.workers.stacks import tell_stacks
from dragoman.workers.surroundings import Surroundings
from dragoman.workers.wear import Wear, is_lack

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from dragoman.jobs.engine.messages import Run
    from dragoman.model.job import JobFailure
    from dragoman.model.process import Runtime
    from dragoman.packages.forms import Forms
    from dragoman.packages.program import Program
    from dragoman.sources.policy import SourcePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSetup:
    """What a worker process gets when it starts."""

    process_id: str
    runtime: Runtime
    forms: Forms
    home: Path
    policy: SourcePolicy
    max_pixels: int | None
    mark: str
    """Value of the environment variable by which a later supervisor knows this one's offspring."""


def main(sock: socket.socket, setup: WorkerSetup) -> None:
    """Serve jobs until the other end of ``sock`` closes."""
    settle(mark=setup.mark, memory_limit=setup.runtime.memory_limit)
    limit_gdal(os.environ)
    output = OutputCapture(LogSpools(setup.home).path(os.getpid()))
    tell_stacks()
    end_with_supervisor(sock, output.trim)
    worker = _Worker(Channel(sock), setup, output)
    with suppress(Disconnected):
        worker.serve()
    os._exit(0)  # no atexit of a library may hold up a stop


class _Worker:
    def __init__(self, channel: Channel, setup: WorkerSetup, output: OutputCapture) -> None:
        self._channel = channel
        self._setup = setup
        self._output = output
        self._files = RunFiles(setup.home, FolderResults(setup.home))
        self._surroundings = Surroundings(self._files.worker_folder(os.getpid()), self._files.throw)
        self._known_hashes = HashMemory()
        self._program: Program | None = None
        self._permanent: frozenset[int] = frozenset()
        """Processes that the program's ``setup`` started: they belong to the worker, not to a job."""
        self._wear: Wear | None = None
        """Made with the program."""
        self._lacking = False
        """Whether the last run failed for lack of files, memory or threads."""
        self._permanent_pools: tuple[Any, ...] = ()
        """joblib's pools that the program's ``setup`` made."""

    def serve(self) -> None:
        """Run jobs as they come; if the package cannot be loaded, fail that job and end."""
        while True:
            order = ORDERS.load(self._channel.receive())
            self._output.begin(order.attempts)
            with metered() as downloads:
                report = self._run(order)
            self._output.end(partial(self._files.keep_log, order.id, os.getpid()))
            # What a run leaves is ended with it. The program may count on it, a pool it made and kept, say: it
            # starts afresh in another worker, which setup() gives all that is to last.
            loky.end_executors(self._permanent_pools)
            broken = process_tree.end_children(self._permanent | process_tree.helpers() | loky.trackers())
            self._surroundings.restore()
            leaving = broken or self._program is None or self._worn()
            self._send(replace(report, leaving=leaving, fetched=downloads.size))
            if leaving:
                return

    def _worn(self) -> bool:
        """Whether the next job would suffer from what earlier ones have kept, or this one has failed of that."""
        return self._lacking or self._wear is None or self._wear.worn()

    def _send(self, report: Done | Failed) -> None:
        try:
            self._channel.send(REPORTS.dump(report))
        except (TypeError, ValueError, RecursionError) as error:  # of a foreign processor, say
            failure = describe_failure(OutputError(f"an output is not JSON: {error}"))
            self._channel.send(
                REPORTS.dump(Failed(attempt=report.attempt, failure=failure, leaving=report.leaving))
            )

    def _run(self, order: Run) -> Done | Failed:
        def report(percent: int, message: str) -> None:
            progress = Progress(attempt=order.attempts, percent=percent, message=message)
            self._channel.send(REPORTS.dump(progress))

        notices: list[str] = []

        def opening(input_id: str) -> None:
            self._channel.send(REPORTS.dump(Opening(attempt=order.attempts, input_id=input_id)))

        publisher = RunPublisher(self._files)
        try:
            if self._program is None:
                self._program = self._load()
                self._permanent, self._permanent_pools = process_tree.children(), loky.executors()
                self._surroundings.restore()
                self._wear = Wear()
            outputs = run_job(
                order,
                self._program,
                folder=self._files.folder(order.id),
                scratch=self._surroundings.run,
                results=self._files.results,
                policy=self._setup.policy,
                report=report,
                notice=notices.append,
                opening=opening,
                accepted=self._setup.runtime.digest,
                gathered=self._files.gathered(order.id),
                publisher=publisher,
                known_hashes=self._known_hashes,
            )
        except Disconnected:
            raise
        except BaseException as error:  # whatever an algorithm raises, sys.exit too, is its failure
            self._lacking = is_lack(error)
            self._output.write(traceback.format_exc())
            return Failed(attempt=order.attempts, failure=_with_note(describe_failure(error), self._note()))
        return Done(
            attempt=order.attempts,
            outputs=outputs,
            services=tuple(publisher.services),
            message=joined([self._note(), *notices]),
        )

    def _note(self) -> str:
        return "" if self._program is None else other_version(self._setup.runtime.digest, self._program)

    def _load(self) -> Program:
        return load_program(
            self._setup.process_id,
            self._setup.runtime,
            forms=self._setup.forms,
            limits=RunLimits(max_pixels=self._setup.max_pixels),
            scratch=self._surroundings.folder / "setup",
        )


def _with_note(failure: JobFailure, note: str) -> JobFailure:
    return replace(failure, detail=f"{failure.detail} ({note})") if note else failure
