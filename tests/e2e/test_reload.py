"""A package's files change below a running server: a run is of one version, and no answer older than one before."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from harness import BIN, HANG, Server, wait_for

from dragoman.jobs.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.model.job import Job

pytestmark = pytest.mark.slow

PROCESS = """
version: 1.0.0
inputs:
  gate: {title: Path of the file that lets it end, schema: {type: string}, minOccurs: 0}
outputs:
  number: {schema: {type: integer}}
"""
CODE = """
import time
from pathlib import Path


def run(gate: str | None = None) -> int:
    while gate and not Path(gate).exists():
        time.sleep(0.01)
    import answer  # as late as it can be

    return answer.NUMBER
"""


class Package:
    """A package that tells its number."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "process.yml").write_text(PROCESS)
        (folder / "algorithm.py").write_text(CODE)
        self.say(number)

    def say(self, number: int | str) -> None:
        """Change it: to another number, or to one that is none."""
        (self.folder / "answer.py").write_text(f"NUMBER = {number}\n")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return Package(tmp_path_factory.mktemp("packages") / "teller", 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, package: Package) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("reload")
    started = Server(folder, workers=3, packages={"teller": {"package": str(package.folder)}})
    try:
        yield started.start(gunicorn=2)
    finally:
        started.stop()


def _stored(server: Server, job_id: str) -> Job:
    store = open_store(f"sqlite:///{server.home}/dragoman.db")
    try:
        return store.get(job_id)
    finally:
        store.close()


def _worker(server: Server, job_id: str) -> int:
    """The process id of the worker that runs, or last ran, a job."""
    worker = _stored(server, job_id).worker
    return 0 if worker is None else worker.pid


def _begun(server: Server, job_id: str) -> int:
    """Wait until a job runs; the process id of its worker."""
    wait_for(lambda: server.job(job_id)["status"] == "running", f"{job_id} runs")
    return _worker(server, job_id)


def _check(server: Server, package: Package) -> str:
    """What the command says of the package, the only one of a configuration with the same HOME."""
    configuration = yaml.safe_load(server.config.read_text())
    configuration["resources"] = {"teller": configuration["resources"]["teller"]}
    alone = package.folder.parent / "alone.yml"
    alone.write_text(yaml.safe_dump(configuration))
    command = [str(BIN / "dragoman"), "--config", str(alone), "check"]
    environment = server.environment()
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=HANG, check=False
    ).stdout


def _number(server: Server, **inputs: Any) -> int:
    answer = server.execute("teller", wait=True, **inputs)
    assert answer.status_code == 200, answer.text
    number: int = answer.json()
    return number


def _numbers(server: Server, count: int) -> list[int]:
    """Of several calls at once, so that several workers and both server processes answer."""
    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(lambda _: _number(server), range(count)))


def _now(server: Server, number: int) -> None:
    wait_for(lambda: _number(server) == number, f"the answer is {number}\n{server.log.read_text()}")


def _broken(server: Server) -> list[str]:
    answer: list[str] = requests.get(f"{server.url}/readyz", timeout=HANG).json().get("packages", [])
    return [line for line in answer if line.startswith("teller")]


def test_after_the_first_new_answer_all_are_new(server: Server, package: Package) -> None:
    package.say(1)
    _now(server, 1)
    assert set(_numbers(server, 12)) == {1}
    package.say(2)
    seen = [_number(server)]
    while seen[-1] == 1:
        seen.append(_number(server))
    assert set(_numbers(server, 24)) == {2}, seen


