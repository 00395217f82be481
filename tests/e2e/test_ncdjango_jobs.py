"""ncdjango's jobs on a real server: the recorded dialogues, chains, workflows in every dialect, cancelling."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import requests
from flowkit import geotiff, tmax
from harness import HANG, Server, gone, wait_for
from ncdjangokit import Client, ncdjango_server, recording, with_uuid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

CANCELLED = 30.0
"""Seconds within which a cancelled workflow must have ended, however slow the machine; by itself it takes minutes."""
MANY = 60
"""Rasters that a node folds when it is to take long."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with the first two steps of tmax, and a large raster."""
    root = tmp_path_factory.mktemp("ncdjango")
    for step in (0, 1):
        geotiff(root / f"tmax{step}.tif", tmax(step), nodata=-9999.0)
    geotiff(root / "large.tif", np.random.default_rng(1).random((6000, 6000), dtype="float32"))
    return root


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    started = ncdjango_server(folder)
    try:
        started.start()
        wait_for(lambda: "climate-service" in services(started), "the operator's service is made")
        yield started
    finally:
        started.stop()


def services(server: Server) -> set[str]:
    """The map services by name."""
    answer = requests.get(f"{server.url}/arcgis/rest/services", timeout=HANG).json()
    return {service["name"] for service in answer["services"]}


@pytest.fixture
def client(server: Server) -> Client:
    return Client(server)


def cells(server: Server, uuid: str, output: str, folder: Path) -> Any:
    """A raster of a job, fetched through OGC."""
    answer = requests.get(f"{server.url}/jobs/{uuid}/results/{output}", timeout=HANG)
    assert answer.status_code == 200, answer.text
    path = folder / f"{uuid}.tif"
    path.write_bytes(answer.content)
    with rasterio.open(path) as dataset:
        return np.ma.masked_invalid(dataset.read(1, masked=True))


EXPECTED = {
    "raster": ("raster_out", tmax(1) * 2),
    "raster-classified": ("raster_out", tmax(1) * 2),
    "apply_task": ("array_out", tmax(0) * 2 + 1),
    "apply_wf": ("result", tmax(0) * 10),
    "map_reduce": ("array_out", tmax(0) / 399 + tmax(1) / 1399),
    "sum": None,
    "array-service": None,
    "fail": None,
}
"""The recorded dialogues, with the raster that each makes."""


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_dialogue(server: Server, client: Client, name: str, tmp_path: Path) -> None:
    create, final = recording(f"{name}-create"), recording(f"{name}-final")
    answer = client.create(create.body)
    assert answer.status_code == create.status == 201
    assert answer.headers["Content-Type"] == create.headers["Content-Type"]
    assert answer.headers["Allow"] == create.headers["Allow"]
    ours, recorded = answer.json(), create.answer
    own = ("inputs", "message")  # of a job that has failed already
    assert [key for key in ours if key not in own] == list(recorded)
    assert ours["inputs"] == create.body["inputs"]
    assert ours["job"] == recorded["job"]
    uuid = ours["uuid"]
    done = client.poll(uuid)
    told = with_uuid(final.answer, recorded["uuid"], uuid)
    assert {key for key in done if key not in ("inputs", "message")} == set(told)
    assert done["status"] == told["status"]
    assert json.loads(done["outputs"]) == json.loads(told["outputs"])
    published = [each for each in json.loads(done["outputs"]).values() if str(each).startswith(uuid)]
    assert set(published) <= services(server)
    if (expected := EXPECTED[name]) is not None:
        output, values = expected
        got = cells(server, uuid, output, tmp_path)
        np.testing.assert_array_equal(np.ma.getmaskarray(got), np.ma.getmaskarray(values))
        np.testing.assert_allclose(got.compressed(), values.compressed(), rtol=1e-6)


def test_a_variable_that_is_none_is_refused_at_once(client: Client) -> None:
    answer = client.create(recording("raster-badvar-create").body)
    assert answer.status_code == 400
    ((message,),) = answer.json().values()
    assert message.startswith("raster_in: ")
    assert "nope" in message


@pytest.mark.parametrize(
    "reference", ["service://climate-service:tmax@abc", "service://climate-service:tmax@1501891200000"]
)
def test_a_step_that_is_none_is_the_fields_error(client: Client, reference: str) -> None:
    answer = client.create({"job": "multiply_raster", "inputs": {"raster_in": reference}})
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["inputs"]


