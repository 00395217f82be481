"""``kill -HUP`` to gunicorn's master: another configuration is served, and no job and no waiting client is lost."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests
import yaml
from harness import HANG, TEST_PROCESSES, Server, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a few processes only: each start loads them all."""
    started = Server(tmp_path_factory.mktemp("hup"), workers=3)
    _configure(started, lambda resources: {name: resources[name] for name in ("gated", "number")})
    try:
        yield started.start(gunicorn=2)
    finally:
        started.stop()


def _configure(server: Server, change: Any) -> None:
    configuration = yaml.safe_load(server.config.read_text())
    configuration["resources"] = change(configuration["resources"])
    server.config.write_text(yaml.safe_dump(configuration))


def _server_processes(server: Server) -> set[int]:
    """gunicorn's workers."""
    assert server.process is not None
    pids = set()
    for child in psutil.Process(server.process.pid).children():
        with suppress(psutil.Error):  # it has just ended
            if any("gunicorn" in word for word in child.cmdline()[:3]):
                pids.add(child.pid)
    return pids


def _gated(server: Server, folder: Path, name: str, *, wait: bool = False) -> requests.Response:
    return server.execute("gated", wait=wait, gate=str(folder / "gate"), tally=str(folder / name))


def _runs(folder: Path, name: str) -> int:
    """How often a job has begun."""
    return len((folder / name).read_text().split()) if (folder / name).exists() else 0


@pytest.mark.parametrize("settings", ["same", "other"])
def test_nothing_is_lost(server: Server, tmp_path: Path, settings: str) -> None:
    engine = server.supervisor
    with ThreadPoolExecutor() as pool:
        job = _gated(server, tmp_path, "async").json()["jobID"]
        waiting = pool.submit(_gated, server, tmp_path, "sync", wait=True)
        wait_for(lambda: _runs(tmp_path, "async") and _runs(tmp_path, "sync"), "both run")
        queued = server.submit("number", number=4)
        if settings == "other":
            more = {"package": str(TEST_PROCESSES / "sort"), "name": "dragoman.plugin.PackagedProcessor"}
            _configure(server, lambda given: {**given, "sort": {"type": "process", "processor": more}})
        try:
            _hup(server)
            wait_for(
                lambda: ("sort" in _processes(server)) == (settings == "other"), "what is declared is served"
            )
            assert (server.supervisor == engine) == (settings == "same")
            again = 1 if settings == "same" else 2  # another engine has begun anew
            wait_for(lambda: _runs(tmp_path, "async") == _runs(tmp_path, "sync") == again, "both run")
        finally:
            (tmp_path / "gate").touch()
        assert waiting.result(HANG).status_code == 200
    assert server.finished(job)["status"] == "successful"
    assert server.finished(queued)["status"] == "successful"


def _processes(server: Server) -> set[str]:
    listed = requests.get(f"{server.url}/processes", timeout=HANG).json()["processes"]
    return {process["id"] for process in listed}


def _hup(server: Server) -> None:
    """An old server process stays until its last client has its answer: only the new ones are waited for."""
    assert server.process is not None
    before = _server_processes(server)
    os.kill(server.process.pid, signal.SIGHUP)
    wait_for(
        lambda: len(new := _server_processes(server) - before) == 2 and all(map(_loaded, new)), "two new"
    )
    wait_for(server.is_ready, "it is ready")


def _loaded(pid: int) -> bool:
    """Whether a server process has come as far as to the packages."""
    with suppress(psutil.Error):
        return any(each.path.endswith("packages/generation") for each in psutil.Process(pid).memory_maps())
    return False
