"""The trials of a package in this very process, without limits, so that what they raise can be looked into."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman.jobs.trials.bench import load_bench, problems_of
from dragoman.jobs.trials.example_runs import LOADING
from dragoman.workers.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.jobs.trials.bench import Debug
    from dragoman.jobs.trials.example_runs import Verdict
    from dragoman.packages.forms import Forms, Options


def debug_package(
    folder: Path, options: Options, forms: Forms, debug: Debug, *, accept: bool = False
) -> Iterator[Verdict]:
    """The verdict on each trial, run in this process; ``debug`` is called with each error before that is told."""
    folder = folder.absolute()
    with _home() as home, _surroundings(home) as here:
        try:
            bench = replace(load_bench(folder, options, forms, home, here), debug=debug)
        except Exception as error:  # whatever an author's code raises
            debug(error)
            yield LOADING, problems_of(error, folder, None)
            return
        for trial in bench.trials:
            yield trial.title, bench.problems(trial, None, accept=accept)


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dragoman-test-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextlib.contextmanager
def _surroundings(home: Path) -> Iterator[Surroundings]:
    """Those of a worker, in a process that goes on afterwards."""
    there, temporary, tempdir = os.getcwd(), os.environ.get("TMPDIR"), tempfile.tempdir
    try:
        yield Surroundings(home / "worker", partial(shutil.rmtree, ignore_errors=True))
    finally:
        os.chdir(there)
        tempfile.tempdir = tempdir
        os.environ.pop("TMPDIR", None)
        if temporary is not None:
            os.environ["TMPDIR"] = temporary
