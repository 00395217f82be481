"""One run of one job, inside a worker: fetch inputs, bind, run, write outputs; and what a failure may say."""

from __future__ import annotations

import importlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dragoman.errors import AlgorithmError, DragomanError, InputError, InvalidInputs, OutOfMemory
from dragoman.jobs.json_codec import load_inputs
from dragoman.jobs.path_redaction import hide_paths
from dragoman.model.job import InputValue, Job, JobFailure, JobRequest, Output
from dragoman.packages.loader import load_folder, load_package
from dragoman.packages.native.algorithm import Algorithm, load_algorithm
from dragoman.packages.native.program import run_package
from dragoman.packages.outputs.image_formats import deliver
from dragoman.packages.outputs.roi import check_roi, crop_inputs, strip_margins
from dragoman.packages.pesto.program import load_pesto
from dragoman.packages.pesto.project import KIND as PESTO
from dragoman.packages.pesto.project import located
from dragoman.packages.validation import validate_resolved
from dragoman.sources.resolve import resolve

if TYPE_CHECKING:
    from dragoman.jobs.ports import ResultStore
    from dragoman.model.context import Context
    from dragoman.model.process import Process, Runtime
    from dragoman.model.resolved import ResolvedValue
    from dragoman.sources.policy import SourcePolicy

REPORT_EVERY = 0.2
"""Seconds between two reports of progress that are passed on."""

OUTPUTS = "outputs"
"""Of a run's folder, the folder that holds the files of its outputs, if there are any."""

MAX_TEXT = 4000
"""Characters of a failure or a message that clients are told; the job's log keeps all."""

type Report = Callable[[int, str], None]
"""Takes progress (0..100) and a message."""


class Program(Protocol):
    """What a runtime loads to: a process and the code that runs it."""

    @property
    def process(self) -> Process:
        """What it runs."""

    def run(
        self,
        values: Mapping[str, Sequence[ResolvedValue]],
        *,
        context: Context,
        folder: Path,
        wanted: Collection[str] | None,
    ) -> Mapping[str, Output]:
        """Run once; files of outputs go to ``folder``."""


class RunContext:
    """The context of one run; see ``dragoman.model.context.Context``."""

    def __init__(self, *, job_id: str, config: Mapping[str, Any], scratch: Path, report: Report) -> None:
        self.job_id = job_id
        self.config = config
        self.log = logging.getLogger("dragoman.algorithm")
        self._scratch = scratch
        self._report = report
        self._percent = 0
        self._message = ""
        self._sent = 0.0

    @property
    def scratch(self) -> Path:
        """Made when it is first asked for: most quick jobs never do."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    def progress(self, percent: float, message: str = "") -> None:
        """Pass on what is new, at most every REPORT_EVERY seconds."""
        self._percent = max(self._percent, min(100, max(0, int(percent))))
        self._message = shortened(str(message)) if message else self._message
        now = time.monotonic()
        if now - self._sent >= REPORT_EVERY:
            self._sent = now
            self._report(self._percent, self._message)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageProgram:
    """A packaged algorithm, loaded and set up."""

    process: Process
    algorithm: Algorithm
    max_pixels: int | None

    def run(
        self,
        values: Mapping[str, Sequence[ResolvedValue]],
        *,
        context: Context,
        folder: Path,
        wanted: Collection[str] | None,
    ) -> Mapping[str, Output]:
        """See Program."""
        return run_package(
            self.process,
            values,
            algorithm=self.algorithm,
            context=context,
            folder=folder,
            wanted=wanted,
            max_pixels=self.max_pixels,
        )


def load_program(process_id: str, runtime: Runtime, context: RunContext, max_pixels: int | None) -> Program:
    """What ``runtime`` names, set up; raises PackageError, or whatever the algorithm's ``setup`` raises."""
    if runtime.kind == "package":
        process = load_package(Path(runtime.location), id=process_id)
        algorithm = load_algorithm(process)
        context.config = process.config
        algorithm.setup(context)
        return PackageProgram(process=process, algorithm=algorithm, max_pixels=max_pixels)
    if runtime.kind == PESTO:
        location, profiles = located(runtime)
        process = load_folder(location, id=process_id, profiles=profiles)
        context.config = process.config
        return load_pesto(process, max_pixels)
    module, _, name = runtime.loader.partition(":")
    program: Program = getattr(importlib.import_module(module), name)(process_id, runtime)
    return program