def test_a_result_is_used_again_by_its_service(server: Server, client: Client, tmp_path: Path) -> None:
    first = client.run("multiply_raster", raster_in="service://climate-service:tmax@1501977600")
    name = json.loads(first["outputs"])["raster_out"]
    second = client.run("multiply_raster", raster_in=f"service://{name}:data")
    assert second["status"] == "success", second
    third = client.run("map_reduce", arrays_in=[f"service://{name}", f"service://{first['uuid']}/raster_out"])
    assert third["status"] == "success", third
    got = cells(server, second["uuid"], "raster_out", tmp_path)
    np.testing.assert_allclose(got.compressed(), (tmax(1) * 4).compressed())


def test_each_raster_of_a_list_is_a_service_of_its_own(
    server: Server, client: Client, folder: Path, tmp_path: Path
) -> None:
    rasters = [(folder / f"tmax{step}.tif").as_uri() for step in (0, 1)]
    first = client.run("each", arrays=rasters)
    assert first["status"] == "success", first
    names = [f"{first['uuid']}/scaled/{number}" for number in (0, 1)]
    assert json.loads(first["outputs"]) == {"scaled": names}
    assert set(names) <= services(server)
    again = client.run("map_reduce", arrays_in=[f"service://{name}" for name in names])
    assert again["status"] == "success", again
    second = client.run("multiply_raster", raster_in=f"service://{names[1]}:data")
    got = cells(server, second["uuid"], "raster_out", tmp_path)
    np.testing.assert_allclose(got.compressed(), (tmax(1) * 4).compressed())


def test_a_dataset_is_named_by_its_path_or_comes_by_reference(
    server: Server, client: Client, folder: Path, tmp_path: Path
) -> None:
    file = folder / "climate.nc"
    done = client.run("dataset", path=str(file), variable="tmax")
    np.testing.assert_array_equal(
        cells(server, done["uuid"], "out", tmp_path).compressed(), tmax(1)[tmax(1) > 1004]
    )
    content = base64.b64encode(file.read_bytes()).decode()
    contents = []
    for path in (
        str(file),
        {"href": file.as_uri()},
        {"href": f"data:application/x-netcdf;base64,{content}"},
    ):
        answer = server.execute("dataset", wait=True, path=path, variable="tmax")
        assert answer.status_code == 200, answer.text
        contents.append(answer.content)
    assert len(set(contents)) == 1


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("climate.nc", "not in a folder that this server may read"),
        ("/etc/hostname", "not in a folder that this server may read"),
        ({"href": "data:text/plain,/etc/hostname"}, "not a raster"),
    ],
)
def test_a_dataset_that_is_none_is_the_fault_of_its_input(server: Server, path: Any, told: str) -> None:
    answer = server.execute("dataset", wait=True, path=path, variable="tmax")
    assert answer.status_code == 400
    assert "input 'path'" in answer.json()["detail"]
    assert told in answer.json()["detail"]


def _bytes_by_ogc(server: Server, inputs: Any, prefix: str) -> bytes:
    body = {"inputs": {"arrays_in": inputs}, "response": "document"}
    made = requests.post(
        f"{server.url}{prefix}/processes/map_reduce/execution",
        json=body,
        headers={"Prefer": "respond-async"},
        timeout=HANG,
    )
    assert made.status_code == 201, made.text
    assert server.finished(made.json()["jobID"])["status"] == "successful"
    return requests.get(
        f"{server.url}{prefix}/jobs/{made.json()['jobID']}/results/array_out", timeout=HANG
    ).content


def test_a_workflow_gives_the_same_bytes_in_every_dialect(
    server: Server, client: Client, folder: Path
) -> None:
    references = [(folder / f"tmax{step}.tif").as_uri() for step in (0, 1)]
    hrefs = [{"href": each} for each in references]
    by_ogc, by_ccp = (_bytes_by_ogc(server, hrefs, prefix) for prefix in ("", "/ccp"))
    answer = requests.post(
        f"{server.url}/pesto/map_reduce/api/v1/process", json={"arrays_in": references}, timeout=HANG
    )
    assert answer.status_code == 200, answer.text
    by_pesto = base64.b64decode(answer.json()["array_out"])
    done = client.run("map_reduce", arrays_in=references)
    by_ncdjango = requests.get(f"{server.url}/jobs/{done['uuid']}/results/array_out", timeout=HANG).content
    assert len(by_ogc) > 1000
    assert by_ogc == by_ccp == by_pesto == by_ncdjango


