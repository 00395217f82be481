"""The PESTO surface over the real job service, on an engine in memory: no processes, no database.

The PESTO project is written to a folder from the recorded describe document and read as any other.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_answers import ApiDocument
from tests.adapters.pesto.recorded import recording

from dragoman.adapters.ogc import routes as ogc
from dragoman.adapters.pesto import routes as pesto
from dragoman.adapters.pesto.settings import PestoSettings
from dragoman.config.settings import FetchSettings, LimitSettings, Settings
from dragoman.errors import AlgorithmError
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.service import JobService
from dragoman.model.job import Job, Output
from dragoman.model.process import InputSpec, OutputSpec, Process, Runtime
from dragoman.packages.catalogue import Catalogue
from dragoman.packages.pesto.definitions import STANDARD
from dragoman.packages.pesto.project import load_project
from dragoman.schemas.forms import expand
from dragoman.sources.policy import SourcePolicy
from dragoman.web.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from memoryengine import Run
    from tests.adapters.conftest import NewEngine
    from werkzeug.test import TestResponse

ROOT = "http://localhost:5000"
RESULTS = recording("stateless-process-4band").json


def write_project(folder: Path, described: dict[str, Any]) -> Path:
    """A PESTO project whose describe document is that one."""
    said = {
        name: value
        for name, value in described.items()
        if name not in ("config", "input", "output", "_links")
    }
    own = {k: v for k, v in described["input"]["definitions"].items() if k not in STANDARD}

    def schema(part: dict[str, Any]) -> dict[str, Any]:
        return {**part["properties"], "required": part.get("required", [])}

    files = {
        "api/description": said,
        "api/input_schema": schema(described["input"]),
        "api/output_schema": schema(described["output"]),
        "api/user_definitions": own,
        "api/config_schema": described["config"],
        "api/config": {"zoom": [16], "padding": 0},
        "api/version": {"version": said["version"], "other": "other version description"},
        "build/build": {"name": said["name"], "version": said["version"]},
        "build/requirements": {"requirements": {}, "environments": {}},
    }
    for name, data in files.items():
        path = folder / "pesto" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data))
    (folder / "algorithm").mkdir(exist_ok=True)
    (folder / "algorithm" / "process.py").write_text(
        "class Process:\n    def process(self, **inputs):\n        return {}\n"
    )
    return folder


def image(name: str, folder: Path, content: bytes, place: str = "") -> Output:
    kind = "png" if content.startswith(b"\x89PNG") else "tiff"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}{place}.{kind}").write_bytes(content)
    media_type = {"png": "image/png", "tiff": "image/tiff; application=geotiff"}[kind]
    return Output(id=name, media_type=media_type, file=f"{name}{place}.{kind}", size=len(content))


def value(name: str, content: Any) -> Output:
    return Output(
        id=name, media_type="text/plain" if isinstance(content, str) else "application/json", value=content
    )


def recorded_run(job: Job, folder: Path) -> dict[str, Output]:
    """What the recorded service gave for the image with four bands; its image list is two of twelve here."""
    made = {}
    for name, content in RESULTS.items():
        if name == "image":
            made[name] = image(name, folder, base64.b64decode(content))
        elif name == "image_list":
            items = [image(name, folder, base64.b64decode(each), str(i)) for i, each in enumerate(content)]
            made[name] = Output(id=name, media_type="image/tiff", items=tuple(items))
        else:
            made[name] = value(name, content)
    return made


def many(job: Job, folder: Path) -> dict[str, Output]:
    items = [image("tiles", folder, b"\x89PNG" + bytes([number]), str(number)) for number in range(12)]
    return {
        "tiles": Output(id="tiles", media_type="image/png", items=tuple(items)),
        "band2": value("band2", "its own name"),
        "nothing": value("nothing", None),
        "numbers": value("numbers", {"b": float("nan"), "a": 1}),
    }


def echo(job: Job, folder: Path) -> dict[str, Output]:
    inputs = job.request.inputs
    return {"text": value("text", inputs["text"][0].value), "count": value("count", len(inputs.get("n", ())))}


def fail(job: Job, folder: Path) -> dict[str, Output]:
    raise AlgorithmError("the sky fell")


def make(process_id: str, inputs: dict[str, Any], outputs: dict[str, Any], **more: Any) -> Process:
    """A process of ours."""

    def spec(schema: Any) -> dict[str, Any]:
        expanded, word = expand(schema)
        return {"schema": expanded, "shorthand": word}

    return Process(
        id=process_id,
        version="1.0.0",
        inputs={
            name: InputSpec(id=name, **(given | spec(given["schema"]))) for name, given in inputs.items()
        },
        outputs={name: OutputSpec(id=name, **spec(schema)) for name, schema in outputs.items()},
        **{"runtime": Runtime(form="native", folder="/nowhere"), **more},
    )


TEXT = {"text": {"schema": {"type": "string"}, "description": "What to say."}}
ECHO = make(
    "echo",
    TEXT | {"n": {"schema": {"type": "integer", "minimum": 0}, "min_occurs": 0, "max_occurs": None}},
    {"text": {"type": "string"}, "count": {"type": "integer"}},
    title="Echo",
    keywords=("test",),
    config={"chunk": 2048},
    config_schema={"type": "object", "properties": {"chunk": {"type": "integer", "x-public": True}}},
    resources={"ram": 2.0},
    dialects={"pesto": {"family": "test", "email": "geo@example.org"}},
)
OURS = [
    ECHO,
    replace(ECHO, id="later"),
    replace(ECHO, id="waiting"),
    replace(ECHO, id="fail"),
    make("only-async", TEXT, {"text": {"type": "string"}}, modes=("async",)),
    make(
        "many",
        {"images": {"schema": "raster", "max_occurs": None}, "scene": {"schema": "raster", "min_occurs": 0}},
        {
            "tiles": {"type": "array"},
            "band2": {"type": "string"},
            "nothing": {},
            "numbers": {"type": "object"},
        },
    ),
]
RUNS: dict[str, Run | None] = {
    "algo-service": recorded_run, "algo-stateful": recorded_run, "echo": echo, "later": echo,
    "only-async": echo, "waiting": None, "fail": fail, "many": many,
}  # fmt: skip


class Buffered(FlaskClient):
    """Reads answers whole and closes them, as a web server does; holds each to the OpenAPI document."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **{"buffered": True, **kwargs})
        check(response)
        return response


