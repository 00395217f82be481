"""``dragoman serve``: this process becomes pygeoapi's server, or gunicorn."""

from __future__ import annotations

import os
from typing import Annotated, Final

import typer

from dragoman.cli.programs import program
from dragoman.host.bootstrap import prepare, read_settings

SHARED_MEMORY: Final = "/dev/shm"


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
        ):  # gunicorn touches a file with each request, which costs more on a disk
            options += ["--worker-tmp-dir", SHARED_MEMORY]
        command = [program("gunicorn"), *options, "--bind", bind, "pygeoapi.flask_app:APP"]
    os.execv(command[0], command)
