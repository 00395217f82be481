"""One run of one job, inside a worker: resolve its inputs, run its program, keep the files of its outputs."""

from __future__ import annotations

import json
import logging
import math
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from dragoman.errors import InputError
from dragoman.jobs.failures import shortened
from dragoman.jobs.input_hashes import HashMemory, InputHashes
from dragoman.jobs.json_codec import load_inputs
from dragoman.jobs.request_check import check_request
from dragoman.model.resolved import ResolvedValue
from dragoman.packages.digest import short
from dragoman.packages.outputs.replicas import Replicated
from dragoman.packages.outputs.wrappers import Cropped, Delivered, Listed
from dragoman.packages.validation import validate_resolved
from dragoman.schemas.messages import cut
from dragoman.sources.gathered import resolve_gathered

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.jobs.ports import ResultStore
    from dragoman.model.job import InputValue, JobRequest, Output
    from dragoman.model.process import InputSpec, Runtime
    from dragoman.packages.forms import Forms
    from dragoman.packages.program import Program, RunLimits
    from dragoman.sources.policy import SourcePolicy

LOGGER = logging.getLogger("dragoman.algorithm")
"""What is said here stands in the job's own log."""

REPORT_EVERY = 0.2
"""Seconds between two reports of progress that are passed on."""

OUTPUTS = "outputs"
"""Of a run's folder, the folder that holds the files of its outputs, if there are any."""


SERVICES = "services"
"""Of a run's folder, the folder of the files of its map services, if there are any."""


class Publisher(Protocol):
    """Makes map services of outputs."""

    def make(self, job: Runnable, outputs: Mapping[str, Output], *, results: Path, folder: Path) -> None:
        """Make those that the job's request asks for, of the files in ``results``; ``folder`` may be used for that.

        Raises OutputError.
        """


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
type Opening = Callable[[str], None]
"""Takes the id of the input whose file is about to be opened, and an empty text once it is."""

type Notice = Callable[[str], None]
"""Takes what stays in the message of the job when it is done."""


class RunContext:
    """The context of one run; see ``dragoman.packages.program.WatchedContext``."""

    def __init__(
        self,
        *,
        job_id: str,
        config: Mapping[str, Any],
        scratch: Path,
        report: Report,
        notice: Notice | None = None,
        outputs: Collection[str] = (),
        opening: Opening | None = None,
        made: bool = False,
    ) -> None:
        self.outputs = tuple(outputs)
        self.job_id = job_id
        self.config = config
        self.log = LOGGER
        self._scratch = scratch
        self._report = report
        self._notice = notice
        self._notices: list[str] = []
        self._opening = opening
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

    @contextmanager
    def opening(self, input_id: str) -> Iterator[None]:
        """Tell whoever watches the run, if anybody does."""
        if self._opening is None:
            yield
            return
        self._opening(input_id)
        try:
            yield
        finally:
            self._opening("")

    def progress(self, percent: float, message: str = "") -> None:
        """Pass on what is new, at most every REPORT_EVERY seconds; a percentage that is no number says nothing."""
        if not math.isnan(percent):
            self._percent = max(self._percent, int(min(100, max(0, percent))))
        self._message = shortened(str(message)) if message else self._message
        now = time.monotonic()
        if now - self._sent >= REPORT_EVERY:
            self._sent = now
            self._report(self._percent, joined([*self._notices, self._message]))

    def notice(self, text: str) -> None:
        """Keep it before whatever progress says, and in the log; what has been told is not told again."""
        text = shortened(str(text))
        if text in self._notices:
            return
        self.log.warning("%s", text)
        self._notices.append(text)
        if self._notice is not None:
            self._notice(text)


