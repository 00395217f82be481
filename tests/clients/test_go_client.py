"""A client for Go that openapi-generator makes from the served definition, built and run."""

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


@pytest.fixture(scope="module")
def seen(
    server: Server,
    openapi: Path,
    tool: Callable[[str], Path],
    run: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What a session with the client saw."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not here; Debian: golang-go")
    if shutil.which("java") is None:
        pytest.skip("java is not here; Debian: default-jre-headless")
    folder = tmp_path_factory.mktemp("go-client")
    generator = tool("openapi-generator-cli")
    run(generator, "generate", "-g", "go", "-i", openapi, "-o", folder / "client", folder=folder)
    session = folder / "client" / "session"
    session.mkdir()
    shutil.copy(Path(__file__).with_name("generated_session.go"), session / "main.go")
    environment = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}
    program = folder / "session"
    run(go, "build", "-o", program, "./session", folder=folder / "client", **environment)
    data: dict[str, Any] = json.loads(run(program, folder=folder))
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


def test_a_wrong_input_is_a_typed_problem(seen: dict[str, Any]) -> None:
    assert seen["problem"]["code"] == "invalid-inputs"
    assert [wrong["name"] for wrong in seen["problem"]["invalid-params"]] == ["pause"]


def test_it_dismisses_a_job(seen: dict[str, Any]) -> None:
    assert seen["dismissed"] == "dismissed"
    assert seen["listed"]
