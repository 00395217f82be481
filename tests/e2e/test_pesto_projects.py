"""PESTO projects on a real server: several that share a module's name, broken ones beside them, moved ones."""

from __future__ import annotations

import base64
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import requests
from harness import serving
from pestokit import BY_CLASS, INPUT_OUTPUT, project_files, write_project

from dragoman.rasters.images import read_image, write_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness import Server

pytestmark = pytest.mark.slow

SCENE = np.arange(5 * 8 * 9, dtype="uint16").reshape(5, 8, 9)
UNABLE = (
    "class Process:\n    def on_start(self): raise OSError('no model')\n    def process(self, scene): ...\n"
)


WANTING = """
import os
MODEL = os.environ["MODEL"], os.environ["PESTO_PROFILE"]


class Process:
    def process(self, pair):
        return {"seen": {"model": MODEL, "shape": pair["one"].shape}, "mean": None}
"""


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("projects")
    write_project(folder / "byname")
    write_project(folder / "byclass", code=BY_CLASS, classes=INPUT_OUTPUT)
    write_project(folder / "unable", code=UNABLE)
    write_project(folder / "garbled", project_files() | {"api/config.json": "{\n  nothing\n}"})
    files = project_files()
    files["build/requirements.json"] |= {"environments": {"MODEL": "big"}, "requirements": {"weights": {}}}
    files["api/input_schema.json"] = {
        "pair": {"type": "object", "properties": {"one": {"$ref": "#/definitions/Image"}}}
    }
    write_project(folder / "wanting", files, code=WANTING)
    write_image(SCENE, folder / "scene")
    return folder


