"""CCP's ``ccpreplicas`` on a real server: one job runs several times, and each output is a list of files."""

from __future__ import annotations

import io
import os
import signal
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import requests
from harness import HANG, gone, serving, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness import Server

pytestmark = pytest.mark.slow

FILES = [
    f"{run}/{name}" for run in range(3) for name in ("number.json", "parts/0.txt", "parts/1.txt", "table.csv")
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("replicas")) as started:
        yield started


def get(server: Server, path: str) -> requests.Response:
    return requests.get(f"{server.url}{path}", timeout=HANG)


def archive(server: Server, job: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(get(server, f"/executions/{job}/outputs/output.zip").content)) as whole:
        return {name: whole.read(name) for name in whole.namelist()}


def runs(tally: Path) -> list[str]:
    """The numbers of the runs, in the order in which they began."""
    return [line.split()[0] for line in tally.read_text().splitlines()] if tally.exists() else []


def finished(server: Server, tally: Path, **inputs: Any) -> str:
    job = server.submit("numbered", tally=str(tally), **inputs)
    assert server.finished(job)["status"] == "successful", server.job(job)
    return job


def test_it_runs_in_turn_and_the_archive_has_a_folder_a_run(server: Server, tmp_path: Path) -> None:
    job = finished(server, tmp_path / "tally", ccpreplicas="3")
    assert runs(tmp_path / "tally") == ["0", "1", "2"]
    members = archive(server, job)
    assert sorted(members) == FILES
    assert [members[f"{run}/table.csv"] for run in range(3)] == [b"n\n0\n", b"n\n1\n", b"n\n2\n"]
    assert members["2/number.json"] == b"2"
    assert get(server, f"/ccp/executions/{job}/outputs/1/table.csv").text == "n\n1\n"
    log = get(server, f"/executions/{job}/logs").text
    assert [f"run {run} of 3" in log for run in (1, 2, 3)] == [True] * 3


def test_one_run_is_told_its_number_and_its_outputs_stay_what_they_are(
    server: Server, tmp_path: Path
) -> None:
    one = finished(server, tmp_path / "tally", ccpreplicas=1)
    plain = finished(server, tmp_path / "tally")
    assert runs(tmp_path / "tally") == ["0", "none"]
    for job in (one, plain):
        assert sorted(archive(server, job)) == ["number.json", "parts/0.txt", "parts/1.txt", "table.csv"]


def test_every_dialect_shows_lists_of_files(server: Server, tmp_path: Path) -> None:
    body = {"inputs": {"tally": str(tmp_path / "tally"), "ccpreplicas": 2}, "response": "document"}
    answer = requests.post(f"{server.url}/ccp/processes/numbered/execution", json=body, timeout=HANG)
    job = answer.json()["jobID"]
    server.finished(job)
    document = get(server, f"/jobs/{job}/results").json()
    assert [item["value"] for item in document["table"]] == ["n\n0\n", "n\n1\n"]
    assert [item["value"] for item in document["number"]] == [0, 1]
    assert [item["value"] for item in document["parts"]] == ["0", "end", "1", "end"]
    assert get(server, f"/ccp/jobs/{job}/results").json() == document
    places = get(server, f"/pesto/numbered/api/v1/jobs/{job}/results").json()
    assert [requests.get(url, timeout=HANG).text for url in places["table"]] == ["n\n0\n", "n\n1\n"]
    assert [requests.get(url, timeout=HANG).text for url in places["number"]] == ["0", "1"]
    raw = requests.post(
        f"{server.url}/processes/numbered/execution",
        json={"inputs": {"tally": str(tmp_path / "t"), "ccpreplicas": 2}, "outputs": {"number": {}}},
        headers={"Accept": "*/*"},
        timeout=HANG,
    )
    assert raw.headers["Content-Type"].startswith("multipart/related")


def test_provenance_names_each_file_and_a_repetition_revises_it(server: Server, tmp_path: Path) -> None:
    job = finished(server, tmp_path / "tally", ccpreplicas=3)
    again = requests.post(f"{server.url}/executions/{job}/re-execute", timeout=HANG).json()["jobID"]
    server.finished(again)
    assert archive(server, again) == archive(server, job)
    prov = get(server, f"/executions/{again}/metadata/prov.json").json()
    assert len(prov["wasGeneratedBy"]) == len(FILES) == len(prov["wasDerivedFrom"])
    labels = {entity.get("prov:label") for entity in prov["entity"].values() if isinstance(entity, dict)}
    assert labels >= set(FILES)


def test_progress_is_of_all_runs_and_a_cancel_ends_them(server: Server, tmp_path: Path) -> None:
    tally = tmp_path / "tally"
    job = server.submit("numbered", tally=str(tally), gate=str(tmp_path / "gate"), ccpreplicas=4)
    wait_for(lambda: runs(tally) == ["0", "1"], "the second run waits")
    info = wait_for(lambda: (info := server.job(job))["progress"] > 12 and info, "its progress is told")
    assert isinstance(info, dict)
    assert (info["progress"], info["message"]) == (37, "run 2 of 4: half")
    pid = int(tally.read_text().split()[1])
    assert server.dismiss(job).status_code == 200
    assert gone(pid)
    assert server.job(job)["status"] == "dismissed"
    assert runs(tally) == ["0", "1"]


def test_the_time_is_that_of_all_runs(server: Server, tmp_path: Path) -> None:
    tally = tmp_path / "tally"
    job = server.submit(
        "numbered", tally=str(tally), gate=str(tmp_path / "gate"), ccpreplicas=2, ccpmaxtime=1.5
    )
    info = server.finished(job)
    assert info["status"] == "failed"
    assert "1.5 s" in info["message"]
    resources = get(server, f"/executions/{job}").json()["resources"]
    assert not [each["path"] for each in resources if each["path"].startswith("outputs/")]


def test_after_a_kill_all_runs_begin_anew_and_nothing_is_left_half(server: Server, tmp_path: Path) -> None:
    tally, gate = tmp_path / "tally", tmp_path / "gate"
    job = server.submit("numbered", tally=str(tally), gate=str(gate), ccpreplicas=3)
    wait_for(lambda: runs(tally) == ["0", "1"], "the second run waits")
    os.kill(int(tally.read_text().split()[1]), signal.SIGKILL)
    wait_for(lambda: runs(tally) == ["0", "1", "0", "1"], "all runs begin anew")
    gate.touch()
    assert server.finished(job)["status"] == "successful"
    assert runs(tally) == ["0", "1", "0", "1", "2"]
    assert sorted(archive(server, job)) == FILES