def run_job(
    job: Job, program: Program, *, folder: Path, results: ResultStore, policy: SourcePolicy, report: Report
) -> Mapping[str, Output]:
    """Run a claimed job to its outputs, whose files are then in the result store; ``folder`` is gone.

    Raises whatever the inputs, the algorithm or the outputs are at fault for; see ``describe_failure``.
    """
    inputs: Mapping[str, tuple[InputValue, ...]] = job.request.inputs
    if job.request.spooled:
        inputs = load_inputs(json.loads(results.load_request(job.id)))
    outputs = run_locally(job, inputs, program, folder=folder, policy=policy, report=report)
    if (folder / OUTPUTS).exists():
        results.publish(job.id, folder / OUTPUTS)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    return outputs


def run_locally(
    job: Job,
    inputs: Mapping[str, tuple[InputValue, ...]],
    program: Program,
    *,
    folder: Path,
    policy: SourcePolicy,
    report: Report,
) -> Mapping[str, Output]:
    """The outputs that a program makes of inputs; their files lie in ``folder / OUTPUTS``. Raises as run_job."""
    values = _resolve(program.process, inputs, folder / "inputs", policy)
    context = RunContext(
        job_id=job.id, config=program.process.config, scratch=folder / "scratch", report=report
    )
    return _outputs(job.request, values, program, context, folder)


def _outputs(
    request: JobRequest,
    values: dict[str, list[ResolvedValue]],
    program: Program,
    context: RunContext,
    folder: Path,
) -> Mapping[str, Output]:
    """What the program makes of the values, within the region and in the formats asked for."""
    wanted = request.outputs.keys() if request.outputs else None
    staged = folder / OUTPUTS
    if request.roi is None:
        outputs = program.run(values, context=context, folder=staged, wanted=wanted)
    else:
        check_roi(program.process, request)
        values, margins = crop_inputs(request.roi, values, folder / "inputs")
        outputs = program.run(values, context=context, folder=staged, wanted=wanted)
        outputs = strip_margins(request.roi, outputs, margins, staged)
    return deliver(outputs, request.outputs, staged)


def _resolve(
    process: Process, inputs: Mapping[str, tuple[InputValue, ...]], folder: Path, policy: SourcePolicy
) -> dict[str, list[ResolvedValue]]:
    resolved: dict[str, list[ResolvedValue]] = {}
    for input_id, values in inputs.items():
        spec = process.inputs.get(input_id)
        if spec is None:
            raise InputError(input_id, f"unknown input; allowed: {', '.join(process.inputs)}")
        resolved[input_id] = []
        for value in values:
            item = resolve(spec, value, folder, policy)
            if value.by_reference:  # what was sent inline was validated before the job was made
                validate_resolved(process, input_id, item)
            resolved[input_id].append(item)
    return resolved


def describe_failure(error: BaseException) -> JobFailure:
    """What a client may know of an error: its message without local paths; never a traceback."""
    if isinstance(error, InvalidInputs):
        problems = tuple((_text(p.input_id), _told(p.message)) for p in error.problems)
        return JobFailure(code=error.code, detail=_told(error.detail), problems=problems)
    if isinstance(error, MemoryError):
        return JobFailure(code=OutOfMemory.code, detail="the job ran out of memory")
    if isinstance(error, DragomanError):
        return JobFailure(code=error.code, detail=_told(error.detail))
    text = _told(error)
    name = type(error).__name__
    return JobFailure(code=AlgorithmError.code, detail=f"{name}: {text}" if text else name)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # an author's own __str__ may raise anything
        return "its message cannot be shown"


def _told(value: object) -> str:
    """What clients may see of a text, or of what an author gave for one; what is cut ends in an ellipsis."""
    text = _text(value)
    searched = text[: 2 * MAX_TEXT]  # the search for paths takes time
    return shortened(hide_paths(searched).strip() + ("" if searched == text else "…"))


def shortened(text: str) -> str:
    """The text, at most MAX_TEXT characters of it."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
