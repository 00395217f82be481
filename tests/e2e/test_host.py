"""pygeoapi as the host: what is its own stays, what is ours wins, in every way it can be started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from harness import BIN, Server, free_port, gone, serving, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

OBSERVATIONS = "id,stn_id,datetime,value,lat,long\n371,35,2001-10-30T14:24:55Z,89.9,45,-75\n"


def _configure(server: Server, change: Callable[[dict[str, Any]], None]) -> None:
    config = yaml.safe_load(server.config.read_text())
    change(config)
    server.config.write_text(yaml.safe_dump(config))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    try:
        yield made
    finally:
        made.stop()


def test_collections_stay_pygeoapis_and_are_described_with_ours(server: Server, tmp_path: Path) -> None:
    (tmp_path / "obs.csv").write_text(OBSERVATIONS)

    def add_a_collection(config: dict[str, Any]) -> None:
        config["resources"]["obs"] = {
            "type": "collection",
            "title": "Observations",
            "description": "Some",
            "keywords": ["obs"],
            "links": [],
            "extents": {"spatial": {"bbox": [-180, -90, 180, 90]}},
            "providers": [
                {
                    "type": "feature",
                    "name": "CSV",
                    "data": str(tmp_path / "obs.csv"),
                    "id_field": "id",
                    "geometry": {"x_field": "long", "y_field": "lat"},
                }
            ],
        }

    _configure(server, add_a_collection)
    server.start()
    items = requests.get(f"{server.url}/collections/obs/items?f=json", timeout=120).json()
    assert items["features"][0]["properties"]["value"] == 89.9
    document = requests.get(f"{server.url}/openapi", timeout=120).json()
    assert {"/collections/obs/items", "/processes/echo/execution"} <= document["paths"].keys()
    assert "https://schemas.opengis.net" not in json.dumps(document)
    classes = requests.get(f"{server.url}/conformance", timeout=120).json()["conformsTo"]
    assert any("ogcapi-features-1" in name for name in classes)
    landing = requests.get(f"{server.url}/", timeout=120).json()
    assert f"{server.url}/collections" in [link["href"] for link in landing["links"]]


def test_with_admin_and_under_a_prefix(server: Server) -> None:
    def change(config: dict[str, Any]) -> None:
        config["server"]["admin"] = True
        config["server"]["api_rules"] = {"url_prefix": "geo"}

    _configure(server, change)
    server.start(ready=False)
    base = f"{server.url}/geo"

    def answers() -> bool:
        assert server.process is not None
        assert server.process.poll() is None, server.log.read_text()
        try:
            return requests.get(f"{base}/readyz", timeout=120).status_code == 200
        except requests.ConnectionError:
            return False

    wait_for(answers, "it answers under the prefix")
    answer = requests.post(
        f"{base}/processes/number/execution",
        json={"inputs": {"number": 2}},
        headers={"Prefer": "respond-async"},
        timeout=120,
    )
    assert answer.headers["Location"].startswith(f"{base}/jobs/")
    wait_for(lambda: requests.get(answer.headers["Location"], timeout=120).json()["status"] == "successful")
    assert requests.get(f"{answer.headers['Location']}/results", timeout=120).json() == 4


def test_several_preloaded_web_processes_share_one_supervisor(server: Server) -> None:
    os.environ["GUNICORN_CMD_ARGS"] = "--preload"
    try:
        server.start(gunicorn=3)
    finally:
        del os.environ["GUNICORN_CMD_ARGS"]
    jobs = [server.submit("number", number=n) for n in range(12)]
    assert all(server.finished(job_id)["status"] == "successful" for job_id in jobs)
    wait_for(lambda: server.log.read_text().count("Booting worker") == 3, "there are three of them")
    wait_for(lambda: len(_supervisors(server)) == 1, "who lost the election has ended")


def _supervisors(server: Server) -> list[str]:
    found = subprocess.run(
        ["pgrep", "-f", "-g", str(server.process and server.process.pid), "dragoman.cli supervise"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.split()


def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        job_id = server.submit("loop")
        server.running(job_id)
        family = server.family()
        assert len(family) >= 4, "server, supervisor, forkserver, worker"
        assert server.process is not None
        os.killpg(server.process.pid, signal.SIGINT)
        wait_for(lambda: all(gone(pid) for pid in family), "all of it has ended")
    assert server.details(job_id)["status"] == "accepted", "it goes on after the next start"


def test_generating_the_document_starts_no_engine(server: Server) -> None:
    made = subprocess.run(
        [str(BIN / "pygeoapi"), "openapi", "generate", str(server.config), "--format", "json"],
        env=server.environment(),
        cwd=server.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert made.returncode == 0, made.stderr
    assert "/processes/ndvi/execution" in json.loads(made.stdout)["paths"]
    assert not (server.home / "supervisor.lock").exists()


def test_pygeoapis_own_validation_accepts_the_configuration(server: Server) -> None:
    command = [str(BIN / "pygeoapi"), "config", "validate", "-c", str(server.config)]
    done = subprocess.run(command, env=server.environment(), capture_output=True, text=True, check=False)
    assert "Valid configuration" in done.stdout, done.stderr


@pytest.mark.parametrize("program", ["pygeoapi", "gunicorn"])
def test_a_mistake_in_the_configuration_is_one_line_and_the_end(server: Server, program: str) -> None:
    def misspell(config: dict[str, Any]) -> None:
        config["server"]["manager"]["jobs"] = {"max_attemps": 3}

    _configure(server, misspell)
    command = [str(BIN / "pygeoapi"), "serve"]
    if program == "gunicorn":
        command = [str(BIN / "gunicorn"), "--bind", f"127.0.0.1:{free_port()}", "pygeoapi.flask_app:APP"]
    done = subprocess.run(
        command,
        env=server.environment(),
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3
    lines = [line for line in done.stderr.splitlines() if "max_attemps" in line]
    assert len(lines) == 1
    assert "config.yml" in lines[0]
    assert "server.manager.jobs" in lines[0]
    assert "max_attempts" in lines[0]
    if program == "pygeoapi":
        assert done.stderr.splitlines() == lines


@pytest.mark.parametrize("program", ["pygeoapi serve", "dragoman serve --threads 2", "gunicorn"])
def test_a_home_that_cannot_be_used_is_one_line_and_the_end(server: Server, program: str) -> None:
    _configure(server, lambda config: config["server"]["manager"].update(output_dir="/proc/none"))
    name, *arguments = program.split()
    if name == "gunicorn":
        arguments = ["--bind", f"127.0.0.1:{free_port()}", "pygeoapi.flask_app:APP"]
    done = subprocess.run(
        [str(BIN / name), *arguments],
        env=server.environment(),
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if "/proc/none" in line]
    assert len(lines) == 1
    assert "server.manager.output_dir: " in lines[0]
    if name != "gunicorn":
        assert done.stderr.splitlines() == lines
    checked = server.cli("check")
    assert checked.returncode == 1
    assert f"broken  {lines[0]}" in checked.stdout.splitlines()


def test_the_document_goes_where_it_can_or_the_start_ends(server: Server) -> None:
    done = subprocess.run(
        [str(BIN / "pygeoapi"), "serve"],
        env={**server.environment(), "PYGEOAPI_OPENAPI": "/proc/openapi.json"},
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.startswith("PYGEOAPI_OPENAPI: '/proc/openapi.json' cannot be written")
    assert len(done.stderr.splitlines()) == 1


def test_a_second_server_on_the_port_ends_and_leaves_the_first_alone(server: Server) -> None:
    server.start()
    supervisor = server.supervisor
    second = subprocess.run(
        [str(BIN / "pygeoapi"), "serve"],
        env=server.environment(),
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert second.returncode == 1
    assert f"127.0.0.1:{server.port} cannot be used" in second.stderr.splitlines()[-1]
    assert server.supervisor == supervisor
    assert server.execute("number", wait=True, number=3).json() == 6


def test_the_command_line_says_where_it_looked(server: Server) -> None:
    listed = server.cli("jobs", "list")
    assert (listed.returncode, listed.stdout) == (1, "")
    assert "there is no job store" in listed.stderr
    assert not server.home.exists()


def test_a_broken_package_does_not_break_the_server(server: Server, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "process.yml").write_text(
        "version: 1.0.0\ntitle: Broken\ninputs: {a: {schema: rastr}}\noutputs: {}\n"
    )

    def add(config: dict[str, Any]) -> None:
        processor = {"name": "dragoman.plugin.PackagedProcessor", "package": str(broken)}
        config["resources"]["broken"] = {"type": "process", "processor": processor}

    _configure(server, add)
    server.start()
    assert requests.get(f"{server.url}/processes/broken", timeout=120).status_code == 404
    assert server.execute("number", wait=True, number=3).json() == 6
    assert "broken/process.yml:3" in server.log.read_text()
    checked = server.cli("check")
    assert checked.returncode == 1
    assert "broken" in checked.stdout


def test_a_foreign_processor_runs_as_a_job(server: Server) -> None:
    server.start()
    job_id = server.submit("hello-world", name="you")
    assert server.finished(job_id)["status"] == "successful"
    results = requests.get(f"{server.url}/jobs/{job_id}/results", timeout=120)
    assert results.json() == {"id": "echo", "value": "Hello you!"}
    assert server.execute("hello-world").status_code == 400
