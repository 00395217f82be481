"""One run of one job, inside a worker: resolve its inputs, run its program, keep the files of its outputs."""

from __future__ import annotations

import json
import logging
import math
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from dragoman.errors import InputError
from dragoman.jobs.failures import shortened
from dragoman.jobs.json_codec import load_inputs
from dragoman.packages.outputs.wrappers import Cropped, Delivered
from dragoman.packages.pesto.inner_images import resolve_with_images
from dragoman.packages.validation import validate_resolved

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.jobs.ports import ResultStore
    from dragoman.model.job import InputValue, JobRequest, Output
    from dragoman.model.process import Process, Runtime
    from dragoman.model.resolved import ResolvedValue
    from dragoman.packages.forms import Forms
    from dragoman.packages.program import Program, RunLimits
    from dragoman.sources.policy import SourcePolicy

REPORT_EVERY = 0.2
"""Seconds between two reports of progress that are passed on."""

OUTPUTS = "outputs"
"""Of a run's folder, the folder that holds the files of its outputs, if there are any."""


class Runnable(Protocol):
    """What a run needs of a job: a job has it, and the order to run one."""

    @property
    def id(self) -> str:
        """The job's."""

    @property
    def request(self) -> JobRequest:
        """What was asked."""


type Report = Callable[[int, str], None]
"""Takes progress (0..100) and a message."""


class RunContext:
    """The context of one run; see ``dragoman.model.context.Context``."""

    def __init__(
        self,
        *,
        job_id: str,
        config: Mapping[str, Any],
        scratch: Path,
        report: Report,
        outputs: Collection[str] = (),
        made: bool = False,
    ) -> None:
        self.outputs = tuple(outputs)
        self.job_id = job_id
        self.config = config
        self.log = logging.getLogger("dragoman.algorithm")
        self._scratch = scratch
        self._report = report
        self._made = made
        """Whether the scratch folder is there already."""
        self._percent = 0
        self._message = ""
        self._sent = 0.0

    @property
    def scratch(self) -> Path:
        """Made when it is first asked for: most quick jobs never do."""
        if not self._made:
            self._scratch.mkdir(parents=True, exist_ok=True)
            self._made = True
        return self._scratch

    def progress(self, percent: float, message: str = "") -> None:
        """Pass on what is new, at most every REPORT_EVERY seconds; a percentage that is no number says nothing."""
        if not math.isnan(percent):
            self._percent = max(self._percent, int(min(100, max(0, percent))))
        self._message = shortened(str(message)) if message else self._message
        now = time.monotonic()
        if now - self._sent >= REPORT_EVERY:
            self._sent = now
            self._report(self._percent, self._message)


def load_program(
    process_id: str, runtime: Runtime, *, forms: Forms, limits: RunLimits, scratch: Path
) -> Program:
    """The program of a runtime, set up; ``scratch`` is a folder for its setup, made if it asks for it.

    Raises PackageError, or whatever the algorithm's setup raises.
    """
    process = forms.load_again(process_id, runtime)
    context = RunContext(job_id="", config=process.config, scratch=scratch, report=ignore_progress)
    return forms[runtime.form].program(process, limits, context)


def ignore_progress(_percent: int, _message: str) -> None:
    """The Report of a run that nobody watches."""


def run_job(
    job: Runnable,
    program: Program,
    *,
    folder: Path,
    results: ResultStore,
    policy: SourcePolicy,
    report: Report,
    scratch: Path | None = None,
) -> Mapping[str, Output]:
    """Run a claimed job to its outputs, whose files are then in the result store; ``folder`` is gone.

    ``scratch`` is an empty folder for the algorithm, which the caller deletes; None: one in ``folder``.
    Raises whatever the inputs, the algorithm or the outputs are at fault for; see ``failures.describe_failure``.
    """
    inputs: Mapping[str, tuple[InputValue, ...]] = job.request.inputs
    if job.request.spooled:
        inputs = load_inputs(json.loads(results.load_request(job.id)))
    outputs = run_locally(job, inputs, program, folder=folder, policy=policy, report=report, scratch=scratch)
    if folder.exists():  # most quick jobs make no file
        if (folder / OUTPUTS).exists():
            results.publish(job.id, folder / OUTPUTS)
        shutil.rmtree(folder, ignore_errors=True)
    return outputs


def run_locally(
    job: Runnable,
    inputs: Mapping[str, tuple[InputValue, ...]],
    program: Program,
    *,
    folder: Path,
    policy: SourcePolicy,
    report: Report,
    scratch: Path | None = None,
) -> Mapping[str, Output]:
    """The outputs that a program makes of inputs; their files lie in ``folder / OUTPUTS``. Raises as run_job."""
    fetched = folder / "inputs"
    values = _resolve(program.process, inputs, fetched, policy)
    asked = job.request.outputs
    context = RunContext(
        job_id=job.id,
        config=program.process.config,
        scratch=scratch or folder / "scratch",
        report=report,
        outputs=[name for name in program.process.outputs if not asked or name in asked],
        made=scratch is not None,
    )
    return wrapped(program, job.request, fetched).run(
        values,
        context=context,
        folder=folder / OUTPUTS,
        wanted=job.request.outputs.keys() if job.request.outputs else None,
    )


def wrapped(program: Program, request: JobRequest, inputs: Path) -> Program:
    """The program as the request wants it run; ``inputs`` is a folder for copies of its inputs."""
    if request.roi is not None:
        program = Cropped(program=program, roi=request.roi, inputs=inputs)
    formats = {name: each.media_type for name, each in (request.outputs or {}).items() if each.media_type}
    return Delivered(program=program, formats=formats) if formats else program


def _resolve(
    process: Process, inputs: Mapping[str, tuple[InputValue, ...]], folder: Path, policy: SourcePolicy
) -> dict[str, list[ResolvedValue]]:
    """The values of each input, fetched or decoded into ``folder``; raises InputError."""
    resolved: dict[str, list[ResolvedValue]] = {}
    for input_id, values in inputs.items():
        spec = process.inputs.get(input_id)
        if spec is None:
            raise InputError(input_id, f"unknown input; allowed: {', '.join(process.inputs)}")
        resolved[input_id] = []
        for value in values:
            item = resolve_with_images(spec, value, folder, policy)
            if value.by_reference:  # what was sent inline was validated before the job was made
                validate_resolved(process, input_id, item)
            resolved[input_id].append(item)
    return resolved
