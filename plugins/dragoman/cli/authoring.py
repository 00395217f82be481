"""What authors of packages do: begin one, try its examples, take over what was written elsewhere, print a client."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from dragoman.cli.named_packages import declared_catalogue, named_packages
from dragoman.cli.new_server import create_server
from dragoman.cli.run import debug
from dragoman.host.bootstrap import read_settings


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
    for folder, profiles in named_packages(names or []).values():
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
    chosen, declared = language_of(language), declared_catalogue().get(process)
    check_runs_as_job(declared, STANDARD)
    plan = plan_for(declared, (url or settings.server_url).rstrip("/"), Login.by(settings.auth.oidc))
    sys.stdout.buffer.write(render(chosen, plan).encode("utf-8", errors="replace"))
