"""A client for R that openapi-generator makes from the served definition, sourced and run."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness import Server

pytestmark = pytest.mark.slow

PACKAGES = ("R6", "httr", "jsonlite", "base64enc", "stringr")


@pytest.fixture(scope="module")
def rscript() -> str:
    """The R interpreter, with every package that a generated client loads."""
    command = shutil.which("Rscript")
    if command is None:
        pytest.skip("Rscript is not here; Debian: r-base-core")
    for name in PACKAGES:
        script = f"quit(status = !requireNamespace('{name}', quietly = TRUE))"
        if subprocess.run([command, "-e", script], capture_output=True, check=False).returncode:
            pytest.skip(f"R has no package {name}; Debian: r-cran-{name.lower()}")
    return command


@pytest.fixture(scope="module")
def seen(
    server: Server,
    openapi: Path,
    tool: Callable[[str], Path],
    rscript: str,
    run: Callable[..., str],
    raster: Callable[[float], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What a session with the client saw."""
    if shutil.which("java") is None:
        pytest.skip("java is not here; Debian: default-jre-headless")
    folder = tmp_path_factory.mktemp("r-client")
    generator = tool("openapi-generator-cli")
    run(generator, "generate", "-g", "r", "-i", openapi, "-o", folder / "client", folder=folder)
    red, nir, answer = folder / "red", folder / "nir", folder / "answer.json"
    red.write_text(raster(1))
    nir.write_text(raster(3))
    session = Path(__file__).with_name("generated_session.R")
    run(rscript, "--vanilla", session, folder / "client" / "R", red, nir, answer, folder=folder)
    data: dict[str, Any] = json.loads(answer.read_text())
    return data


def test_it_reads_the_conformance_classes(seen: dict[str, Any]) -> None:
    assert "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core" in seen["classes"]


def test_it_lists_the_processes(seen: dict[str, Any]) -> None:
    assert {"echo", "ndvi", "zonal-statistics", "hello-world"} <= set(seen["processes"])


def test_it_describes_a_process(seen: dict[str, Any]) -> None:
    assert seen["inputs"] == ["text", "pause", "numbers", "area", "value", "note"]
    assert seen["type_of_text"] == "string"


def test_it_executes_and_waits(seen: dict[str, Any]) -> None:
    assert seen["now"]["text"] == "now"
    assert [item.partition("=")[0] for item in seen["now"]["received"]] == [
        "text",
        "numbers",
        "area",
        "value",
    ]


def test_it_starts_a_job_polls_it_and_gets_the_results(seen: dict[str, Any]) -> None:
    assert seen["started"] == {"type": "process", "processID": "echo"}
    assert seen["finished"]["status"] == "successful"
    assert seen["later"]["text"] == "later"
    assert seen["only"] == "received"


def test_it_gets_a_raster_inline_and_as_a_file(seen: dict[str, Any]) -> None:
    assert seen["mean"] == pytest.approx(0.5)
    assert seen["bytes"] > 256
    assert seen["identical"]


def test_a_wrong_input_is_a_problem_that_it_shows(seen: dict[str, Any]) -> None:
    assert seen["problem"]["status"] == 400
    assert "'red'" in seen["problem"]["text"]


def test_it_dismisses_a_job(seen: dict[str, Any]) -> None:
    assert seen["dismissed"] == "dismissed"
    assert seen["listed"]
