"""The examples of a package, and the tests of a PESTO project: run as a worker would run them, in this process."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman.jobs.results import FolderResults
from dragoman.jobs.runner import Program, RunContext, describe_failure, load_program, run_job
from dragoman.model.job import InputValue, Job, JobRequest, Output
from dragoman.packages.examples import compare, example_inputs, load_examples
from dragoman.packages.loader import load_folder
from dragoman.packages.pesto import resources
from dragoman.packages.pesto.project import is_project
from dragoman.packages.validation import validate_inputs
from dragoman.settings import FetchSettings
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragoman.model.process import Process


type Inputs = Mapping[str, tuple[InputValue, ...]]
type Compare = Callable[[Mapping[str, Output], Path], list[str]]
"""Takes outputs and the folder of their files."""


def run_examples(folder: Path, profiles: Sequence[str] = ()) -> Iterator[tuple[str, list[str]]]:
    """The title of each example and how its outputs differ from what it promises; empty is as promised.

    Raises PackageError if the package or an example cannot be read.
    """
    process = load_folder(folder, profiles=profiles)
    cases = list(_cases(folder, process))
    with tempfile.TemporaryDirectory(prefix="dragoman-test-") as home:
        context = RunContext(
            job_id="",
            config=process.config,
            scratch=Path(home) / "setup",
            report=lambda _percent, _message: None,
        )
        program = load_program(process.id, process.runtime, context, None)
        for title, inputs, compared in cases:
            yield title, _run(inputs, compared, process, program, folder, Path(home))


def _cases(folder: Path, process: Process) -> Iterator[tuple[str, Inputs, Compare]]:
    for example in load_examples(folder, process):
        yield example.title, example_inputs(example, process), partial(compare, example)
    for test in resources.load_tests(folder) if is_project(folder) else ():
        yield test.title, test.values(process), partial(resources.compare, test)


def _run(
    inputs: Inputs, compared: Compare, process: Process, program: Program, folder: Path, home: Path
) -> list[str]:
    now = datetime.now(UTC)
    job = Job(
        id=str(uuid.uuid4()),
        process_id=process.id,
        process_version=process.version,
        runtime=process.runtime,
        request=JobRequest(inputs=inputs),
        created=now,
        updated=now,
    )
    results = FolderResults(home)
    policy = SourcePolicy(fetch=FetchSettings(), extra_roots=(folder,))
    try:
        validate_inputs(process, inputs)
        outputs = run_job(
            job, program, results=results, policy=policy, report=lambda _percent, _message: None
        )
    except Exception as error:  # whatever an algorithm raises is this example's result
        return [describe_failure(error).detail]
    return compared(outputs, results.outputs(job.id))
