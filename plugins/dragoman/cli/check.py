"""``dragoman check``: what of a server is broken, before its users find it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dragoman.cli.named_packages import declared_catalogue, packages_in
from dragoman.host.bootstrap import read_settings

if TYPE_CHECKING:
    from dragoman.config.settings import Settings


def check(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of packages; default: the configuration and all declared."),
    ] = None,
) -> None:
    """Check the configuration, HOME, log file and database; load every package, open every map service's file.

    Exit code 1 if one is broken.
    """
    from dragoman.adapters import registry
    from dragoman.composition import FORMS, kept_versions
    from dragoman.host.startup_checks import unusable
    from dragoman.jobs.trials.load_check import probe_all
    from dragoman.workers import cage

    logging.getLogger("dragoman").addHandler(logging.NullHandler())  # what is broken is printed once, here
    catalogue = packages_in(folders) if folders else declared_catalogue()
    broken = probe_all(catalogue, FORMS, [sys.executable, "-P", "-m", "dragoman.cli", "probe"])
    broken |= {problem.id: problem.detail for problem in catalogue.problems}
    problems = []
    if not folders:
        problems = [*unusable(read_settings()), *registry.misfits(read_settings(), catalogue)]
    for problem in problems:
        typer.echo(f"broken  {problem}")
    for process in catalogue:
        if process.id not in broken:
            typer.echo(f"ok      {process.id} {process.version}")
            for note in FORMS[process.runtime.form].notes(process):
                typer.echo(f"note    {process.id}: {note}")
    for name, detail in broken.items():
        typer.echo(f"broken  {name}: {detail}")
    services_well = bool(folders) or _check_map_services(read_settings())
    if not folders and not cage.can_be_made():
        typer.echo(f"note    engine: {cage.UNCAGED}")
    for line in [] if folders else kept_versions(read_settings()):
        typer.echo(f"kept    {line}")
    raise typer.Exit(1 if broken or problems or not services_well else 0)


def _check_map_services(settings: Settings) -> bool:
    """A line on the file of each map service of the configuration; whether all can be opened."""
    from dragoman.adapters.ncdjango.settings import settings_of
    from dragoman.composition import MAP_FILE
    from dragoman.maps.own_files_process import opened

    well = True
    for declaration, problem in opened(settings_of(settings).services, MAP_FILE):
        name = f"map service {declaration.name}"
        typer.echo(f"broken  {name}: {problem}" if problem else f"ok      {name}")
        well = well and not problem
    return well