class Server:
    """An application with the PESTO and OGC surfaces, and what is behind."""

    def __init__(self, home: Path, new_engine: NewEngine, **changes: Any) -> None:
        settings = Settings(
            config_path=home / "config.yml", server_url=ROOT, host="127.0.0.1", port=5000, home=home,
            database_url="", workers=1, limits=LimitSettings(request_bytes=1_000_000, min_free_disk=1),
            dialects={"pesto": PestoSettings(default_process="algo-service", asynchronous=("later",))},
            data_roots=(home,), cors_origins=("https://maps.example.org",),
        )  # fmt: skip
        self.settings = replace(settings, **changes)
        results = FolderResults(home)
        self.engine = new_engine(results, dict(RUNS))
        made = [
            load_project(write_project(home / name, recording(described).json), id=id)
            for name, described, id in (
                ("stateless", "stateless-describe", "algo-service"),
                ("stateful", "stateful-describe", "algo-stateful"),
            )
        ]
        self.catalogue = Catalogue(processes={process.id: process for process in (*made, *OURS)})
        self.jobs = JobService(
            catalogue=self.catalogue, store=self.engine, executor=self.engine, results=results,
            policy=SourcePolicy(fetch=FetchSettings(), data_roots=(home,)),
        )  # fmt: skip
        self.services = Services(settings=self.settings, catalogue=self.catalogue, jobs=self.jobs)

    def client(self, prefix: str | None = None) -> FlaskClient:
        app = Flask("host")
        app.test_client_class = Buffered
        app.register_blueprint(ogc.blueprint(self.services), url_prefix=prefix)
        app.register_blueprint(pesto.blueprint(self.services), url_prefix=prefix)
        return app.test_client()


@pytest.fixture
def server(tmp_path: Path, new_engine: NewEngine) -> Server:
    return Server(tmp_path, new_engine)


@pytest.fixture
def make_server(tmp_path: Path, new_engine: NewEngine) -> Callable[..., Server]:
    return lambda **changes: Server(tmp_path, new_engine, **changes)


@pytest.fixture
def client(server: Server) -> Iterator[FlaskClient]:
    with server.client() as made:
        yield made


@cache
def _document() -> ApiDocument:
    return ApiDocument("pesto")


def check(response: TestResponse) -> None:
    """Assert that an answer below /api/v1 is one that ``openapi/pesto.yml`` tells of."""
    if "/api/v1" in response.request.path and response.status_code != 204:
        path = "/api/v1" + response.request.path.partition("/api/v1")[2].rstrip("/")
        _document().check(response, path)
