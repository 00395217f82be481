"""The command ``dragoman``: for operators and for authors of packages."""

from __future__ import annotations

import logging
import os
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dragoman.cli.dev_idp import dev_idp
from dragoman.cli.jobs import app as jobs_app
from dragoman.cli.jobs import existing_store
from dragoman.cli.new_server import create_server
from dragoman.cli.programs import program
from dragoman.cli.run import debug, named_folder, run
from dragoman.config.bundled import PREFIX
from dragoman.errors import DragomanError, Unavailable
from dragoman.host.bootstrap import prepare, read_settings

if TYPE_CHECKING:
    from dragoman.packages.catalogue import Catalogue

SHARED_MEMORY: Final = "/dev/shm"
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(jobs_app, name="jobs")
app.command()(run)
app.command("dev-idp")(dev_idp)

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


@app.command()
def serve(
    threads: Annotated[
        int, typer.Option(min=0, help="Serve with gunicorn, this many threads a process.")
    ] = 0,
    processes: Annotated[int, typer.Option(min=1, help="gunicorn's processes.")] = 1,
) -> None:
    """Serve: through pygeoapi's own server, or, with --threads, through gunicorn."""
    settings = read_settings()
    prepare(settings)  # here, since gunicorn would add lines of its own
    command = [program("pygeoapi"), "serve"]
    if threads:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        bind = f"{host}:{settings.port}"
        options = ["--worker-class", "gthread", "--threads", str(threads), "--workers", str(processes)]
        options += ["--logger-class", "dragoman.host.gunicorn_log.Logger"]
        if os.access(
            SHARED_MEMORY, os.W_OK
        ):  # a file there is touched with each request, which costs more on a disk
            options += ["--worker-tmp-dir", SHARED_MEMORY]
        command = [program("gunicorn"), *options, "--bind", bind, "pygeoapi.flask_app:APP"]
    os.execv(command[0], command)


@app.command()
def check(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of packages; default: the configuration and all declared."),
    ] = None,
) -> None:
    """Check the configuration, HOME, log file and database, and load every package; exit code 1 if one is broken."""
    from dragoman.adapters import registry
    from dragoman.composition import FORMS, kept_versions
    from dragoman.host.startup_checks import unusable
    from dragoman.jobs.trials.load_check import probe_all
    from dragoman.workers import cage

    logging.getLogger("dragoman").addHandler(logging.NullHandler())  # what is broken is printed once, here
    catalogue = _packages_in(folders) if folders else _catalogue()
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
    if not folders and not cage.can_be_made():
        typer.echo(f"note    engine: {cage.UNCAGED}")
    for line in [] if folders else kept_versions(read_settings()):
        typer.echo(f"kept    {line}")
    raise typer.Exit(1 if broken or problems else 0)


@app.command()
def init(
    name: Annotated[
        str | None,
        typer.Argument(help="Id of the new process, and name of its folder; or the server's folder."),
    ] = None,
    server: Annotated[
        bool, typer.Option("--server", help="Write the configuration of a server, in ./NAME or here.")
    ] = False,
) -> None:
    """Write a new packaged algorithm that runs, in ./NAME; or, with --server, a server that serves."""
    if server:
        typer.echo(create_server(Path(name or ".")))
        return
    if name is None:
        raise typer.BadParameter(
            "is missing; allowed: the id of a new process, or --server", param_hint="NAME"
        )
    from dragoman.packages.native.scaffold import config_lines, create_package

    folder = create_package(name, Path.cwd())
    typer.echo(
        f"wrote {name}/. Try it with `dragoman test {name}`, and serve it with these lines under `resources:`\n"
    )
    typer.echo(config_lines(name, folder))


@app.command()
def test(
    names: Annotated[
        list[str] | None, typer.Argument(help="Declared processes, or folders; default: all declared.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Write what comes out into the examples, as what is expected.")
    ] = False,
    pdb: Annotated[
        bool, typer.Option("--pdb", help="Enter the debugger where one fails; no limits hold.")
    ] = False,
) -> None:
    """Run the examples of packages as golden tests."""
    from dragoman.composition import FORMS, profile_options
    from dragoman.jobs.trials.debugging import debug_package
    from dragoman.jobs.trials.example_runs import try_package

    command = [sys.executable, "-P", "-m", "dragoman.cli", "examples"]
    failed = False
    for folder, profiles in _packages(names or []).values():
        options, verdict = profile_options(profiles), None
        verdicts = (
            debug_package(folder, options, FORMS, debug, accept=accept)
            if pdb
            else try_package(folder, options, FORMS, command, accept=accept)
        )
        for verdict in verdicts:
            title, problems = verdict
            typer.echo(f"{'FAILED' if problems else 'ok    '}  {folder.name}: {title}")
            for problem in problems:
                typer.echo(f"          {problem}")
            failed |= bool(problems)
        if verdict is None:
            typer.echo(f"none    {folder.name}: no examples")
    raise typer.Exit(1 if failed else 0)


