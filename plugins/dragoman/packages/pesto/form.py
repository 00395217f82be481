"""The PESTO form of package: a class with PESTO's interface, described by ``pesto/api`` or by a process.yml."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.packages.forms import Form, Trial
from dragoman.packages.native.form import example_trials, refuse_profiles
from dragoman.packages.native.loader import FILE
from dragoman.packages.pesto import project_tests
from dragoman.packages.pesto.process_yml import load_interface, says_interface
from dragoman.packages.pesto.project import FORM, is_project, load_project, notes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.model.context import Context
    from dragoman.model.process import Process
    from dragoman.packages.forms import Options
    from dragoman.packages.program import Program, RunLimits


def _recognises(folder: Path) -> bool:
    return says_interface(folder) if (folder / FILE).is_file() else is_project(folder)


def _load(folder: Path, id: str | None, options: Options) -> Process:
    if not (folder / FILE).is_file():
        return load_project(folder, id=id, profiles=options.get("profiles", ()))
    refuse_profiles(folder, options)
    return load_interface(folder, id=id)


def _program(process: Process, limits: RunLimits, _context: Context) -> Program:
    from dragoman.packages.pesto.program import load_pesto  # in workers alone

    return load_pesto(process, limits.max_pixels)


def _trials(process: Process) -> Iterator[Trial]:
    """The examples, and the project's tests, which stay in ``pesto/tests`` beside a process.yml too."""
    yield from example_trials(process)
    for test in project_tests.load_tests(Path(process.runtime.folder)):
        yield Trial(
            title=test.title, inputs=test.values(process), compare=partial(project_tests.compare, test)
        )


PESTO: Final = Form(
    name=FORM, recognises=_recognises, load=_load, program=_program, trials=_trials, notes=notes
)
