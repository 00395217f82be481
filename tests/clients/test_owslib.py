"""OWSLib's client: what it offers of OGC API - Processes, and the links it leaves to be followed."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import requests
from owslib.ogcapi.processes import Processes
from rasterio.io import MemoryFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def client(server: Server) -> Any:
    return Processes(server.url, timeout=120)


def follow(info: dict[str, Any], rel: str) -> requests.Response:
    """GET the link of that relation."""
    href = next(link["href"] for link in info["links"] if link["rel"].endswith(rel))
    return requests.get(href, timeout=120)


def test_it_finds_the_api_definition_by_the_landing_page(client: Any, server: Server) -> None:
    assert client.api()["servers"] == [{"url": server.url}]


def test_it_reads_the_conformance_classes(client: Any) -> None:
    classes = client.conformance()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core" in classes
    assert "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/dismiss" in classes


def test_it_lists_the_processes(client: Any) -> None:
    found = {process["id"]: process for process in client.processes()}
    assert {"echo", "ndvi", "zonal-statistics", "hello-world"} <= found.keys()
    assert found["ndvi"]["jobControlOptions"] == ["sync-execute", "async-execute", "dismiss"]


def test_it_describes_a_process(client: Any) -> None:
    described = client.process("ndvi")
    assert list(described["inputs"]) == ["red", "nir", "red_band", "nir_band"]
    assert described["inputs"]["red_band"]["schema"]["default"] == 1
    assert set(described["outputs"]) == {"ndvi", "statistics"}


def test_a_process_that_does_not_exist_is_an_error_with_our_reason(client: Any) -> None:
    with pytest.raises(RuntimeError, match="no-such-process"):
        client.process("nothing")


def test_it_executes_and_waits(client: Any) -> None:
    assert client.execute("echo", {"text": "grüezi", "numbers": [1, 2]}) == {
        "text": "grüezi",
        "received": ['text="grüezi"', "numbers=[1, 2]"],
        "value": "",
    }


def test_it_chooses_outputs(client: Any) -> None:
    assert client.execute("echo", {"text": "a"}, outputs={"text": {"transmissionMode": "value"}}) == {
        "text": "a"
    }


def test_an_input_that_is_wrong_is_an_error_that_names_it(client: Any) -> None:
    with pytest.raises(RuntimeError, match="numbers"):
        client.execute("echo", {"text": "a", "numbers": ["one"]})


def test_it_executes_without_waiting_and_the_job_is_followed_by_its_links(
    client: Any, server: Server
) -> None:
    info = client.execute("echo", {"text": "later", "pause": 0.2}, async_=True)
    assert info["status"] in ("accepted", "running")
    assert client.response_headers["Location"] == f"{server.url}/jobs/{info['jobID']}"
    assert follow(info, "monitor").json()["jobID"] == info["jobID"]
    done = server.finished(info["jobID"])
    assert done["status"] == "successful"
    assert follow(done, "/results").json()["text"] == "later"
    assert info["jobID"] in {job["jobID"] for job in follow(done, "up").json()["jobs"]}


def test_it_computes_ndvi_of_rasters_sent_inline(client: Any, raster: Callable[[float], str]) -> None:
    results = client.execute("ndvi", {"red": {"value": raster(1)}, "nir": {"value": raster(3)}})
    assert results["statistics"]["value"]["mean"] == pytest.approx(0.5)
    assert results["ndvi"]["encoding"] == "base64"
    with MemoryFile(base64.b64decode(results["ndvi"]["value"])) as file, file.open() as dataset:
        assert dataset.crs.to_epsg() == 32618
        assert np.allclose(dataset.read(1), 0.5)
