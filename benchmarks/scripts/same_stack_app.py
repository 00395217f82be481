"""dragoman's own web stack without a durable job: guards, validation and words as ever, but the program runs in here.

What is left of a synchronous call when engine, store and worker are taken away; nothing of a job is kept.
"""

from __future__ import annotations

import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman import composition
from dragoman.jobs.executors.local import LocalExecutor
from dragoman.jobs.run_context import ignore_progress
from dragoman.jobs.runner import load_program, run_locally
from dragoman.model.status import JobStatus
from dragoman.packages.program import RunLimits
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.config.settings import Settings
    from dragoman.model.job import Job
    from dragoman.packages.program import Program


class InProcess(LocalExecutor):
    """Runs each job in the thread of its request; never asks an engine."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(composition.engine_settings(settings), [])
        self._policy = SourcePolicy.from_settings(settings)
        self._programs: dict[str, Program] = {}
        self._one = threading.Lock()
        self._folder = Path(tempfile.mkdtemp(prefix="dragoman-in-process-"))

    def start(self) -> None:
        """There is nothing to be started."""

    def alive(self) -> bool:
        """It is."""
        return True

    def submit(
        self,
        job: Job,
        wait: float | None = 0.0,
        abandoned: Callable[[], bool] = lambda: False,
    ) -> Job:
        """Run it, and say that it has ended; a lock stands for the worker, which runs one at a time as well."""
        with self._one:
            program = self._program(job)
            outputs = run_locally(
                job,
                job.request.inputs,
                program,
                folder=self._folder,
                policy=self._policy,
                report=ignore_progress,
            )
        now = datetime.now(UTC)
        return job.evolve(
            status=JobStatus.SUCCESSFUL, outputs=outputs, started=now, finished=now, updated=now
        )

    def _program(self, job: Job) -> Program:
        if job.process_id not in self._programs:
            self._programs[job.process_id] = load_program(
                job.process_id,
                job.runtime,
                forms=composition.FORMS,
                limits=RunLimits(max_pixels=None),
                scratch=self._folder,
            )
        return self._programs[job.process_id]


composition.executor = InProcess

from pygeoapi.flask_app import APP as app  # noqa: E402 - built, with its services, as it is imported

__all__ = ["app"]
