"""A real PostgreSQL for tests: its own cluster in a temporary folder, on loopback, ended by its pid."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness import free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNTS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root; then it runs as the first of these that there is."""


class NoPostgresql(Exception):
    """Why there is none."""


def binaries() -> Path:
    """The folder of initdb and postgres, the newest version; raises NoPostgresql."""
    if os.environ.get("DRAGOMAN_TEST_POSTGRESQL") == "off":
        raise NoPostgresql("DRAGOMAN_TEST_POSTGRESQL is off")
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(debian, key=lambda folder: folder.parent.name.zfill(4), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NoPostgresql("PostgreSQL is not installed here (Debian: postgresql)")


def _account() -> str | None:
    """The account to run it as; None is our own."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise NoPostgresql("there is no unprivileged account to run PostgreSQL as")


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty database on a server of its own; raises NoPostgresql."""
    bin_folder, account = binaries(), _account()
    folder = Path(
        tempfile.mkdtemp(prefix="dragoman-postgresql-")
    )  # not below pytest's: that is closed to others
    try:
        if account is not None:
            shutil.chown(folder, account)
        data, port = folder / "data", free_port()
        common = {"cwd": folder, "user": account, "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}}
        log = (folder / "log").open("wb")
        with log:
            subprocess.run(
                [
                    bin_folder / "initdb",
                    "-D",
                    data,
                    "-U",
                    "dragoman",
                    "-A",
                    "trust",
                    "-E",
                    "UTF8",
                    "--no-sync",
                ],
                check=True,
                stdout=log,
                stderr=log,
                **common,  # type: ignore[call-overload]  # a dict of options
            )
            settings = {
                "listen_addresses": "127.0.0.1",
                "unix_socket_directories": "",
                "max_connections": "150",
            }
            options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
            server = subprocess.Popen(
                [bin_folder / "postgres", "-D", data, "-p", str(port), *options],
                stdout=log,
                stderr=log,
                **common,  # type: ignore[call-overload]  # a dict of options
            )
        try:
            wait_for(lambda: _answers(server, port, folder), "PostgreSQL answers")
            yield f"postgresql://dragoman@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(server: subprocess.Popen[bytes], port: int, folder: Path) -> bool:
    import psycopg

    if server.poll() is not None:
        raise AssertionError(f"PostgreSQL ended\n{(folder / 'log').read_text()}")
    try:
        psycopg.connect(f"postgresql://dragoman@127.0.0.1:{port}/postgres", connect_timeout=20).close()
    except psycopg.OperationalError:
        return False
    return True
