"""The trials that come with a package (its examples, the tests of a project), run as a worker would run them.

`try_package`     in a process of its own, within the limits of the package; whatever ends it is a verdict
`answer`          that process
`run_examples`    in this process, without limits
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import DragomanError
from dragoman.jobs.trials import child
from dragoman.jobs.trials.bench import load_bench, mib, problems_of
from dragoman.packages.forms import BUILT_IN, Forms
from dragoman.workers.stacks import tell_stacks
from dragoman.workers.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragoman.packages.forms import Options

type Verdict = tuple[str, list[str]]
"""The title of a trial, and what is wrong with it in lines; none: it is as promised."""

LOADING: Final = "cannot be loaded"
"""The title of a verdict on the package itself, none of whose trials was run."""


def try_package(
    folder: Path, options: Options, forms: Forms, command: Sequence[str], *, accept: bool = False
) -> Iterator[Verdict]:
    """The verdict on each trial, run in a process that is held to the timeout and memory of the package.

    ``command`` runs ``answer`` in a new process; the trials after one that ended it get another. With ``accept``, what
    they give is written down as what is expected.
    """
    folder = folder.absolute()
    try:
        process = forms.load(folder, options=options)
        titles = [trial.title for trial in forms[process.runtime.form].trials(process)]
    except DragomanError as error:
        yield LOADING, [error.detail]
        return
    tried = 0
    with tempfile.TemporaryDirectory(prefix="dragoman-test-", ignore_cleanup_errors=True) as home:
        while tried < len(titles):
            task = {
                "folder": str(folder),
                "options": options,
                "forms": forms.places,
                "home": home,
                "accept": accept,
            }
            limit = process.runtime.memory_limit
            with child.started(command, {**task, "first": tried}, memory_limit=limit) as running:
                runs = _Runs(child=running, memory_limit=limit)
                late = "it was not loaded within {:g} s"
                if problems := runs.problems("loading", child.LOADING_SECONDS, late):
                    yield LOADING, problems
                    return
                while tried < len(titles) and not runs.over:
                    late = "ran longer than its timeout of {:g} s"
                    yield titles[tried], runs.problems("running", process.timeout, late)
                    tried += 1


@dataclass(kw_only=True)
class _Runs:
    """What a process that runs trials reports, or how it ended."""

    child: child.Child
    memory_limit: int | None
    over: bool = False
    """Whether it has ended, or has to."""

    def problems(self, doing: str, seconds: float | None, late: str) -> list[str]:
        """Those that it reports next; its end, or silence beyond ``seconds``, is one too."""
        try:
            report = self.child.report(seconds)
        except TimeoutError:
            self.over = True
            self.child.tell_stacks()
            return [late.format(seconds)]
        if report is not None:
            problems: list[str] = report[0]
            return problems
        self.over = True
        code = self.child.exit_code()
        ending = f"signal {_signal_name(-code)}" if code < 0 else f"exit code {code}"
        hint = ""
        if code < 0 and self.memory_limit:
            hint = f"; its memory_limit of {mib(self.memory_limit)} may be why"
        return [f"its process ended with {ending} while {doing}{hint}"]


def answer() -> None:
    """In the child: run the trials that the task names and report on each."""
    task, report = child.told()
    tell_stacks()
    folder, limit = Path(task["folder"]), task["memory_limit"]
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        home = Path(task["home"])
        here = Surroundings(home / "worker", partial(shutil.rmtree, ignore_errors=True))
        bench = load_bench(folder, task["options"], Forms.from_json(task["forms"]), home, here)
    except BaseException as error:  # whatever an author's code raises, sys.exit too, is the answer
        report(problems_of(error, folder, limit))
    else:
        report([])
        for trial in bench.trials[task["first"] :]:
            report(bench.problems(trial, limit, accept=task["accept"]))
    child.end()


def run_examples(folder: Path, forms: Forms = BUILT_IN) -> Iterator[Verdict]:
    """The verdict on each trial, run in this process.

    Raises PackageError if the package or a trial cannot be read, and whatever its setup raises.
    """
    with tempfile.TemporaryDirectory(prefix="dragoman-test-") as home:
        bench = load_bench(folder.absolute(), {}, forms, Path(home))
        for trial in bench.trials:
            yield trial.title, bench.problems(trial, None)


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return str(number)