def test_each_job_says_which_version_it_ran(server: Server, package: Package, tmp_path: Path) -> None:
    package.say(3)
    _now(server, 3)
    gate = tmp_path / "gate"
    old = server.submit("teller", gate=str(gate))
    _begun(server, old)
    package.say(4)
    _now(server, 4)
    new = server.submit("teller")
    jobs = server.finished(new), server.job(old)
    assert [job["processVersion"] for job in jobs] == ["1.0.0", "1.0.0"]
    assert jobs[0]["processDigest"] != jobs[1]["processDigest"]
    assert _stored(server, old).runtime.digest.startswith(jobs[1]["processDigest"])
    gate.touch()
    assert server.finished(old)["status"] == "successful"
    # what it imports in the end is of its own version, too
    assert requests.get(f"{server.url}/jobs/{old}/results?f=json", timeout=HANG).json() == 3


def test_a_worker_born_later_runs_what_its_job_was_accepted_for(
    server: Server, package: Package, tmp_path: Path
) -> None:
    package.say(5)
    _now(server, 5)
    gate = tmp_path / "gate"
    job = server.submit("teller", gate=str(gate))
    pid = _begun(server, job)
    package.say(6)
    _now(server, 6)
    os.kill(pid, signal.SIGKILL)  # it is run again, by a worker that is born now
    wait_for(lambda: _stored(server, job).attempts == 2, "it runs again")
    gate.touch()
    assert server.finished(job)["status"] == "successful"
    assert requests.get(f"{server.url}/jobs/{job}/results?f=json", timeout=HANG).json() == 5


@pytest.mark.parametrize("broken", ["7 +", "nowhere"], ids=["syntax", "import"])
def test_what_became_broken_keeps_the_old(server: Server, package: Package, broken: str) -> None:
    package.say(6)
    _now(server, 6)
    (package.folder / "algorithm.py").write_text(f"import answer\n{CODE}")
    package.say(broken)
    (line,) = wait_for(lambda: _broken(server), f"it is told\n{server.log.read_text()}") or []
    assert "is served as it was before" in line
    assert "teller/algorithm.py:1" in line
    assert str(package.folder.parent) not in line
    assert set(_numbers(server, 8)) == {6}
    job = server.finished(server.submit("teller"))
    if broken == "nowhere":
        told = _check(server, package)
        assert "broken  teller: teller/algorithm.py:1" in told
        assert f"kept    teller: 1.0.0 ({job['processDigest']}) goes on being served" in told
    assert f"1.0.0 ({job['processDigest']}) goes on being served" in server.log.read_text()
    os.kill(_worker(server, job["jobID"]), signal.SIGKILL)
    assert set(_numbers(server, 8)) == {6}  # by workers that are born now, too
    package.say(8)
    _now(server, 8)
    assert not _broken(server)
    (package.folder / "algorithm.py").write_text(CODE)


def test_half_of_an_edit_is_not_served(server: Server, package: Package) -> None:
    """process.yml is saved before algorithm.py: for a while an input has no parameter."""
    document = yaml.safe_load(PROCESS)
    document["inputs"]["more"] = {"schema": {"type": "integer", "default": 0}}
    (package.folder / "process.yml").write_text(yaml.safe_dump(document))
    (line,) = wait_for(lambda: _broken(server), "it is told") or []
    assert "input 'more' has no parameter 'more'" in line
    assert "more" not in requests.get(f"{server.url}/processes/teller", timeout=HANG).json()["inputs"]
    new = CODE.replace("None = None", "None = None, more: int = 0").replace("NUMBER", "NUMBER + more")
    (package.folder / "algorithm.py").write_text(new)
    package.say(10)
    wait_for(lambda: not _broken(server), "it is served")
    for _ in range(4):  # by both server processes
        described = requests.get(f"{server.url}/processes/teller", timeout=HANG).json()
        assert described["inputs"]["more"]["schema"] == {"type": "integer", "default": 0}
        pesto = requests.get(f"{server.url}/pesto/teller/api/v1/describe", timeout=HANG).json()
        assert "more" in pesto["input"]["properties"]
        api = requests.get(f"{server.url}/openapi?f=json", timeout=HANG).json()
        assert any("more" in schema.get("properties", {}) for schema in api["components"]["schemas"].values())
    assert _number(server, more=2) == 12
