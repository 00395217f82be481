"""Backup and restore, by the very steps of docs/operating.md: what had finished is there, what waited is run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest
import requests
from harness import HANG, REPOSITORY, Server
from postgresql import NoPostgresql, binaries, cluster

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def _steps() -> list[str]:
    """The blocks of the paragraph on backups: copy, restore, and the same with PostgreSQL."""
    text = (REPOSITORY / "docs" / "operating.md").read_text("utf-8")
    chapter = text.partition("**Backup.**")[2].partition("**Upgrade.**")[0]
    blocks = re.findall(r"```bash\n(.*?)```", chapter, re.DOTALL)
    assert len(blocks) == 4
    return blocks


def _type(text: str, server: Server, database: str = "") -> None:
    """Type a block in the folder of the server, whose HOME is not called var here."""
    path = f"{binaries()}{os.pathsep}{os.environ['PATH']}" if database else os.environ["PATH"]
    subprocess.run(
        ["bash", "-e"],
        input=re.sub(r"\bvar\b", server.home.name, text),
        cwd=server.folder,
        env={**server.environment(), "PATH": path, "DRAGOMAN_DATABASE_URL": database},
        text=True,
        check=True,
        timeout=HANG,
    )


def _result(server: Server, job_id: str, output: str) -> bytes:
    answer = requests.get(f"{server.url}/jobs/{job_id}/results/{output}", timeout=HANG)
    assert answer.status_code == 200, answer.text
    return answer.content


def _lives(server: Server) -> tuple[str, str, bytes]:
    """A job with a file, another that waits behind a long one, and the file."""
    done = server.submit("writer", size=100_000)
    assert server.finished(done)["status"] == "successful"
    server.running(server.submit("loop", until=str(server.folder / "go on")))
    return done, server.submit("number", number=21), _result(server, done, "file")


def _all_is_there(server: Server, done: str, waited: str, content: bytes) -> None:
    (server.folder / "go on").touch()  # the long job runs again, and ends
    assert server.job(done)["status"] == "successful"
    assert _result(server, done, "file") == content
    assert server.finished(waited)["status"] == "successful"
    assert _result(server, waited, "double") == b"42"


def test_sqlite_is_copied_while_the_server_runs(tmp_path: Path) -> None:
    copy, restore = _steps()[:2]
    server = Server(tmp_path, workers=1)
    try:
        done, waited, content = _lives(server.start())
        _type(copy, server)
        server.stop()
        shutil.rmtree(server.home)
        _type(restore, server)
        _all_is_there(server.start(), done, waited, content)
    finally:
        server.stop()


def test_postgresql_is_dumped_while_the_server_runs(tmp_path: Path) -> None:
    copy, restore = _steps()[2:]
    try:
        with cluster() as database:
            _dump_and_restore(database.url, tmp_path, copy, restore)
    except NoPostgresql as error:
        pytest.skip(str(error))


def _dump_and_restore(url: str, folder: Path, copy: str, restore: str) -> None:
    server = Server(folder, manager={"connection": url}, workers=1)
    empty = url.rpartition("/")[0] + "/restored"
    try:
        done, waited, content = _lives(server.start())
        _type(copy, server, url)
        server.stop()
        shutil.rmtree(server.home)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE restored")
        _type(restore, server, empty)
        server.config.write_text(server.config.read_text().replace(url, empty))
        _all_is_there(server.start(), done, waited, content)
    finally:
        server.stop()
