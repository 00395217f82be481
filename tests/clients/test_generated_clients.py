"""What sessions with generated clients see: Java with three libraries, Go, TypeScript."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from generated_clients import CLIENTS, missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=CLIENTS)
def seen(
    request: pytest.FixtureRequest,
    server: Server,
    openapi: Path,
    tool: Callable[[str], Path],
    run: Callable[..., str],
    raster: Callable[[float], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What a session with the client saw."""
    client = CLIENTS[request.param]
    if words := missing(client):
        pytest.skip(words)
    folder = tmp_path_factory.mktemp(request.param)
    generator = tool("openapi-generator-cli")
    run(generator, "generate", "-i", openapi, "-o", folder / "client", "-g", *client.generator, folder=folder)
    text = run(*client.build(folder, run), raster(1), raster(3), folder=folder)
    data: dict[str, Any] = json.loads(text.splitlines()[-1])
    return data


def test_it_lists_the_processes(seen: dict[str, Any]) -> None:
    assert {"echo", "ndvi", "zonal-statistics", "hello-world"} <= set(seen["processes"])
    assert seen["matched"] == len(seen["processes"])


def test_it_describes_a_process(seen: dict[str, Any]) -> None:
    assert set(seen["inputs"]) == {"text", "pause", "numbers", "area", "value", "note"}
    assert (seen["inputs"]["text"]["minOccurs"], seen["inputs"]["text"]["maxOccurs"]) == (1, 1)
    assert seen["inputs"]["pause"]["schema"]["maximum"] == 3600
    assert set(seen["outputs"]) == {"text", "received", "value"}


def test_it_executes_and_keeps_every_digit_of_a_coordinate(seen: dict[str, Any]) -> None:
    assert seen["now"]["text"] == "now"
    assert any("7.123456789012" in item for item in seen["now"]["received"])


def test_it_starts_a_job_polls_it_and_gets_the_results(seen: dict[str, Any]) -> None:
    assert seen["finished"] == "successful"
    assert seen["later"]["text"] == "later"


def test_it_sends_rasters_and_gets_one(seen: dict[str, Any]) -> None:
    assert seen["ndvi"]["statistics"]["value"]["mean"] == pytest.approx(0.5)
    assert base64.b64decode(seen["ndvi"]["ndvi"]["value"])[:2] in (b"II", b"MM")


def test_a_wrong_input_is_a_problem(seen: dict[str, Any]) -> None:
    assert seen["problem"]["code"] == "invalid-inputs"
    assert [wrong["name"] for wrong in seen["problem"]["invalid-params"]] == ["pause"]


def test_it_dismisses_a_job(seen: dict[str, Any]) -> None:
    assert seen["dismissed"] == "dismissed"
    assert seen["listed"]
