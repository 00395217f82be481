"""A Python client that openapi-python-client makes from the served definition, without a warning."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from rasterio.io import MemoryFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def seen(
    server: Server,
    openapi: Path,
    tool: Callable[[str], Path],
    run: Callable[..., str],
    raster: Callable[[float], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What a session with the client saw."""
    folder = tmp_path_factory.mktemp("python-client")
    generator = tool("openapi-python-client")
    hooks = {"PATH": f"{generator.parent}:/usr/bin:/bin"}  # it tidies up with the ruff of its environment
    options = ["--meta", "none", "--output-path", folder / "dragoman_client", "--fail-on-warning"]
    run(generator, "generate", "--path", openapi, *options, folder=folder, **hooks)
    session = Path(__file__).with_name("generated_session.py")
    python = generator.parent / "python"
    arguments = (server.url, raster(1), raster(3))
    text = run(python, "-W", "error", session, *arguments, folder=folder, PYTHONPATH=str(folder))
    data: dict[str, Any] = json.loads(text)
    return data


def test_it_lists_the_processes(seen: dict[str, Any]) -> None:
    assert {"echo", "ndvi", "zonal-statistics", "hello-world"} <= set(seen["processes"])


def test_it_describes_a_process(seen: dict[str, Any]) -> None:
    assert seen["inputs"] == ["text", "pause", "numbers", "area", "value", "note"]
    assert seen["type of text"] == "string"


def test_it_executes_and_waits_with_typed_inputs(seen: dict[str, Any]) -> None:
    status, results = seen["echo"]
    assert status == 200
    assert results["text"] == "héllo"
    assert [item.partition("=")[0] for item in results["received"]] == [
        "text", "numbers", "area", "value", "note"
    ]  # fmt: skip


def test_a_wrong_input_is_a_typed_problem(seen: dict[str, Any]) -> None:
    status, kind, detail = seen["problem"]
    assert (status, kind) == (400, "Problem")
    assert "'red'" in detail
    assert "'nir'" in detail


def test_it_starts_a_job_and_polls_it_to_its_end(seen: dict[str, Any]) -> None:
    assert seen["started"] == [201, "StatusInfo", "ndvi"]
    assert seen["finished"]["status"] == "successful"
    assert seen["finished"]["progress"] == 100


def test_it_gets_the_results(seen: dict[str, Any]) -> None:
    results = seen["results"]
    assert results["statistics"]["value"]["mean"] == pytest.approx(0.5)
    with MemoryFile(base64.b64decode(results["ndvi"]["value"])) as file, file.open() as dataset:
        assert np.allclose(dataset.read(1), 0.5)


def test_it_gets_some_of_the_results(seen: dict[str, Any]) -> None:
    assert seen["only"] == ["statistics"]
    assert seen["one"]["valid_count"] == 64


def test_it_dismisses_a_job_and_removes_it(seen: dict[str, Any]) -> None:
    assert seen["early"].endswith("/result-not-ready")
    assert seen["dismissed"] == "dismissed"
    assert seen["listed"]
    assert seen["gone"] == 404
