"""A client for Java (okhttp-gson) that openapi-generator makes from the served definition, compiled and run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness import Server

pytestmark = pytest.mark.slow

NEEDED = {"java": "default-jdk-headless", "javac": "default-jdk-headless", "mvn": "maven"}
"""Commands, and the Debian package that each comes from."""


@pytest.fixture(scope="module")
def seen(
    server: Server,
    openapi: Path,
    tool: Callable[[str], Path],
    run: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What a session with the client saw."""
    for command, package in NEEDED.items():
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not here; Debian: {package}")
    folder = tmp_path_factory.mktemp("java-client")
    client = folder / "client"
    generator = tool("openapi-generator-cli")
    run(generator, "generate", "-g", "java", "-i", openapi, "-o", client, folder=folder)
    session = Path(__file__).with_name("GeneratedSession.java")
    shutil.copy(session, client / "src/main/java/org/openapitools/client")
    jars = folder / "jars"
    goals = ("compile", "dependency:build-classpath", f"-Dmdep.outputFile={jars}")
    run("mvn", "--quiet", "--batch-mode", "-DskipTests", *goals, folder=client)
    path = f"{client / 'target/classes'}:{jars.read_text().strip()}"
    text = run("java", "-cp", path, "org.openapitools.client.GeneratedSession", folder=folder)
    data: dict[str, Any] = json.loads(text.splitlines()[-1])
    return data


def test_it_lists_the_processes(seen: dict[str, Any]) -> None:
    assert {"echo", "ndvi", "zonal-statistics", "hello-world"} <= set(seen["processes"])
    assert seen["matched"] == len(seen["processes"])


def test_it_executes_and_keeps_every_digit_of_a_coordinate(seen: dict[str, Any]) -> None:
    assert seen["now"]["text"] == "now"
    assert any("7.123456789012" in item for item in seen["now"]["received"])


def test_it_starts_a_job_polls_it_and_gets_the_results(seen: dict[str, Any]) -> None:
    assert seen["finished"] == "successful"
    assert seen["later"]["text"] == "later"


def test_a_wrong_input_is_a_problem(seen: dict[str, Any]) -> None:
    assert seen["problem"]["code"] == "invalid-inputs"
    assert [wrong["name"] for wrong in seen["problem"]["invalid-params"]] == ["pause"]


def test_it_dismisses_a_job(seen: dict[str, Any]) -> None:
    assert seen["dismissed"] == "dismissed"
