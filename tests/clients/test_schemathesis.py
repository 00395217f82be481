"""schemathesis against the served definition: no server error, and no answer that the definition does not allow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from harness import BIN, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

HOOKS = "schemathesis_hooks"
CONFIGURATION = """
hooks = "{hooks}"
workers = 2
request-timeout = 300
continue-on-failure = true

[generation]
max-examples = 10
deterministic = true
database = "none"

[checks]
# 503 is a full queue, or a server that has no place for another call that waits
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]

# No schema tells bytes that are a raster from those that are not, a URL that may be fetched, or an interval whose
# start is before its end: what fits the definition may still be refused, and so may the results of such a job.
[[operations]]
include-path-regex = "/execution$|^/jobs"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-name = "GET /jobs/{{jobID}}/results/{{outputID}}"
parameters = {{ "path.jobID" = "{job_id}", "path.outputID" = "text" }}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the processes that are shipped, and none that the other tests use to do harm."""
    made = Server(tmp_path_factory.mktemp("schemathesis"), {"jobs": {"queue_limit": 200}})
    configuration = yaml.safe_load(made.config.read_text())
    packaged = {
        name: item["processor"].get("package", "") for name, item in configuration["resources"].items()
    }
    for name, package in packaged.items():
        if "tests" in Path(package).parts:
            del configuration["resources"][name]
    made.config.write_text(yaml.safe_dump(configuration))
    try:
        yield made.start()
    finally:
        made.stop()


def _of_requests(definition: dict[str, Any]) -> Iterator[str]:
    """The names of the schemas that requests of executions are made of."""
    for path, item in definition["paths"].items():
        if path.endswith("/execution"):
            reference = item["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            name = reference.rpartition("/")[2]
            yield from (name, *(name.removesuffix("Request") + part for part in ("Inputs", "Outputs")))


def _allow_null(schema: Any) -> None:
    """Say of a request, in place, what its definition has in words alone: what may be left out may be null.

    As ``nullable`` it would make Java's resttemplate send wrappers, and Rust options within options.
    """
    for branch in schema.get("anyOf", ()):
        _allow_null(branch)
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        _allow_null(member)
        if name in required:
            continue
        schema["properties"][name] = {"anyOf": [member, {"enum": [None], "nullable": True}]}


def test_no_server_error_and_no_answer_that_the_definition_does_not_allow(
    server: Server, run: Callable[..., str], tmp_path: Path
) -> None:
    job_id = server.submit("echo", text="here")
    server.finished(job_id)
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION.format(hooks=HOOKS, job_id=job_id))
    definition = requests.get(f"{server.url}/openapi", timeout=120).json()
    for name in ("Format", "OutputRequest", "Subscriber", *_of_requests(definition)):
        _allow_null(definition["components"]["schemas"][name])
    served, report = (
        tmp_path / "openapi.json",
        tmp_path / "report.json",
    )  # of a URL it would leave out the operation
    served.write_text(json.dumps(definition))
    options = ["--url", server.url, "--report", "json", "--report-json-path", report, "--no-color"]
    folder = str(Path(__file__).parent)
    run(BIN / "schemathesis", "run", served, *options, folder=tmp_path, timeout=1400, PYTHONPATH=folder)
    seen: dict[str, Any] = json.loads(report.read_text())
    assert (seen["complete"], seen["failures"], seen["errors"]) == (True, [], [])
    assert seen["operations"]["tested"] == sum(len(methods) for methods in definition["paths"].values())
    assert "Traceback" not in server.log.read_text()
