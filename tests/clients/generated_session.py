"""A session with the client that openapi-python-client made, in the environment that has its dependencies.

Called as: generated_session.py URL RED NIR (two GeoTIFFs in base64); prints what it saw as JSON. The client is
imported by name, since it exists only while the test runs.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from typing import Any
from uuid import UUID

PACKAGE = "dragoman_client"


def call(tag: str, operation: str, *arguments: Any, **more: Any) -> Any:
    """The answer to an operation, with status and parsed body."""
    return import_module(f"{PACKAGE}.api.{tag}.{operation}").sync_detailed(*arguments, **more)


def model(name: str) -> Any:
    """A class of the generated package."""
    return getattr(import_module(f"{PACKAGE}.models"), name)


def request(process: str, inputs: Any, response: str = "document") -> Any:
    """The body of an execution."""
    choice = model(f"{process}RequestResponse")(response)
    return model(f"{process}Request")(inputs=inputs, response=choice)


def finished(client: Any, job_id: UUID) -> Any:
    """Poll until a job has ended, for five minutes at most."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        info = call("jobs", "get_status", job_id, client=client).parsed
        if info.status in ("successful", "failed", "dismissed"):
            return info
        time.sleep(0.05)
    raise TimeoutError(f"job {job_id} does not end")


def session(client: Any, red: str, nir: str) -> dict[str, Any]:
    """What the client sees, step by step."""
    seen: dict[str, Any] = {}
    listed = call("processes", "get_processes", client=client).parsed
    seen["processes"] = [summary.id for summary in listed.processes]

    described = call("processes", "describe_echo", client=client).parsed
    seen["inputs"] = list(described.inputs.additional_properties)
    seen["type of text"] = described.inputs["text"]["schema"]["type"]

    area = model("EchoInputsAreaType0")(bbox=[5.0, 45.0, 10.0, 47.0])
    inputs = model("EchoInputs")(text="héllo", numbers=[1, 2], value=2.5, area=area, note="plain")
    answer = call("processes", "execute_echo", client=client, body=request("Echo", inputs))
    seen["echo"] = [answer.status_code, model("EchoResults").from_dict(answer.parsed).to_dict()]

    reference = model("Reference")(href="ftp://example.org/raster.tif")
    wrong = model("NdviInputs")(red=reference, nir=reference)
    answer = call("processes", "execute_ndvi", client=client, body=request("Ndvi", wrong))
    seen["problem"] = [answer.status_code, type(answer.parsed).__name__, answer.parsed.detail]

    qualified = model("NdviInputsNirType1")(value=nir, media_type="image/tiff")
    inputs = model("NdviInputs")(red=red, nir=qualified)
    body = request("Ndvi", inputs)
    started = call("processes", "execute_ndvi", client=client, body=body, prefer="respond-async")
    seen["started"] = [started.status_code, type(started.parsed).__name__, started.parsed.process_id]
    job_id = UUID(started.parsed.job_id)
    seen["finished"] = finished(client, job_id).to_dict()
    seen["results"] = call("jobs", "get_results", job_id, client=client).parsed
    only = call("jobs", "get_results", job_id, client=client, outputs=["statistics"]).parsed
    seen["only"] = list(only)
    seen["one"] = call("jobs", "get_output", job_id, "statistics", client=client).parsed

    inputs = model("EchoInputs")(text="stop", pause=600)
    started = call(
        "processes", "execute_echo", client=client, body=request("Echo", inputs), prefer="respond-async"
    )
    job_id = UUID(started.parsed.job_id)
    seen["early"] = call("jobs", "get_results", job_id, client=client).parsed.type_
    seen["dismissed"] = str(call("jobs", "dismiss_job", job_id, client=client).parsed.status)
    dismissed = [model("GetJobsStatusType0Item")("dismissed")]
    jobs = call("jobs", "get_jobs", client=client, status=dismissed, process_id=["echo"], limit=5).parsed
    seen["listed"] = str(job_id) in {job.job_id for job in jobs.jobs}
    call("jobs", "dismiss_job", job_id, client=client)
    seen["gone"] = call("jobs", "get_status", job_id, client=client).status_code
    return seen


if __name__ == "__main__":
    url, red, nir = sys.argv[1:]
    made = import_module(PACKAGE).Client(base_url=url, raise_on_unexpected_status=True, timeout=120)
    print(json.dumps(session(made, red, nir)))
