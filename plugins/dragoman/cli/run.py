"""`dragoman run`: a package is run once, without a server."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dragoman.config.bundled import package_folder
from dragoman.errors import DragomanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.jobs.trials.single_run import Inputs
    from dragoman.model.process import Process


def run(
    package: Annotated[Path, typer.Argument(help="The package's folder, or dragoman:NAME.")],
    inputs: Annotated[
        list[str] | None, typer.Option("--input", "-i", help="name=value, or name=@file; may be given often.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder in which the outputs are kept.")
    ] = None,
    pdb: Annotated[bool, typer.Option("--pdb", help="Enter the debugger where it fails.")] = False,
    profile: Annotated[list[str] | None, typer.Option(help="A profile of a PESTO project.")] = None,
) -> None:
    """Run a package once, without a server: what it prints comes here, its timeout and memory are not limited."""
    from dragoman.composition import FORMS, profile_options
    from dragoman.jobs.trials.single_run import inputs_of
    from dragoman.rasters.gdal_limits import limit_gdal

    limit_gdal(os.environ)
    folder = named_folder(package)
    process = FORMS.load(folder, options=profile_options(profile or []))
    values = inputs_of(process, inputs or [])
    kept = None if output is None else output.absolute()  # the run has a working directory of its own
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        _run(process, values, kept)
    except Exception as error:  # whatever an author's code raises is shown, or debugged
        if pdb:
            debug(error)
        _explain(error, folder)
        raise typer.Exit(1) from error


def debug(error: BaseException) -> None:
    """Enter the debugger where an error arose."""
    import pdb

    typer.echo(f"{type(error).__name__}: {error}", err=True)
    pdb.post_mortem(error.__traceback__)


def named_folder(name: Path | str) -> Path:
    """The folder, absolute, of a package that is named by its folder or by ``dragoman:NAME``."""
    try:
        return package_folder(str(name), Path.cwd())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _run(process: Process, values: Inputs, kept: Path | None) -> None:
    from dragoman.composition import FORMS
    from dragoman.jobs.trials.single_run import keep_outputs, lines_of, single_run

    def report(percent: int, message: str) -> None:
        typer.echo(f"{percent:3d} % {message}".rstrip(), err=True)

    with single_run(process, values, forms=FORMS, report=report) as finished:
        for line in lines_of(finished):
            typer.echo(line)
        for path in keep_outputs(finished, kept) if kept is not None else []:
            typer.echo(f"wrote {path}")


def _explain(error: Exception, folder: Path) -> None:
    """The error in a line, and where in the author's files it arose."""
    from dragoman.packages.tracebacks import own_lines

    detail = error.detail if isinstance(error, DragomanError) else f"{type(error).__name__}: {error}"
    lines: Sequence[str] = [detail, *(f"    {line}" for line in own_lines(error, folder))]
    typer.echo("\n".join(lines), err=True)
