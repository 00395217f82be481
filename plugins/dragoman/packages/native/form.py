"""The native form of package: a folder with a process.yml and a Python function or class."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError
from dragoman.packages.forms import Form, Trial
from dragoman.packages.native.examples import compare, example_inputs, load_examples
from dragoman.packages.native.golden import accept
from dragoman.packages.native.loader import FILE, FORM, load_package
from dragoman.packages.native.signature import find_entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragoman.model.context import Context
    from dragoman.model.process import Process
    from dragoman.packages.forms import Options
    from dragoman.packages.native.examples import Example
    from dragoman.packages.program import Program, RunLimits


def refuse_profiles(folder: Path, options: Options) -> None:
    """Raise PackageError for profiles of a package with a process.yml."""
    if options.get("profiles"):
        raise PackageError(f"{folder.name}: is no PESTO project, or has a {FILE}, which wins: no profiles")


def example_trials(process: Process) -> Iterator[Trial]:
    """The examples of a package, each by its title or else the name of its file."""
    for example in load_examples(Path(process.runtime.folder), process):
        yield Trial(
            title=_title(example),
            inputs=example_inputs(example, process),
            compare=partial(compare, example),
            accept=partial(accept, example),
        )


def _title(example: Example) -> str:
    title = example.title or example.path.name
    return title if example.outputs else f"{title} (it is compared with nothing: it names no outputs)"


def _load(folder: Path, id: str | None, options: Options) -> Process:
    refuse_profiles(folder, options)
    return load_package(folder, id=id)


def _elsewhere(process: Process) -> Sequence[Path]:
    """The installed distribution that the entry names; nothing where it is in the folder, or gone."""
    folder = Path(process.runtime.folder)
    try:
        code = find_entry(folder, process.runtime.entry or None).installed(folder)
    except PackageError:
        return ()
    return () if code is None else (code,)


def _program(process: Process, limits: RunLimits, context: Context) -> Program:
    from dragoman.packages.native.program import load_program  # in workers alone: it looks at annotations

    return load_program(process, limits, context)


NATIVE: Final = Form(
    name=FORM,
    recognises=lambda folder: (folder / FILE).is_file(),
    load=_load,
    program=_program,
    trials=example_trials,
    elsewhere=_elsewhere,
)
