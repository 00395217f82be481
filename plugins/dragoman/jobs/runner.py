"""One run of one job, inside a worker: resolve its inputs, run its program, keep the files of its outputs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from dragoman.jobs.input_hashes import HashMemory, InputHashes
from dragoman.jobs.input_values import resolve_inputs, resolve_value
from dragoman.jobs.json_codec import load_inputs
from dragoman.jobs.request_check import check_request
from dragoman.jobs.run_context import RunContext, ignore_progress
from dragoman.packages.digest import short
from dragoman.packages.outputs.replicas import Replicated
from dragoman.packages.outputs.wrappers import Cropped, Delivered, Listed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.jobs.ports import ResultStore
    from dragoman.jobs.run_context import Notice, Opening, Report
    from dragoman.model.job import InputValue, JobRequest, Output
    from dragoman.model.process import Runtime
    from dragoman.packages.forms import Forms
    from dragoman.packages.program import Program, RunLimits
    from dragoman.sources.policy import SourcePolicy

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


def load_program(
    process_id: str, runtime: Runtime, *, forms: Forms, limits: RunLimits, scratch: Path
) -> Program:
    """The program of a runtime, set up; ``scratch`` is a folder for its setup, made if it asks for it.

    Raises PackageError, or whatever the algorithm's setup raises.
    """
    process = forms.load_again(process_id, runtime)
    context = RunContext(job_id="", config=process.config, scratch=scratch, report=ignore_progress)
    return forms[runtime.form].program(process, limits, context)


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
        resolve_value, program, folder=fetched, policy=policy, gathered=gathered or folder / "gathered"
    )
    values = resolve_inputs(program, inputs, resolve, hashes)
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