def joined(texts: Iterable[str]) -> str:
    """Notices and what is being done as the message of a job."""
    return shortened("; ".join(filter(None, texts)))


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
    notice: Notice | None = None,
    scratch: Path | None = None,
    opening: Opening | None = None,
    accepted: str = "",
    gathered: Path | None = None,
    publisher: Publisher | None = None,
    known_hashes: HashMemory | None = None,
) -> Mapping[str, Output]:
    """Run a claimed job to its outputs, whose files are then in the result store; ``folder`` is gone.

    ``scratch`` is an empty folder for the algorithm, which the caller deletes; None: one in ``folder``. ``accepted`` is
    the digest of the package that the job was accepted for; what another one is to run is checked again first.
    ``gathered`` is the folder of the files that were gathered for it, without which nobody could check the request. The
    ``publisher`` has the outputs made map services that the request wants so. ``known_hashes`` are those of files that
    earlier runs have read.
    Raises whatever the inputs, the algorithm or the outputs are at fault for; see ``failures.describe_failure``.
    """
    inputs: Mapping[str, tuple[InputValue, ...]] = job.request.inputs
    if job.request.spooled:
        inputs = load_inputs(json.loads(results.load_request(job.id)))
    whole = replace(job.request, inputs=inputs)
    if whole.gathered or other_version(accepted, program):
        check_request(program.process, whole, policy)
    with InputHashes(known_hashes) as hashes:
        outputs = run_locally(
            job,
            inputs,
            program,
            folder=folder,
            policy=policy,
            report=report,
            notice=notice,
            scratch=scratch,
            opening=opening,
            hashes=hashes,
            gathered=gathered,
        )
        if text := hashes.text():
            results.save_hashes(job.id, text)
    if publisher is not None and job.request.publish:
        publisher.make(job, outputs, results=folder / OUTPUTS, folder=folder / SERVICES)
    if folder.exists():  # most quick jobs make no file
        if (folder / OUTPUTS).exists():
            results.publish(job.id, folder / OUTPUTS)
        shutil.rmtree(folder, ignore_errors=True)
    return outputs


def other_version(accepted: str, program: Program) -> str:
    """That, and which, another version runs than the one with this digest; empty where it is the same.

    So it is where there is no copy of that version any more: of what is installed, or what an older dragoman took.
    """
    process = program.process
    present = process.runtime.digest
    if accepted == present or not (accepted and present):
        return ""
    return f"the package has changed since the job was accepted; {process.version} ({short(present)}) ran"


def run_locally(
    job: Runnable,
    inputs: Mapping[str, tuple[InputValue, ...]],
    program: Program,
    *,
    folder: Path,
    policy: SourcePolicy,
    report: Report,
    notice: Notice | None = None,
    scratch: Path | None = None,
    opening: Opening | None = None,
    hashes: InputHashes | None = None,
    gathered: Path | None = None,
) -> Mapping[str, Output]:
    """The outputs that a program makes of inputs; their files lie in ``folder / OUTPUTS``. Raises as run_job."""
    fetched = folder / "inputs"
    resolve = partial(
        _value, program, folder=fetched, policy=policy, gathered=gathered or folder / "gathered"
    )
    values = _resolve(program, inputs, resolve, hashes)
    asked = job.request.outputs
    context = RunContext(
        job_id=job.id,
        config=program.process.config,
        scratch=scratch or folder / "scratch",
        report=report,
        notice=notice,
        outputs=[name for name in program.process.outputs if not asked or name in asked],
        opening=opening,
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
    if request.replicas is not None:
        program = Replicated(program=program, replicas=request.replicas)
    if request.roi is not None:
        program = Cropped(program=program, roi=request.roi, inputs=inputs)
    formats = {name: each.media_type for name, each in (request.outputs or {}).items() if each.media_type}
    program = Delivered(program=program, formats=formats) if formats else program
    listed = frozenset(name for name, each in (request.outputs or {}).items() if each.as_lists)
    return Listed(program=program, outputs=listed) if listed else program


def _resolve(
    program: Program,
    inputs: Mapping[str, tuple[InputValue, ...]],
    resolve: Callable[[InputSpec, InputValue], ResolvedValue],
    hashes: InputHashes | None,
) -> dict[str, list[ResolvedValue]]:
    """The values of each input; raises InputError."""
    resolved: dict[str, list[ResolvedValue]] = {}
    for input_id, values in inputs.items():
        spec = program.process.inputs.get(input_id)
        if spec is None and program.process.takes_undeclared:
            LOGGER.warning(
                "input %s is not declared; the processor is given it as it was sent", cut(input_id)
            )
            resolved[input_id] = [ResolvedValue(value=value.value) for value in values]
            continue
        if spec is None:
            raise InputError(input_id, f"unknown input; allowed: {', '.join(program.process.inputs)}")
        resolved[input_id] = []
        for place, value in enumerate(values):
            with hashes.of(input_id, place) if hashes and value.by_reference else nullcontext():
                item = resolve(spec, value)
            if value.by_reference:  # what was sent inline was validated before the job was made
                validate_resolved(program.process, input_id, item)
            resolved[input_id].append(item)
            if hashes:
                hashes.hold(item)
    return resolved


def _value(
    program: Program,
    spec: InputSpec,
    value: InputValue,
    *,
    folder: Path,
    policy: SourcePolicy,
    gathered: Path,
) -> ResolvedValue:
    """One value, fetched or decoded into ``folder``, or lying in ``gathered``; raises InputError."""
    if value.kept is None:
        return program.resolve(spec, value, folder, policy)
    return resolve_gathered(spec, gathered / value.kept, value.media_type, folder)
