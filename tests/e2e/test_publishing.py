"""Published results, on real servers: there when the job says success, whatever is killed; gone with age and job."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import requests
from affine import Affine
from harness import HANG, Server, gone, serving, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

CELLS = np.linspace(1, 2, 60 * 50, dtype="float32").reshape(60, 50)


def _write(path: Path, values: Any = CELLS, **profile: Any) -> None:
    options = {"crs": "EPSG:32633", "transform": Affine(10, 0, 500_000, 0, -10, 5_000_000), **profile}
    with rasterio.open(
        path, "w", "GTiff", values.shape[1], values.shape[0], 1, dtype=values.dtype.name, **options
    ) as target:
        target.write(values, 1)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of rasters that jobs may read."""
    folder = tmp_path_factory.mktemp("scenes")
    _write(folder / "red.tif")
    _write(folder / "nir.tif", CELLS * 3)
    _write(folder / "turned.tif", transform=Affine.translation(500_000, 5_000_000) @ Affine.rotation(20))
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Iterator[Server]:
    """A server that all tests use which kill nothing."""
    with serving(tmp_path_factory.mktemp("server"), manager={"data_roots": [str(scenes)]}) as started:
        yield started


def _ask(server: Server, scenes: Path, publish: Any = True, *, red: str = "red.tif") -> requests.Response:
    inputs = {"red": {"href": (scenes / red).as_uri()}, "nir": {"href": (scenes / "nir.tif").as_uri()}}
    return requests.post(
        f"{server.url}/processes/ndvi/execution",
        json={"inputs": inputs, "outputs": {"ndvi": {"publish": publish}}},
        headers={"Prefer": "respond-async"},
        timeout=HANG,
    )


def _publish(server: Server, scenes: Path, publish: Any = True, **options: Any) -> str:
    answer = _ask(server, scenes, publish, **options)
    assert answer.status_code == 201, answer.text
    job_id: str = answer.json()["jobID"]
    return job_id


def _names(server: Server) -> set[str]:
    answer = requests.get(f"{server.url}/arcgis/rest/services", timeout=HANG)
    return {service["name"] for service in answer.json()["services"]}


def _files(server: Server, job_id: str) -> list[str]:
    folder = server.home / "services" / job_id
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_published_output_is_a_service_when_the_job_says_success(shared: Server, scenes: Path) -> None:
    job_id = _publish(shared, scenes, {"type": "stretched", "colors": [["min", "#f00"], ["max", "#00f"]]})
    info = shared.finished(job_id)
    assert info["status"] == "successful", info
    links = {link["rel"]: link["href"] for link in info["links"]}
    assert links["service"] == f"{shared.url}/arcgis/rest/services/{job_id}/ndvi/MapServer"
    assert links["tilejson"] == f"{shared.url}/tiles/{job_id}/ndvi/tilejson.json"
    assert requests.get(links["service"], timeout=HANG).status_code == 200
    assert f"{job_id}/ndvi" in _names(shared)
    page = requests.get(f"{shared.url}/jobs/{job_id}?f=html", timeout=HANG).text
    assert links["service"] in page
    with rasterio.open(shared.home / "services" / job_id / "ndvi.nc") as dataset:
        assert dataset.crs.to_epsg() == 32633
        np.testing.assert_allclose(dataset.read(1), 0.5, rtol=1e-6)


def test_nothing_is_published_that_was_not_asked_for(shared: Server, scenes: Path) -> None:
    job_id = _publish(shared, scenes, False)
    info = shared.finished(job_id)
    assert info["status"] == "successful"
    assert "service" not in {link["rel"] for link in info["links"]}
    assert _files(shared, job_id) == []


@pytest.mark.parametrize(
    ("publish", "told"),
    [
        (5, "'publish': 5 is no renderer"),
        ("max-min", "min-max"),
        ({"type": "unique", "colors": [["median", "#000"]]}, "percentile"),
        ({"type": "unique", "colors": [[1, "red"]]}, "colors[0][1]"),
    ],
)
def test_what_cannot_be_published_so_is_refused_by_name(
    shared: Server, scenes: Path, publish: Any, told: str
) -> None:
    answer = _ask(shared, scenes, publish)
    assert answer.status_code == 400
    assert "output 'ndvi'" in answer.json()["detail"]
    assert told in answer.json()["detail"]


