"""CCP and OGC mounted together over the real job service, on an engine in memory and a folder of results."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from tests.adapters.ogc.conftest import BASE, PROCESSES, RUNS, Buffered, echo, process

from dragoman.adapters import registry
from dragoman.config.settings import FetchSettings, LimitSettings, Settings
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.service import JobService
from dragoman.model.job import Output
from dragoman.packages.catalogue import Catalogue
from dragoman.sources.policy import SourcePolicy
from dragoman.web.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from flask.testing import FlaskClient
    from memoryengine import Run
    from tests.adapters.conftest import NewEngine

    from dragoman.model.job import Job
    from dragoman.model.process import Process
    from dragoman.web.auth import Authenticate

METHOD = "ea2a3ab6-0000-4000-8000-000000000001"
"""The process that the recorded script executes."""


def _numbers(job: Job, folder: Path) -> dict[str, Output]:
    sent = {name: [item.value for item in values] for name, values in job.request.inputs.items()}
    return {"all": Output(id="all", media_type="application/json", value=sent)}


def _constant(job: Job, folder: Path) -> dict[str, Output]:
    return {"text": Output(id="text", media_type="text/plain", value="hello")}


NUMBERS = {
    "list": {"schema": {"type": "array", "items": {"type": "integer"}}, "min_occurs": 0},
    "rows": {
        "schema": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        "min_occurs": 0,
    },
    "several": {"schema": {"type": "integer"}, "min_occurs": 0, "max_occurs": None},
    "number": {"schema": {"type": "number"}, "min_occurs": 0},
    "text": {"schema": {"type": "string"}, "min_occurs": 0},
    "nothing": {"schema": {"type": "string", "nullable": True}, "min_occurs": 0},
    "thing": {
        "schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        "min_occurs": 0,
    },
}
OWN: Mapping[str, Process] = {
    each.id: each
    for each in (
        process("numbers", NUMBERS, {"all": {"type": "object"}}),
        process(METHOD, {}, {"text": {"type": "string"}}),
        process(
            "pictures",
            {},
            {"text": {"type": "string"}},
            dialects={"ccp": {"runtimes": ["bash", "python"]}},
        ),
        process(
            "noted",
            {"ccpnote": {"schema": {"type": "integer"}}},
            {"output": {"type": "string"}, "text": {"type": "string"}},
        ),
    )
}
OWN_RUNS: Mapping[str, Run | None] = {
    "numbers": _numbers,
    METHOD: _constant,
    "pictures": _constant,
    "noted": _constant,
}


class Server:
    """An application with every dialect, and what is behind."""

    def __init__(
        self, home: Path, new_engine: NewEngine, authenticate: Authenticate | None = None, **changes: Any
    ) -> None:
        settings = Settings(
            config_path=home / "config.yml", server_url=BASE, host="127.0.0.1", port=5000, home=home,
            database_url="", workers=1, limits=LimitSettings(min_free_disk=1),
        )  # fmt: skip
        settings = replace(settings, **changes)
        self.results = FolderResults(home)
        self.engine = new_engine(self.results, {**RUNS, **OWN_RUNS})
        catalogue = Catalogue(processes={**PROCESSES, **OWN})
        self.jobs = JobService(
            catalogue=catalogue, store=self.engine, executor=self.engine, results=self.results,
            policy=SourcePolicy(fetch=FetchSettings()),
        )  # fmt: skip
        services = Services(settings=settings, catalogue=catalogue, jobs=self.jobs)
        if authenticate is not None:
            services = replace(services, authenticate=authenticate)
        self.app = Flask("host")
        self.app.test_client_class = Buffered
        registry.mount(self.app, services)

    def client(self) -> FlaskClient:
        return self.app.test_client()


@pytest.fixture
def make_server(tmp_path: Path, new_engine: NewEngine) -> Callable[..., Server]:
    return lambda **changes: Server(tmp_path, new_engine, **changes)


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    return make_server()


@pytest.fixture
def client(server: Server) -> FlaskClient:
    return server.client()


def submit(client: FlaskClient, process_id: str, inputs: Any = None, *, prefix: str = "/ccp") -> str:
    """The id of a new job."""
    body = {"inputs": {"text": "hello"} if inputs is None else inputs}
    headers = {"Prefer": "respond-async"}
    response = client.post(f"{prefix}/processes/{process_id}/execution", json=body, headers=headers)
    assert response.status_code == 201, response.text
    return str(response.get_json()["jobID"])


__all__ = ["METHOD", "Server", "echo", "submit"]
