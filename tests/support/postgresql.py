"""A real PostgreSQL for tests: its own cluster in a temporary folder, on loopback, ended by its pid."""

from __future__ import annotations

import os
import pwd
import shutil
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


class Cluster:
    """One cluster and the server on it, which can be stopped as if it had crashed, and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bin, account = binaries(), _account()
        self._port = free_port()
        self._log = folder / "log"
        self._common = {"cwd": folder, "user": account, "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}}
        self._server: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://dragoman@127.0.0.1:{self._port}/postgres"
        if account is not None:
            shutil.chown(folder, account)
        options = ["-U", "dragoman", "-A", "trust", "-E", "UTF8", "--no-sync"]
        self._run("initdb", *options).check_returncode()

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "150",
        }
        options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, "-p", str(self._port), *options],
                stdout=log,
                stderr=log,
                **self._common,  # type: ignore[call-overload]  # a dict of options
            )
        wait_for(self._answers, "PostgreSQL answers")

    def crash(self) -> None:
        """``pg_ctl stop -m immediate``: every session is cut off, nothing is written any more."""
        assert self._server is not None
        self._run("pg_ctl", "stop", "-m", "immediate")
        try:
            self._server.wait(20)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *options: str) -> subprocess.CompletedProcess[bytes]:
        with self._log.open("ab") as log:
            done: subprocess.CompletedProcess[bytes] = subprocess.run(
                [self._bin / program, "-D", self._data, *options],
                check=False,
                stdout=log,
                stderr=log,
                timeout=60,
                **self._common,  # type: ignore[call-overload]  # a dict of options
            )
        return done

    def _answers(self) -> bool:
        import psycopg

        assert self._server is not None
        if self._server.poll() is not None:
            raise AssertionError(f"PostgreSQL ended\n{self._log.read_text()}")
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def cluster() -> Iterator[Cluster]:
    """An empty database on a server of its own; raises NoPostgresql."""
    binaries(), _account()
    # not below pytest's folders: those are closed to others
    folder = Path(tempfile.mkdtemp(prefix="dragoman-postgresql-"))
    try:
        made = Cluster(folder)
        try:
            made.start()
            yield made
        finally:
            made.crash()  # nothing of it is kept
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty database on a server of its own; raises NoPostgresql."""
    with cluster() as made:
        yield made.url