def test_a_raster_that_is_no_map_fails_its_job_by_name(shared: Server, scenes: Path) -> None:
    job_id = _publish(shared, scenes, red="turned.tif")
    info = shared.finished(job_id)
    assert info["status"] == "failed"
    assert "output 'ndvi' cannot be published" in info["message"]
    assert "rotated" in info["message"]
    assert _files(shared, job_id) == []
    assert str(shared.home) not in json.dumps(info)


def test_a_service_goes_with_its_output_and_with_its_job(shared: Server, scenes: Path) -> None:
    job_id = _publish(shared, scenes)
    shared.finished(job_id)
    assert _files(shared, job_id) == ["ndvi.nc", "ndvi.tif"]
    assert shared.dismiss(job_id).status_code == 200
    assert _files(shared, job_id) == []
    assert not any(name.startswith(job_id) for name in _names(shared))


def test_a_service_is_an_input_whatever_becomes_of_it(shared: Server, scenes: Path) -> None:
    job_id = _publish(shared, scenes)
    shared.finished(job_id)

    def use(reference: str) -> requests.Response:
        nir = {"href": (scenes / "nir.tif").as_uri()}
        return requests.post(
            f"{shared.url}/processes/ndvi/execution",
            json={"inputs": {"red": {"href": reference}, "nir": nir}, "outputs": {"statistics": {}}},
            timeout=HANG,
        )

    answer = use(f"service://{job_id}/ndvi")
    assert answer.status_code == 200, answer.text
    expected = float(((CELLS * 3 - 0.5) / (CELLS * 3 + 0.5)).mean(dtype=float))
    assert answer.json()["mean"] == pytest.approx(expected, rel=1e-5)
    for reference, told in (
        (f"service://{job_id}/ndvi:red", "allowed: data"),
        (f"service://{job_id}/ndvi@1700000000000", "not milliseconds"),
        (f"service://{job_id}/ndvi@17", "has no time"),
        (f"service://{job_id}/other", "there is no service"),
        ("service://", "service://name"),
    ):
        refused = use(reference)
        assert refused.status_code == 400, reference
        assert "input 'red'" in refused.json()["detail"]
        assert told in refused.json()["detail"]
    waiting = requests.post(
        f"{shared.url}/processes/ndvi/execution",
        json={
            "inputs": {
                "red": {"href": f"service://{job_id}/ndvi"},
                "nir": {"href": (scenes / "nir.tif").as_uri()},
            }
        },
        headers={"Prefer": "respond-async"},
        timeout=HANG,
    ).json()["jobID"]
    pinned = shared.details(waiting)["request"]["inputs"]["red"][0]["service"]
    assert (pinned["band"], pinned["variable"]) == (1, "data")
    assert shared.finished(waiting)["status"] == "successful"
    shared.dismiss(job_id)
    assert use(f"service://{job_id}/ndvi").status_code == 400


def test_each_raster_of_a_list_is_a_service(shared: Server) -> None:
    body = {"inputs": {"count": 3}, "outputs": {"tiles": {"publish": True}}}
    answer = requests.post(
        f"{shared.url}/processes/lister/execution",
        json=body,
        headers={"Prefer": "respond-async"},
        timeout=HANG,
    )
    assert answer.status_code == 201, answer.text
    job_id = answer.json()["jobID"]
    info = shared.finished(job_id)
    assert info["status"] == "successful", info
    places = [f"{job_id}/tiles/{number}" for number in range(3)]
    assert {name for name in _names(shared) if name.startswith(job_id)} == set(places)
    links = [(link["href"], link["title"]) for link in info["links"] if link["rel"] == "service"]
    assert links == [
        (f"{shared.url}/arcgis/rest/services/{place}/MapServer", f"Output tiles/{number} as a map service")
        for number, place in enumerate(places)
    ]
    for number, place in enumerate(places):
        told = requests.get(f"{shared.url}/data/services/{place}/data/info/range/", timeout=HANG).json()
        assert told == {"min": number, "max": number}
    use = {"red": {"href": f"service://{places[1]}"}, "nir": {"href": f"service://{places[2]}:data"}}
    used = shared.execute("ndvi", wait=True, **use)
    assert used.status_code == 200, used.text
    none = shared.execute("ndvi", wait=True, **use | {"red": {"href": f"service://{job_id}/tiles"}})
    assert "there is no service" in none.json()["detail"]
    shared.dismiss(job_id)
    assert _files(shared, job_id) == []


