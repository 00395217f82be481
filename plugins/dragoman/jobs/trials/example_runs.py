"""The examples of a package, and the tests of a PESTO project: run as a worker would run them.

`try_package`     in a process of its own, within the limits of the package; whatever ends it is a verdict
`answer`          that process: told by standard input what to run, it reports in lines of JSON
`run_examples`    in this process, without limits
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dragoman.config.settings import FetchSettings
from dragoman.errors import DragomanError
from dragoman.jobs.runner import (
    OUTPUTS,
    Program,
    RunContext,
    describe_failure,
    load_program,
    run_locally,
)
from dragoman.model.job import InputValue, Job, JobRequest, Output
from dragoman.packages.loader import load_folder
from dragoman.packages.native.examples import compare, example_inputs, load_examples
from dragoman.packages.pesto import project_tests
from dragoman.packages.pesto.project import is_project
from dragoman.packages.tracebacks import own_lines
from dragoman.packages.validation import validate_inputs
from dragoman.sources.policy import SourcePolicy
from dragoman.workers import process_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragoman.model.process import Process


type Inputs = Mapping[str, tuple[InputValue, ...]]
type Compare = Callable[[Mapping[str, Output], Path], list[str]]
"""Takes outputs and the folder of their files."""
type Verdict = tuple[str, list[str]]
"""The title of an example, and what is wrong with it in lines; none: it is as promised."""

LOADING: Final = "cannot be loaded"
"""The title of a verdict on the package itself, none of whose examples was run."""
LOADING_SECONDS: Final = 300.0
"""That loading may take: a model may be large."""
GLANCE: Final = 0.5
"""Seconds between two looks whether a process that says nothing still lives."""


def try_package(folder: Path, profiles: Sequence[str], command: Sequence[str]) -> Iterator[Verdict]:
    """The verdict on each example, run in a process that is held to the timeout and memory of the package.

    ``command`` runs ``answer`` in a new process; the examples after one that ended it get another.
    """
    folder = folder.absolute()
    try:
        process = load_folder(folder, profiles=profiles)
        titles = [title for title, _, _ in _cases(folder, process)]
    except DragomanError as error:
        yield LOADING, [error.detail]
        return
    done = 0
    with tempfile.TemporaryDirectory(prefix="dragoman-test-", ignore_cleanup_errors=True) as home:
        while done < len(titles):
            question = {"folder": str(folder), "profiles": list(profiles), "home": home, "first": done}
            with _begun(command, question, process) as trial:
                problems = trial.hear("loading", LOADING_SECONDS, "it was not loaded within {:g} s")
                if problems:
                    yield LOADING, problems
                    return
                while done < len(titles) and not trial.over:
                    late = "ran longer than its timeout of {:g} s"
                    yield titles[done], trial.hear("running", process.timeout, late)
                    done += 1


@dataclass(kw_only=True)
class _Trial:
    """A process that runs examples, as seen by the one that started it."""

    child: subprocess.Popen[bytes]
    reports: int
    """The descriptor that its lines come from."""
    memory_limit: int | None
    over: bool = False
    """Whether it has ended, or has to."""
    heard: bytearray = field(default_factory=bytearray)

    def hear(self, doing: str, seconds: float | None, late: str) -> list[str]:
        """What it reports next: problems. Its end, or silence beyond ``seconds``, is one too."""
        try:
            line = self._line(seconds)
        except TimeoutError:
            self.over = True
            return [late.format(seconds)]
        if line is not None:
            problems: list[str] = json.loads(line)
            return problems
        self.over = True
        return [self._ended(doing)]

    def _line(self, seconds: float | None) -> bytes | None:
        """The next line; None if it ended before that. Raises TimeoutError."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self.heard:
            gone = self.child.poll() is not None  # asked first: what it said before is still read
            left = GLANCE if deadline is None else min(GLANCE, max(0.0, deadline - time.monotonic()))
            ready, _, _ = select.select([self.reports], [], [], 0 if gone else left)
            piece = os.read(self.reports, 1 << 16) if ready else b""
            self.heard += piece
            if not piece and (gone or ready):
                return None
            if not piece and deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError
        line, _, rest = bytes(self.heard).partition(b"\n")
        self.heard[:] = rest
        return line

    def _ended(self, doing: str) -> str:
        code = self.child.wait()
        how = f"signal {_signal_name(-code)}" if code < 0 else f"exit code {code}"
        hint = ""
        if code < 0 and self.memory_limit:
            hint = f"; its memory_limit of {_mib(self.memory_limit)} may be why"
        return f"its process ended with {how} while {doing}{hint}"


