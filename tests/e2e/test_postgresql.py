"""The whole server on a real PostgreSQL: the same promises."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
import requests
from harness import Server, wait_for
from postgresql import postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with postgresql() as url:
        made = Server(tmp_path, manager={"connection": url})
        try:
            yield made.start(gunicorn=2)
        finally:
            made.stop()


def test_jobs_outlive_the_supervisor_and_a_second_engine_is_refused(server: Server, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    ids = [server.submit("number", number=n, until=str(gate)) for n in range(10)]
    server.running(ids[0])
    os.kill(server.supervisor, signal.SIGKILL)
    gate.touch()
    for number, job_id in enumerate(ids):
        assert server.finished(job_id)["status"] == "successful"
        assert requests.get(f"{server.url}/jobs/{job_id}/results", timeout=120).json() == 2 * number
    assert server.execute("number", wait=True, number=3).json() == 6
    other = Server(tmp_path / "other", manager={"connection": _connection(server)})
    try:
        other.start(ready=False)
        wait_for(lambda: "another host's supervisor holds this database" in other.log.read_text())
        assert server.execute("number", wait=True, number=4).json() == 8
    finally:
        other.stop()


def _connection(server: Server) -> str:
    import yaml

    url: str = yaml.safe_load(server.config.read_text())["server"]["manager"]["connection"]
    return url