@app.command("import-pesto")
def import_pesto(
    folder: Annotated[Path, typer.Argument(help="The project's folder, which holds pesto/api.")],
    profile: Annotated[
        list[str] | None, typer.Option(help="A profile to switch on; may be given several times.")
    ] = None,
) -> None:
    """Write a process.yml beside the code of a PESTO project, which is then served without pesto/."""
    from dragoman.packages.native.scaffold import config_lines
    from dragoman.packages.pesto.conversion import import_project
    from dragoman.packages.pesto.process_yml import load_interface
    from dragoman.packages.pesto.project import notes

    folder = Path(os.path.abspath(folder))
    import_project(folder, profile or [])
    typer.echo(
        f"wrote {folder.name}/process.yml, which wins over pesto/; `dragoman test` still needs pesto/tests, which\n"
        "are not moved. The variables of `environments` are in it, below `dialects.pesto`, and are set as before."
    )
    for note in notes(load_interface(folder)):
        typer.echo(note)
    typer.echo("The lines under `resources:` are\n")
    typer.echo(config_lines(folder.name, folder))


@app.command("import-ccp")
def import_ccp(
    method: Annotated[Path, typer.Argument(help="A method.json, as CCP exports it.")],
) -> None:
    """Write a package of a method of CCP, in a folder named by its id; it is served where script_methods is on."""
    from dragoman.packages.native.scaffold import config_lines
    from dragoman.packages.scripts.form import notes
    from dragoman.packages.scripts.importing import import_method
    from dragoman.packages.scripts.method import read_method

    folder = import_method(method, Path.cwd())
    typer.echo(folder)
    for note in notes(read_method(folder).process):
        typer.echo(f"note: {note}", err=True)
    typer.echo(
        "serve it with `dialects: {ccp: {script_methods: true}}` below `manager:`, and these lines under "
        "`resources:`\n",
        err=True,
    )
    typer.echo(config_lines(folder.name, folder), err=True)


@app.command()
def stubs(
    process: Annotated[str, typer.Argument(help="A declared process.")],
    language: Annotated[str, typer.Argument(help="r, python, julia, javascript, curl or jupyter.")],
    url: Annotated[
        str | None, typer.Option(help="Of the server; default: server.url of the configuration.")
    ] = None,
) -> None:
    """Print a program that runs a process on the server and saves its outputs, as /processes/ID/stubs has it."""
    from dragoman.adapters.ogc.habits import STANDARD
    from dragoman.adapters.ogc.stubs import check_runs_as_job, plan_for
    from dragoman.codegen.languages import language_of
    from dragoman.codegen.programs import Login, render

    settings = read_settings()
    chosen, declared = language_of(language), _catalogue().get(process)
    check_runs_as_job(declared, STANDARD)
    plan = plan_for(declared, (url or settings.server_url).rstrip("/"), Login.by(settings.auth.oidc))
    sys.stdout.buffer.write(render(chosen, plan).encode("utf-8", errors="replace"))


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

    generated = documents(_catalogue())
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


def _catalogue() -> Catalogue:
    from dragoman.composition import catalogue

    return catalogue(read_settings())


def _packages_in(folders: Sequence[Path]) -> Catalogue:
    from dragoman.composition import FORMS
    from dragoman.packages.catalogue import Declaration, build_catalogue

    absolute = [named_folder(folder) for folder in folders]
    return build_catalogue([Declaration(id=folder.name, folder=folder) for folder in absolute], FORMS)


def _packages(names: Sequence[str]) -> dict[str, tuple[Path, Sequence[str]]]:
    """Folder and profiles of what is named: declared processes, or folders, which need no configuration."""
    from dragoman.composition import FORMS
    from dragoman.host.bootstrap import DEFAULT_CONFIG

    named = {name: named_folder(name) if name.startswith(PREFIX) else Path(name) for name in names}
    folders = {name: (folder, ()) for name, folder in named.items() if FORMS.recognised(folder) is not None}
    there = Path(os.environ.get("PYGEOAPI_CONFIG") or DEFAULT_CONFIG).is_file()
    processes = read_settings().processes if there or not names or len(folders) < len(names) else ()
    declared = {p.id: (p.package, p.profiles) for p in processes if p.package}
    for name in names:
        if name not in declared and name not in folders:
            raise typer.BadParameter(
                f"'{name}' is neither a declared process ({', '.join(declared)}) nor a folder with process.yml"
            )
    return {name: declared.get(name) or folders[name] for name in names or declared}
