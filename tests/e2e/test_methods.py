"""A method imported from CCP on a real server: its scripts, their end, what they leave, and who may have them run."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from harness import BIN, HANG, Server, gone, serving, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

METHOD = Path(__file__).with_name("methods") / "greeter.json"
ID = "af3e3771-0000-4000-8000-000000000001"
FILES = ["data/deep/one.csv", "hello.txt", "stdout.txt", "summary.json"]
ON = {"dialects": {"ccp": {"script_methods": True}}}


def imported(folder: Path) -> Path:
    """The package that ``dragoman import-ccp`` writes in a folder."""
    command = [str(BIN / "dragoman"), "import-ccp", str(METHOD)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 0, done.stderr
    assert "script_methods: true" in done.stderr
    assert done.stdout == f"{folder / ID}\n"
    return folder / ID


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return imported(tmp_path_factory.mktemp("imported"))


@pytest.fixture(scope="module")
def server(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    packages = {"greeter": {"package": str(package)}}
    with serving(tmp_path_factory.mktemp("methods"), manager=ON, packages=packages) as started:
        yield started


def get(server: Server, path: str) -> requests.Response:
    return requests.get(f"{server.url}{path}", timeout=HANG)


def archive(server: Server, job: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(get(server, f"/executions/{job}/outputs/output.zip").content)) as whole:
        return {name: whole.read(name) for name in whole.namelist()}


def run(server: Server, **inputs: Any) -> str:
    job = server.submit("greeter", **inputs)
    assert server.finished(job)["status"] == "successful", server.job(job)
    return job


def test_it_is_described_by_its_own_words(server: Server) -> None:
    described = get(server, "/ccp/processes/greeter").json()
    assert (described["title"], described["version"]) == ("Greeter", "1.2.0")
    assert described["inputs"]["ccpimage"]["schema"]["enum"] == ["bash"]
    assert get(server, "/processes/greeter").json()["inputs"].keys() == {"name", "times", "marks", "act"}
    assert list(described["outputs"]) == ["greeting", "report", "stdout", "files"]
    assert not [link for link in described["links"] if link["rel"] == "compatibleWith"]
    assert get(server, "/pesto/greeter/api/v1/describe").json()["output"]["properties"].keys() >= {"files"}
    page = requests.get(f"{server.url}/processes/greeter", headers={"Accept": "text/html"}, timeout=HANG)
    assert "Greets, in files." in page.text


def test_everything_that_it_wrote_is_an_output_and_in_the_archive(server: Server, tmp_path: Path) -> None:
    name = 'it\'s $(touch hacked) `id` "x"\nand more'
    job = run(server, name=name, times=1, marks=str(tmp_path))
    members = archive(server, job)
    assert sorted(members) == FILES
    assert members["hello.txt"].decode() == f"hello {name} from 0\n"
    assert json.loads(members["summary.json"]) == {"times": 1}
    assert members["stdout.txt"].decode() == f"deploying\nfor {name}\nundeploying\n"
    outputs = server.details(job)["outputs"]
    assert {each["id"]: each["file"] or [item["file"] for item in each["items"]] for each in outputs} == {
        "greeting": "hello.txt",
        "report": "summary.json",
        "stdout": "stdout.txt",
        "files": ["data/deep/one.csv"],
    }
    assert get(server, f"/ccp/executions/{job}/outputs/data/deep/one.csv").text == "1\n"
    log = get(server, f"/executions/{job}/logs").text
    assert [word in log for word in ("deploying", "to standard error", "undeploying")] == [True] * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deployed", "undeployed"]


def test_its_defaults_are_a_request_and_replicas_are_numbered(server: Server) -> None:
    job = run(server, ccpreplicas=2)
    members = archive(server, job)
    assert sorted(members) == [f"{number}/{file}" for number in range(2) for file in FILES]
    assert members["1/hello.txt"] == b"hello world from 1\n" * 2
    some = requests.post(
        f"{server.url}/processes/greeter/execution",
        json={"inputs": {}, "outputs": {"greeting": {}}},
        headers={"Accept": "*/*"},
        timeout=HANG,
    )
    assert some.text == "hello world from 0\n" * 2


def test_a_script_that_fails_is_named_and_undeploy_runs(server: Server, tmp_path: Path) -> None:
    job = server.submit("greeter", act="fail", marks=str(tmp_path))
    info = server.finished(job)
    assert info["status"] == "failed"
    assert "the execute-script ended with exit code 3" in info["message"]
    assert (tmp_path / "undeployed").exists()


def test_a_cancel_ends_all_that_it_started_and_undeploy_runs(server: Server, tmp_path: Path) -> None:
    job = server.submit("greeter", act="hang", marks=str(tmp_path))
    pids = wait_for(lambda: _pids(tmp_path, 2), "it hangs")
    assert isinstance(pids, list)
    assert server.dismiss(job).status_code == 200
    assert all(gone(pid) for pid in pids)
    assert (tmp_path / "undeployed").exists()
    assert server.job(job)["status"] == "dismissed"
    assert get(server, f"/ccp/jobs/{job}").json()["message"] == "Execution cancelled"


def test_time_that_is_up_ends_it_the_same_way(server: Server, tmp_path: Path) -> None:
    job = server.submit("greeter", act="hang", marks=str(tmp_path), ccpmaxtime=2)
    assert server.finished(job)["status"] == "failed"
    assert all(gone(pid) for pid in _pids(tmp_path, 2))
    assert (tmp_path / "undeployed").exists()


def test_what_it_leaves_in_the_background_is_ended(server: Server, tmp_path: Path) -> None:
    run(server, act="linger", marks=str(tmp_path))
    (pid,) = _pids(tmp_path, 1)
    assert gone(pid)


def _pids(folder: Path, count: int) -> list[int]:
    file = folder / "pid"
    pids = file.read_text().split() if file.exists() else []
    return [int(pid) for pid in pids] if len(pids) == count else []


def test_re_execution_and_stubs_are_as_of_any_process(server: Server) -> None:
    job = run(server)
    again = requests.post(f"{server.url}/executions/{job}/re-execute", timeout=HANG).json()["jobID"]
    assert server.finished(again)["status"] == "successful"
    assert archive(server, again) == archive(server, job)
    assert '"world"' in get(server, "/processes/greeter/stubs/python").text.replace("'", '"')


def test_a_wrong_runtime_is_refused(server: Server) -> None:
    answer = server.execute("greeter", ccpimage="perl")
    assert (answer.status_code, "allowed: bash" in answer.text) == (400, True)


def test_where_scripts_are_not_allowed_it_is_one_broken_line_and_the_rest_is_served(
    package: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    data = json.loads(METHOD.read_text())
    data["additionalParameters"]["parameters"][1]["value"] = ["true", "cat <<'E'", "{{ name }}", "E"]
    (broken / "method.json").write_text(json.dumps(data, indent=1))
    packages = {"greeter": {"package": str(package)}, "broken": {"package": str(broken)}}
    on = Server(tmp_path / "same", manager=ON, packages=packages)
    (line,) = on.cli("check", str(broken)).stdout.splitlines()
    assert line.startswith("broken  broken: broken/method.json:")
    assert "additionalParameters.parameters[1].value: line 3 of the execute-script" in line
    assert "here-document" in line
    try:
        on.start()
        assert get(on, "/processes/greeter").status_code == 200
        assert line.partition("broken: ")[2] in on.log.read_text()
        waiting = on.submit("greeter", act="hang", marks=str(tmp_path))
        on.running(waiting)
    finally:
        on.stop()
    off = Server(tmp_path / "same", packages=packages)  # the copy that it has served is none to go on with
    try:
        off.start()
        assert get(off, "/processes/echo").status_code == 200
        assert get(off, "/processes/greeter").status_code == 404
        assert (
            f"greeter is not served: {ID}/method.json: is a method whose scripts would" in off.log.read_text()
        )
        info = off.finished(waiting)
        assert (info["status"], "script_methods" in info["message"]) == ("failed", True)
    finally:
        off.stop()
