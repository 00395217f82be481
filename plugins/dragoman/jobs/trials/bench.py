"""A package that is loaded and set up for its trials, and what is wrong with each of them."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dragoman.config.settings import FetchSettings
from dragoman.jobs.failures import describe_failure
from dragoman.jobs.run_context import ignore_progress
from dragoman.jobs.runner import OUTPUTS, load_program, run_locally
from dragoman.model.job import Job, JobRequest
from dragoman.packages.program import RunLimits
from dragoman.packages.tracebacks import own_lines
from dragoman.packages.validation import validate_inputs
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dragoman.packages.forms import Forms, Options, Trial
    from dragoman.packages.program import Program
    from dragoman.workers.surroundings import Surroundings

type Debug = Callable[[BaseException], None]
"""Takes an error that an author may want to look into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A package that is loaded and set up, and its trials."""

    folder: Path
    program: Program
    trials: Sequence[Trial]
    home: Path
    here: Surroundings | None
    """Those of a worker, where this process is like one."""
    debug: Debug = lambda _error: None

    def problems(self, trial: Trial, memory_limit: int | None, *, accept: bool = False) -> list[str]:
        """Run a trial: what is wrong with it, in lines."""
        process = self.program.process
        now = datetime.now(UTC)
        job = Job(
            id=str(uuid.uuid4()),
            process_id=process.id,
            process_version=process.version,
            runtime=process.runtime,
            request=JobRequest(inputs=trial.inputs),
            created=now,
            updated=now,
        )
        run_folder = self.home / "runs" / job.id
        policy = SourcePolicy(fetch=FetchSettings(), extra_roots=(self.folder,))
        try:
            validate_inputs(process, trial.inputs)
            if self.here is not None:
                self.here.restore()
            outputs = run_locally(
                job,
                trial.inputs,
                self.program,
                folder=run_folder,
                policy=policy,
                report=ignore_progress,
                scratch=self.here.run if self.here is not None else None,
            )
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever an algorithm raises, sys.exit too, is this trial's result
            self.debug(error)
            return problems_of(error, self.folder, memory_limit)
        else:
            verdict = trial.accept if accept and trial.accept is not None else trial.compare
            return verdict(outputs, run_folder / OUTPUTS)
        finally:
            shutil.rmtree(run_folder, ignore_errors=True)


def load_bench(
    folder: Path, options: Options, forms: Forms, home: Path, here: Surroundings | None = None
) -> Bench:
    """Load a package and its trials, and set it up; raises PackageError, and whatever its setup raises."""
    process = forms.load(folder, options=options)
    trials = list(forms[process.runtime.form].trials(process))
    program = load_program(
        process.id, process.runtime, forms=forms, limits=RunLimits(), scratch=home / "setup"
    )
    return Bench(folder=folder, program=program, trials=trials, home=home, here=here)


def problems_of(error: BaseException, folder: Path, memory_limit: int | None) -> list[str]:
    """The error as a client would see it, and where in the author's files it arose."""
    detail = describe_failure(error).detail
    if isinstance(error, MemoryError) and memory_limit:
        detail += f"; its memory_limit is {mib(memory_limit)}"
    return [*detail.splitlines(), *(f"    {line}" for line in own_lines(error, folder))]


def mib(size: int) -> str:
    """Bytes as words."""
    return f"{size / 2**20:g} MiB"