def test_a_workflow_is_described_and_listed(server: Server) -> None:
    listed = requests.get(f"{server.url}/processes?limit=100", timeout=HANG).json()["processes"]
    assert {"map_reduce", "apply_expr", "apply_expr_wf", "clip"} <= {process["id"] for process in listed}
    described = requests.get(f"{server.url}/processes/map_reduce", timeout=HANG).json()
    assert described["title"] == "Map Reduce Workflow"
    assert described["inputs"]["arrays_in"]["maxOccurs"] == "unbounded"
    assert requests.get(f"{server.url}/pesto/map_reduce/api/v1/describe", timeout=HANG).status_code == 200


def test_a_small_raster_that_is_not_published_comes_as_lists(client: Client, folder: Path) -> None:
    arrays = [(folder / f"tmax{step}.tif").as_uri() for step in (0, 1)]
    outputs = json.loads(client.run("clip", arrays=arrays)["outputs"])
    total = tmax(0) + tmax(1)
    assert outputs["total"] == total.tolist()
    assert outputs["clipped"] == np.ma.masked_greater(total, 1500).tolist()


def test_an_expression_that_is_wrong_fails_with_its_column(client: Client, folder: Path) -> None:
    done = client.run("apply_expr", array_in=(folder / "tmax0.tif").as_uri(), expression="x +* 2")
    assert done["status"] == "failure"
    assert "column 4: '*' is not expected; allowed:" in done["message"]
    assert str(folder) not in json.dumps({**done, "inputs": ""})


def _cancelled(server: Server, uuid: str, pid: int) -> None:
    """Cancel a job; its worker ends, and it says that it is dismissed, here and as ncdjango."""
    begun = time.monotonic()
    assert server.dismiss(uuid).status_code == 200
    wait_for(lambda: gone(pid), "the worker has ended", seconds=CANCELLED)
    wait_for(lambda: server.job(uuid)["status"] == "dismissed", "it is dismissed", seconds=CANCELLED)
    taken = time.monotonic() - begun
    assert Client(server).poll(uuid)["status"] == "revoked"
    assert not (server.home / "workers" / str(pid)).exists()
    print(f"cancelled in {taken:.2f} s")


def test_cancelling_in_the_middle_of_a_workflow_stops_it(
    server: Server, client: Client, folder: Path
) -> None:
    answer = client.create({"job": "long", "inputs": {"x": (folder / "large.tif").as_uri()}})
    uuid = answer.json()["uuid"]
    pid = server.running(uuid)
    wait_for(lambda: server.job(uuid)["progress"] > 0, "some nodes are done")
    assert "windows" in server.job(uuid)["message"]
    _cancelled(server, uuid, pid)


@pytest.mark.parametrize(("job", "nodes"), [("long_node", {"all"}), ("two_nodes", {"left", "right"})])
def test_cancelling_stops_nodes_that_are_at_work(
    server: Server, client: Client, folder: Path, job: str, nodes: set[str]
) -> None:
    rasters = [(folder / "large.tif").as_uri()] * MANY
    uuid = client.create({"job": job, "inputs": {"arrays": rasters}}).json()["uuid"]
    pid = server.running(uuid)
    working: set[str] = set()

    def all_at_work() -> bool:
        shown = server.job(uuid)
        assert shown["status"] == "running", shown
        assert not shown["message"].endswith(": done")
        working.add(shown["message"].partition(": ")[0])
        return nodes <= working

    wait_for(all_at_work, f"{nodes} are at work at the same time")
    _cancelled(server, uuid, pid)


def test_check_tells_of_a_workflow_that_is_wrong_and_the_rest_is_served(tmp_path: Path) -> None:
    broken = ncdjango_server(tmp_path / "broken")
    (tmp_path / "broken" / "clip.json").write_text('{"outputs": []}')
    checked = broken.cli("check")
    assert checked.returncode == 1
    lines = [line for line in checked.stdout.splitlines() if line.startswith("broken")]
    assert lines == ["broken  clip: clip.json: has no outputs; allowed: one or more of its nodes' outputs"]
    assert "ok      map_reduce 1.0.0" in checked.stdout
