"""The real PESTO (processing-factory 1.7.2): its template, served unmodified, and its own client and tests against it.

It lives in an environment of its own, since its FastAPI clashes with what we pin: that of DRAGOMAN_PESTO_VENV,
else ``.venv-pesto`` of the checkout, made from ``pesto-requirements.txt`` beside this file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from harness import REPOSITORY, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness import Server

pytestmark = pytest.mark.slow

SESSION = Path(__file__).with_name("pesto_session.py")
NONE = {"NoDifference": True}
TESTS = ("test_1", "test_2", "test_1, base64", "test_2, base64")


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of PESTO's environment; skips where there is none."""
    environment = Path(os.environ.get("DRAGOMAN_PESTO_VENV") or REPOSITORY / ".venv-pesto")
    found = environment / "bin" / "python"
    if not (environment / "bin" / "pesto").is_file():
        pytest.skip(f"PESTO is not in {environment}; `make test` installs it")
    return found


@pytest.fixture(scope="module")
def project(python: Path, run: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``pesto init --default`` makes."""
    folder = tmp_path_factory.mktemp("template")
    run(python.with_name("pesto"), "init", "--default", folder, folder=folder)
    return folder / "algo-service"


@pytest.fixture(scope="module")
def pesto(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with that folder, stateless (also at the root) and stateful."""
    before = {path: path.read_bytes() for path in project.rglob("*.*") if path.is_file()}
    packages = {
        "algo-service": {"package": str(project)},
        "algo-stateful": {"package": str(project), "profiles": ["stateful"]},
    }
    dialects = {"pesto": {"default_process": "algo-service"}}
    manager = {"data_roots": [str(project)], "dialects": dialects}
    with serving(tmp_path_factory.mktemp("pesto"), manager=manager, packages=packages) as started:
        yield started
    after = {path: path.read_bytes() for path in project.rglob("*.*") if path.is_file()}
    assert after == before, "the project was changed"


@pytest.fixture(scope="module")
def session(
    python: Path,
    project: Path,
    pesto: Server,
    run: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], dict[str, Any]]:
    """What PESTO's own tester finds at a URL root of the server."""
    folder = tmp_path_factory.mktemp(
        "session"
    )  # not the project: ServiceTester takes text for a path where it can

    def drive(root: str) -> dict[str, Any]:
        printed = run(
            python, SESSION, project / "pesto" / "tests" / "resources", f"{pesto.url}{root}", folder=folder
        )
        found: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return found

    return drive


@pytest.mark.parametrize("root", ["/pesto/algo-service", ""], ids=["named", "default"])
def test_pestos_own_tests_find_no_difference_stateless(
    session: Callable[[str], dict[str, Any]], root: str
) -> None:
    found = session(root)
    assert found == {"alive": True, "stateful": False, "describe": NONE, **dict.fromkeys(TESTS, NONE)}


def test_pestos_own_tests_find_no_difference_stateful(session: Callable[[str], dict[str, Any]]) -> None:
    found = session("/pesto/algo-stateful")
    differences = found.pop("describe")["KeysNotEqual"]  # of the profile: the template's expectation has none
    assert differences.keys() == {"description", "asynchronous"}
    assert found == {"alive": True, "stateful": True, **dict.fromkeys(TESTS, NONE)}


def test_its_jobs_are_jobs_of_ogc(pesto: Server, project: Path) -> None:
    image = project / "pesto" / "tests" / "resources" / "test_1" / "input" / "image.png"
    url = f"{pesto.url}/pesto/algo-stateful/api/v1"
    link = requests.post(f"{url}/process", json={"image": image.as_uri()}, timeout=120).json()["link"]
    job = link.split("/")[-2]
    listed = requests.get(f"{pesto.url}/jobs", params={"processID": "algo-stateful"}, timeout=120).json()
    assert job in [each["jobID"] for each in listed["jobs"]]
    assert pesto.finished(job)["status"] == "successful"
    results = f"{pesto.url}/jobs/{job}/results"
    assert requests.get(f"{results}/number_output", timeout=120).json() == 0.7
    picture = requests.get(f"{results}/image", timeout=120)
    assert picture.headers["Content-Type"].startswith("image/png")
    assert picture.content == requests.get(f"{url}/jobs/{job}/results/image", timeout=120).content
