"""Packages as the suites load and run them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.packages.forms import BUILT_IN
from dragoman.packages.native.program import load_program
from dragoman.packages.program import RunLimits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dragoman.model.job import Output
    from dragoman.model.process import Process
    from dragoman.model.resolved import ResolvedValue
    from dragoman.packages.program import WatchedContext


def load_folder(folder: Path, *, id: str | None = None, profiles: Sequence[str] = ()) -> Process:
    """A package of any form that comes with dragoman."""
    return BUILT_IN.load(folder, id=id, options={"profiles": list(profiles)} if profiles else {})


def run_package(
    process: Process, values: Mapping[str, Sequence[ResolvedValue]], *, context: WatchedContext, folder: Path
) -> Mapping[str, Output]:
    """Load a native package and run it once, all its outputs wanted."""
    program = load_program(process, RunLimits(), context)
    return program.run(values, context=context, folder=folder, wanted=None)