@contextlib.contextmanager
def _begun(command: Sequence[str], question: dict[str, Any], process: Process) -> Iterator[_Trial]:
    """Start a process on its examples; nothing that the package starts outlives it."""
    limit = process.runtime.memory_limit
    reading, writing = os.pipe()
    with tempfile.TemporaryFile("w+") as told:
        json.dump({**question, "reports": writing, "memory_limit": limit}, told)
        told.seek(0)
        child = subprocess.Popen(command, stdin=told, start_new_session=True, pass_fds=[writing])
    os.close(writing)
    try:
        yield _Trial(child=child, reports=reading, memory_limit=limit)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        os.close(reading)


def answer() -> None:
    """Run the examples that standard input names and report on each, then end this process."""
    process_tree.die_with_parent()
    question = json.load(sys.stdin)
    reports = question["reports"]
    os.set_inheritable(reports, False)
    limit = question["memory_limit"]
    if limit and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    folder, home = Path(question["folder"]), Path(question["home"])

    def report(problems: list[str]) -> None:
        sys.stdout.flush()
        os.write(reports, json.dumps(problems).encode() + b"\n")

    try:
        runs = _runs(folder, question["profiles"], home)
    except BaseException as error:  # whatever an author's code raises, sys.exit too, is the answer
        report(_problems(error, folder, limit))
    else:
        report([])
        for _, run in runs[question["first"] :]:
            report(run(limit))
    os._exit(0)  # no thread or exit handler of the package may hold it up


def run_examples(folder: Path, profiles: Sequence[str] = ()) -> Iterator[Verdict]:
    """The verdict on each example, run in this process.

    Raises PackageError if the package or an example cannot be read, and whatever its setup raises.
    """
    with tempfile.TemporaryDirectory(prefix="dragoman-test-") as home:
        for title, run in _runs(folder.absolute(), profiles, Path(home)):
            yield title, run(None)


type _Run = Callable[[int | None], list[str]]
"""Runs an example, told the limit of memory; gives what is wrong with it."""


def _runs(folder: Path, profiles: Sequence[str], home: Path) -> list[tuple[str, _Run]]:
    """Each example by its title, ready to be run: the package is loaded and set up."""
    process = load_folder(folder, profiles=profiles)
    cases = list(_cases(folder, process))
    context = RunContext(job_id="", config=process.config, scratch=home / "setup", report=_nobody)
    program = load_program(process.id, process.runtime, context, None)
    return [
        (title, partial(_run, inputs, compared, process, program, folder, home))
        for title, inputs, compared in cases
    ]


def _nobody(_percent: int, _message: str) -> None:
    """Takes the reports of progress."""


def _cases(folder: Path, process: Process) -> Iterator[tuple[str, Inputs, Compare]]:
    for example in load_examples(folder, process):
        title = example.title or example.path.name
        yield title, example_inputs(example, process), partial(compare, example)
    for test in project_tests.load_tests(folder) if is_project(folder) else ():
        yield test.title, test.values(process), partial(project_tests.compare, test)


def _run(
    inputs: Inputs,
    compared: Compare,
    process: Process,
    program: Program,
    folder: Path,
    home: Path,
    limit: int | None,
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
    run_folder = home / "runs" / job.id
    policy = SourcePolicy(fetch=FetchSettings(), extra_roots=(folder,))
    try:
        validate_inputs(process, inputs)
        outputs = run_locally(job, inputs, program, folder=run_folder, policy=policy, report=_nobody)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever an algorithm raises, sys.exit too, is this example's result
        return _problems(error, folder, limit)
    else:
        return compared(outputs, run_folder / OUTPUTS)
    finally:
        shutil.rmtree(run_folder, ignore_errors=True)


def _problems(error: BaseException, folder: Path, limit: int | None) -> list[str]:
    """The error as a client would see it, and where in the author's files it arose."""
    detail = describe_failure(error).detail
    if isinstance(error, MemoryError) and limit:
        detail += f"; its memory_limit is {_mib(limit)}"
    return [*detail.splitlines(), *(f"    {line}" for line in own_lines(error, folder))]


def _mib(size: int) -> str:
    return f"{size / 2**20:g} MiB"


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return str(number)