def test_a_list_without_a_raster_publishes_none(shared: Server) -> None:
    body: dict[str, Any] = {"inputs": {"count": 0}, "outputs": {"tiles": {"publish": True}}}
    url = f"{shared.url}/processes/lister/execution"
    assert requests.post(url, json=body, timeout=HANG).json() == []
    for name, told in (("tables", "it is text/csv"), ("numbers", "it is no file")):
        refused = requests.post(url, json={**body, "outputs": {name: {"publish": True}}}, timeout=HANG)
        assert refused.status_code == 400
        assert f"output '{name}' cannot be published: {told}" in refused.json()["detail"]


def test_eight_clients_publish_read_and_remove_at_once(shared: Server, scenes: Path) -> None:
    def live(_number: int) -> None:
        for _ in range(3):
            job_id = _publish(shared, scenes)
            assert shared.finished(job_id)["status"] == "successful"
            assert f"{job_id}/ndvi" in _names(shared)
            assert _files(shared, job_id) == ["ndvi.nc", "ndvi.tif"]
            assert shared.cli("cleanup").returncode == 0
            assert shared.dismiss(job_id).status_code == 200
            assert f"{job_id}/ndvi" not in _names(shared)
            assert _files(shared, job_id) == []

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(live, range(8)))


def test_services_end_at_their_age_by_the_command_and_by_the_server(tmp_path: Path, scenes: Path) -> None:
    manager: dict[str, Any] = {
        "data_roots": [str(scenes)],
        "dialects": {"ncdjango": {"max_temporary_service_age": 86_400}},
    }
    with serving(tmp_path, manager=manager) as server:
        job_id = _publish(server, scenes)
        server.finished(job_id)
        assert "0 map services" in server.cli("cleanup").stdout
        text = server.config.read_text("utf-8")
        server.config.write_text(text.replace("86400", "0.001"), "utf-8")
        assert "1 map services" in server.cli("cleanup").stdout
        assert _names(server) == set()
        assert _files(server, job_id) == []
        info = server.job(job_id)
        assert info["status"] == "successful"
        assert "service" not in {link["rel"] for link in info["links"]}
        assert requests.get(f"{server.url}/jobs/{job_id}/results", timeout=HANG).status_code == 200
        second = _publish(server, scenes)
        server.finished(second)
        server.stop()
        server.start()  # whose engine knows the new age
        wait_for(lambda: _names(server) == set() and _files(server, second) == [], "it has ended")


@pytest.mark.parametrize("victim", ["worker", "supervisor", "server"])
def test_a_kill_leaves_neither_a_service_without_success_nor_success_without_a_service(
    tmp_path: Path, scenes: Path, victim: str
) -> None:
    """Killed as soon as the first file of the service is written: between the run's end and its success."""
    big = np.random.default_rng(5).normal(2, 0.1, (3000, 3000)).astype("float32")
    data = tmp_path / "data"
    data.mkdir()
    _write(data / "red.tif", big)
    _write(data / "nir.tif", big * 3)
    with serving(tmp_path / "server", manager={"data_roots": [str(data)]}) as server:
        job_id = _publish(server, data)
        made = server.home / "runs" / job_id / "services"
        wait_for(lambda: made.exists() and any(made.iterdir()), "the service is being written")
        family = server.family()
        if victim == "worker":
            for folder in (server.home / "workers").iterdir():
                if folder.name.isdecimal():
                    os.kill(int(folder.name), signal.SIGKILL)
        elif victim == "supervisor":
            os.kill(server.supervisor, signal.SIGKILL)
        else:
            server.kill_group()
            wait_for(lambda: all(gone(pid) for pid in family), "all of it is gone")
            server.start()
        while (info := server.job(job_id))["status"] not in ("successful", "failed"):
            if f"{job_id}/ndvi" in _names(server):
                assert server.job(job_id)["status"] == "successful"
        assert info["status"] == "successful", info
        assert server.details(job_id)["attempts"] == 2
        assert _names(server) == {f"{job_id}/ndvi"}
        assert _files(server, job_id) == ["ndvi.nc", "ndvi.tif"]
        assert not made.exists()
