"""The command ``dragoman``: for operators and for authors of packages."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dragoman.cli.authoring import import_ccp, import_pesto, init, stubs, test
from dragoman.cli.check import check
from dragoman.cli.dev_idp import dev_idp
from dragoman.cli.jobs import app as jobs_app
from dragoman.cli.jobs import existing_store
from dragoman.cli.named_packages import declared_catalogue
from dragoman.cli.run import run
from dragoman.cli.serve import serve
from dragoman.errors import DragomanError, Unavailable
from dragoman.host.bootstrap import read_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(jobs_app, name="jobs")
app.command()(run)
app.command("dev-idp")(dev_idp)
app.command()(serve)
app.command()(check)
app.command()(init)
app.command()(test)
app.command("import-pesto")(import_pesto)
app.command("import-ccp")(import_ccp)
app.command()(stubs)

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The configuration; default PYGEOAPI_CONFIG, else pygeoapi-config.yml."
    ),
]


@app.callback()
def _prepare(config: Config = None) -> None:
    if config is not None:
        os.environ["PYGEOAPI_CONFIG"] = str(config)


@app.command(hidden=True)
def probe() -> None:
    """Load the package that standard input names, for `check`."""
    from dragoman.jobs.trials.load_check import answer

    answer()


@app.command(hidden=True)
def examples() -> None:
    """Run the examples of the package that standard input names, for `test`."""
    from dragoman.jobs.trials.example_runs import answer

    answer()


@app.command()
def cleanup() -> None:
    """Remove expired jobs with their results, map services that are too old, and folders that no job owns."""
    from dragoman.adapters.ncdjango.settings import settings_of
    from dragoman.jobs.engine.housekeeping import expire, expire_services, sweep, sweep_packages
    from dragoman.jobs.engine.run_files import RunFiles
    from dragoman.jobs.result_folder import FolderResults

    settings = read_settings()
    store, results = existing_store(settings), RunFiles(settings.home, FolderResults(settings.home))
    keep = settings.jobs.keep_results
    expired = expire(store, results, keep) if keep is not None else 0
    maps = expire_services(store.services, results.services, settings_of(settings).max_temporary_service_age)
    stray = sweep(store, results) + sweep_packages(store, settings.home)
    typer.echo(f"removed {expired} expired jobs, {maps} map services and {stray} stray folders")


@app.command()
def migrate() -> None:
    """Make the job store's tables, or bring them up to this version."""
    from dragoman.jobs.stores import open_store
    from dragoman.jobs.stores.migrations import VERSION

    open_store(read_settings().database_url).close()
    typer.echo(f"the job store has schema {VERSION}")


@app.command()
def openapi(
    check_only: Annotated[bool, typer.Option("--check", help="Only tell whether it is up to date.")] = False,
    folder: Annotated[Path, typer.Option(help="Where to write.")] = Path("openapi"),
) -> None:
    """Write the API documents that the repository carries."""
    from dragoman.adapters.registry import documents
    from dragoman.openapi import files

    generated = documents(declared_catalogue())
    if check_only:
        drift = files.drift(folder, generated)
        typer.echo(drift or "up to date")
        raise typer.Exit(1 if drift else 0)
    files.write(folder, generated)


@app.command(hidden=True)
def supervise() -> None:
    """The supervisor process; started by server processes, with its settings on standard input."""
    from dragoman.adapters.registry import notification
    from dragoman.host.log_lines import log_as_engine
    from dragoman.jobs.engine.notifier import Notifier
    from dragoman.jobs.engine.supervisor import supervise as run
    from dragoman.jobs.result_folder import FolderResults

    settings = pickle.load(sys.stdin.buffer)
    log_as_engine(settings.log_level, settings.log_file, settings.log_format)
    os._exit(run(settings, Notifier(settings, FolderResults(settings.home), notification)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; an error of ours is one line, and exit code 1."""
    try:
        app(args=list(arguments) if arguments is not None else None)
    except DragomanError as error:
        cause = f" ({error.__cause__})" if isinstance(error, Unavailable) and error.__cause__ else ""
        typer.echo(f"{error.detail}{cause}".splitlines()[0], err=True)
        raise SystemExit(1) from error