@pytest.fixture(scope="module")
def server(projects: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    names = ("byname", "byclass", "unable", "garbled", "wanting")
    packages = {name: {"package": str(projects / name)} for name in names}
    packages["later"] = {"package": str(projects / "byname"), "profiles": ["stateful"]}  # type: ignore[dict-item]  # a list of texts
    with serving(tmp_path_factory.mktemp("home"), packages=packages) as started:
        yield started


@pytest.fixture
def scene(projects: Path) -> dict[str, str]:
    content = base64.b64encode((projects / "scene.tif").read_bytes()).decode()
    return {"value": content, "encoding": "base64", "mediaType": "image/tiff"}


def results(server: Server, process: str, **inputs: Any) -> dict[str, Any]:
    """The results document of a synchronous execution."""
    asked = {"inputs": inputs, "response": "document"}
    answer = requests.post(f"{server.url}/processes/{process}/execution", json=asked, timeout=120)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_projects_with_a_module_of_one_name_run_side_by_side(server: Server, scene: dict[str, str]) -> None:
    for process in ("byname", "byclass", "byname", "later"):
        answer = server.execute(process, wait=True, scene=scene, offset=4)
        assert answer.status_code == 200, answer.text
    one = requests.post(
        f"{server.url}/processes/byclass/execution",
        json={"inputs": {"scene": scene, "offset": 4}, "outputs": {"seen": {}}},
        timeout=120,
    )
    assert one.json() == {"offset": 4, "others": None}


def test_lists_and_bands_over_ogc(server: Server, scene: dict[str, str], tmp_path: Path) -> None:
    job = server.submit("byname", scene=scene)
    assert server.finished(job)["status"] == "successful"
    base = f"{server.url}/jobs/{job}/results"
    links = requests.get(f"{base}/tiles", timeout=120).json()
    assert [link["href"] for link in links] == [f"{base}/tiles/{index}" for index in range(12)]
    for index, link in enumerate(links):
        (tmp_path / "tile.png").write_bytes(requests.get(link["href"], timeout=120).content)
        assert read_image(tmp_path / "tile.png").max() == index
    bright = requests.get(f"{base}/bright", timeout=120)
    assert bright.headers["Content-Type"] == "image/tiff; application=geotiff"
    (tmp_path / "bright.tif").write_bytes(bright.content)
    np.testing.assert_array_equal(read_image(tmp_path / "bright.tif"), SCENE)


def test_a_class_that_does_not_start_fails_its_job_and_says_why(
    server: Server, scene: dict[str, str]
) -> None:
    answer = server.execute("unable", wait=True, scene=scene)
    assert answer.status_code == 500
    assert (
        answer.json()["detail"] == "unable/algorithm/process.py: Process.on_start failed: OSError: no model"
    )
    assert server.execute("byname", wait=True, scene=scene).status_code == 200


def test_its_variables_its_images_within_objects_and_its_null(
    server: Server, scene: dict[str, str], projects: Path
) -> None:
    root = f"{server.url}/pesto/wanting/api/v1/process"
    answer = requests.post(root, json={"pair": {"one": scene["value"]}}, timeout=60)
    assert answer.json() == {"seen": {"model": ["big", "2.1.0"], "shape": [5, 8, 9]}, "mean": None}
    through_ogc = results(server, "wanting", pair={"one": scene["value"]})
    assert through_ogc["seen"]["value"]["shape"] == [5, 8, 9]
    assert through_ogc["mean"] is None
    refused = requests.post(root, json={"pair": {"one": f"file://{projects}/scene.tif"}}, timeout=60)
    assert refused.status_code == 400
    assert refused.json()["detail"].startswith("input 'pair.one': ")


def test_check_names_each_mistake_in_one_line_and_the_rest_is_served(server: Server) -> None:
    checked = server.cli("check")
    assert checked.returncode == 1
    lines = checked.stdout.splitlines()
    broken = [line for line in lines if line.startswith("broken ")]
    assert sorted(broken) == [
        "broken  garbled: garbled/pesto/api/config.json:2: is not JSON: "
        "Expecting property name enclosed in double quotes",
        "broken  unable: unable/algorithm/process.py: Process.on_start failed: OSError: no model",
    ]
    assert "ok      byname 2.1.0" in lines
    note = "pesto/build/requirements.json: requirements (weights) are neither copied nor installed here"
    notes = [line for line in lines if line.startswith("note ")]
    public = [line for line in notes if ": config: everybody may read it at /config" in line]
    assert "wanting" in "".join(public)
    assert [line for line in notes if line not in public] == [f"note    wanting: {note}"]
    assert requests.get(f"{server.url}/processes/garbled", timeout=120).status_code == 404
    assert requests.get(f"{server.url}/processes/unable", timeout=120).status_code == 200


def test_a_moved_project_answers_as_before(projects: Path, tmp_path: Path, scene: dict[str, str]) -> None:
    for name in ("before", "after", "mixed"):
        shutil.copytree(projects / "byclass", tmp_path / name)
    packages = {name: {"package": str(tmp_path / name)} for name in ("before", "after", "mixed")}
    folder = tmp_path / "server"
    folder.mkdir()
    with serving(folder, packages=packages) as server:
        for name in ("after", "mixed"):
            moved = server.cli("import-pesto", str(tmp_path / name))
            assert moved.returncode == 0, moved.stderr
            assert f"package: {tmp_path / name}" in moved.stdout
            assert "`dragoman test` still needs pesto/tests" in moved.stdout
        again = server.cli("import-pesto", str(tmp_path / "after"))
        assert (again.returncode, again.stderr) == (
            1,
            "after/process.yml: is there already; it is not overwritten\n",
        )
        shutil.rmtree(tmp_path / "after" / "pesto")
        server.stop()
        server.start()
        described, computed = [], []
        for name in packages:
            root = f"{server.url}/pesto/{name}/api/v1"
            text = requests.get(f"{root}/describe", timeout=120).text
            described.append(text.replace(root, "ROOT"))
            payload = {"scene": scene["value"], "offset": 4}
            answer = requests.post(f"{root}/process", json=payload, timeout=120).json()
            computed.append((answer, results(server, name, scene=scene, offset=4)))
        assert described[0] == described[1] == described[2]
        assert computed[0] == computed[1] == computed[2]
        assert server.cli("test", str(tmp_path / "after")).returncode == 0
