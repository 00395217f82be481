"""The examples of a package as golden tests: run as a worker would run them, in this process."""

from __future__ import annotations

import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman.jobs.results import FolderResults
from dragoman.jobs.runner import Program, RunContext, describe_failure, load_program, run_job
from dragoman.model.job import Job, JobRequest
from dragoman.packages.examples import Example, compare, example_inputs, load_examples
from dragoman.packages.loader import load_package
from dragoman.packages.validation import validate_inputs
from dragoman.settings import FetchSettings
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.model.process import Process


def run_examples(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The title of each example and how its outputs differ from what it promises; empty is as promised.

    Raises PackageError if the package or an example cannot be read.
    """
    process = load_package(folder)
    examples = load_examples(folder, process)
    with tempfile.TemporaryDirectory(prefix="dragoman-test-") as home:
        context = RunContext(
            job_id="",
            config=process.config,
            scratch=Path(home) / "setup",
            report=lambda _percent, _message: None,
        )
        program = load_program(process.id, process.runtime, context, None)
        for example in examples:
            yield example.title, _run(example, process, program, Path(home))


def _run(example: Example, process: Process, program: Program, home: Path) -> list[str]:
    now = datetime.now(UTC)
    inputs = example_inputs(example, process)
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
    policy = SourcePolicy(fetch=FetchSettings(), extra_roots=(example.path.parent,))
    try:
        validate_inputs(process, inputs)
        outputs = run_job(
            job, program, results=results, policy=policy, report=lambda _percent, _message: None
        )
    except Exception as error:  # whatever an algorithm raises is this example's result
        return [describe_failure(error).detail]
    return compare(example, outputs, results.outputs(job.id))
